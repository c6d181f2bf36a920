"""The components of the answer on the first screen: one card per method, the shared opacity; no events here."""

from dataclasses import dataclass
from typing import Any

import gradio as gr

from zsseg.demo.answer.banner import banner
from zsseg.demo.answer.card import title
from zsseg.demo.catalog import Predictors, title_of
from zsseg.demo.html.parts import text
from zsseg.demo.link import PENALTY_RANGE
from zsseg.demo.theme import script
from zsseg.errors import UserError
from zsseg.models import METHODS


@dataclass(frozen=True)
class Card:
    """One method's answer and its two sliders; `column` holds them all."""

    method: str
    column: gr.Column
    title: gr.HTML
    view: gr.HTML
    threshold: gr.Slider
    seen_penalty: gr.Slider


def make_card(method: str, predictors: Predictors) -> Card:
    """Lay out one method's answer; its sliders start at the checkpoint's own settings."""
    # A method without a checkpoint has a card all the same: another model may bring one.
    threshold, seen_penalty = own_settings(method, predictors)
    able = not isinstance(predictors[method], UserError)
    starts = method in starting(predictors)
    with gr.Column(min_width=220, elem_classes="zs-card", elem_id=f"zs-{method}", visible=starts) as column:
        heading = gr.HTML(title(method, predictors))
        view = gr.HTML(text("waiting") if able else "", js_on_load=script("card.js"), elem_classes="zs-answer")
        with gr.Column(elem_classes="zs-sliders"):
            info = "Nothing is painted where no class scores higher."
            none_below = make_slider((0, 1), threshold, f"Score threshold\nof {title_of(method)}", info)
            info = "Subtracted from seen classes, favoured in training."
            penalty = make_slider(PENALTY_RANGE, seen_penalty, f"Seen penalty\nof {title_of(method)}", info)
    return Card(method, column, heading, view, none_below, penalty)


def make_slider(span: tuple[float, float], value: float, label: str, info: str, **more: Any) -> gr.Slider:  # noqa: ANN401
    """Lay out a slider without a button to reset it."""
    # `more` last, so that a caller's step wins.
    return gr.Slider(*span, value, label=label, info=info, buttons=[], **{"step": 0.005, **more})


def own_settings(method: str, predictors: Predictors) -> tuple[float, float]:
    """Threshold and seen penalty that the method's checkpoint carries; 0 where there is none."""
    predictor = predictors[method]
    if isinstance(predictor, UserError):
        return 0.0, 0.0
    return predictor.metadata.threshold, predictor.metadata.seen_penalty


def starting(predictors: Predictors) -> list[str]:
    """Keys of the methods whose cards the page starts with: the main ones and the training-free baseline."""
    return [key for key in predictors if METHODS[key].shown or not METHODS[key].trained]


def make_extra(predictors: Predictors) -> gr.CheckboxGroup:
    """Lay out the choice of methods beside the main ones; those that need no training are there from the start."""
    choices = [(METHODS[key].title, key) for key in predictors if not METHODS[key].shown]
    chosen = [key for _, key in choices if key in starting(predictors)]
    info = "One more card each, to compare with."
    return gr.CheckboxGroup(
        choices, value=chosen, label="Show also", info=info, visible=bool(choices), elem_id="zs-extra"
    )


def make_opacity() -> gr.Slider:
    """Lay out the one slider that all pictures share."""
    info = "0 shows the photo, 1 the colours."
    return make_slider((0, 1), 0.6, "Opacity\nof the colours", info, step=0.05, elem_id="zs-opacity")


def make_edges() -> gr.Checkbox:
    """Lay out the switch that lets what is shown follow the edges of the photo.

    The figures are those of `python -m training.edges --checkpoint clip_rc-mini-inductive --limit 150` (VOC val).
    """
    info = (
        "A guided filter on the scores, on screen only. On VOC val CLIP-RC’s mIoU rises by 0.3 points, for seen and "
        "for unseen classes (150 photos)."
    )
    return gr.Checkbox(False, label="Follow the photo’s edges", info=info, elem_id="zs-edges")


def make_gate() -> gr.Checkbox:
    """Lay out the switch of the photo-level gate."""
    info = "Lowers classes that the whole photo does not speak for. It may help or harm, and neither paper has it."
    return gr.Checkbox(False, label="Photo-level gate", info=info, elem_id="zs-gate")


def make_banner(predictors: Predictors) -> gr.HTML:
    """Lay out the place of the banner, empty while every checkpoint can be used."""
    content = banner(predictors)
    return gr.HTML(content, visible=bool(content), elem_id="zs-banner")
