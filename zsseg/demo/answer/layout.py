"""The components of the answer on the first screen: one card per method, the shared opacity; no events here."""

from dataclasses import dataclass

import gradio as gr

from zsseg.demo.answer.banner import banner
from zsseg.demo.answer.card import title
from zsseg.demo.catalog import Predictors
from zsseg.demo.html.parts import text
from zsseg.demo.link import PENALTIES
from zsseg.demo.theme import script
from zsseg.errors import UserError


@dataclass(frozen=True)
class Card:
    """One method's answer and its two sliders."""

    method: str
    title: gr.HTML
    view: gr.HTML
    threshold: gr.Slider
    seen_penalty: gr.Slider


def make_card(method: str, predictors: Predictors) -> Card:
    """Lay out one method's answer; its sliders start at the checkpoint's own settings."""
    threshold, seen_penalty = own_settings(method, predictors)
    able = not isinstance(predictors[method], UserError)
    with gr.Column(min_width=290, elem_classes="zs-card", elem_id=f"zs-{method}"):
        heading = gr.HTML(title(method, predictors))
        view = gr.HTML(text("waiting") if able else "", js_on_load=script("card.js"), elem_classes="zs-answer")
        with gr.Column(elem_classes="zs-sliders"):
            none_below = _slider(
                (0, 1), threshold, "Score threshold", "A pixel where no class scores higher is left unpainted."
            )
            penalty = _slider(
                PENALTIES, seen_penalty, "Seen penalty", "Subtracted from the scores of seen classes; below 0, added."
            )
    return Card(method, heading, view, none_below, penalty)


def _slider(span: tuple[float, float], value: float, label: str, info: str) -> gr.Slider:
    return gr.Slider(*span, value, step=0.005, label=label, info=info, buttons=[])


def own_settings(method: str, predictors: Predictors) -> tuple[float, float]:
    """Threshold and seen penalty that the method's checkpoint carries; 0 where there is none."""
    predictor = predictors[method]
    if isinstance(predictor, UserError):
        return 0.0, 0.0
    return predictor.metadata.threshold, predictor.metadata.seen_penalty


def make_opacity() -> gr.Slider:
    """Lay out the one slider that all pictures share."""
    info = "0 shows the photo alone, 1 the colours alone."
    return gr.Slider(0, 1, 0.6, step=0.05, label="Opacity of the colours", info=info, buttons=[], elem_id="zs-opacity")


def make_banner(predictors: Predictors) -> gr.HTML:
    """Lay out the place of the banner, empty while every checkpoint can be used."""
    content = banner(predictors)
    return gr.HTML(content, visible=bool(content), elem_id="zs-banner")
