"""The first screen's components: what a visitor gives, and one card per method; no events here."""

from dataclasses import dataclass
from pathlib import Path

import gradio as gr

from zsseg.demo import card, html, scene
from zsseg.demo.catalog import Catalog, Predictors, working
from zsseg.demo.gallery import thumbnails
from zsseg.demo.link import PENALTIES
from zsseg.errors import UserError
from zsseg.examples import EXAMPLES, Example, available
from zsseg.text.presets import PRESETS

_HERE = Path(__file__).parent


@dataclass(frozen=True)
class InputPanel:
    """The left side: what a visitor gives; `drawing` holds `draw`, where the model knows drawn scenes."""

    photo: gr.Image
    gallery: gr.HTML
    drawing: gr.Column
    draw: gr.Button
    seen: gr.Textbox
    unseen: gr.Textbox
    marks: gr.HTML
    run: gr.Button
    preset: gr.Dropdown
    sort: gr.Button
    model: gr.Dropdown


@dataclass(frozen=True)
class Card:
    """One method's answer and its two sliders."""

    method: str
    title: gr.HTML
    view: gr.HTML
    threshold: gr.Slider
    seen_penalty: gr.Slider


def script(name: str) -> str:
    """The JavaScript of a component, from the file beside this one."""
    return (_HERE / name).read_text(encoding="utf-8")


def make_panel(catalog: Catalog) -> InputPanel:
    """Lay out photo, examples, class boxes and button, and what few visitors need under "More"."""
    shown = available()
    first = shown[0] if shown else EXAMPLES[0]
    photo = gr.Image(
        value=str(first.path) if shown else None,
        type="filepath",
        image_mode=None,
        label="Photo",
        show_label=False,
        sources=["upload", "clipboard", "webcam"],
        elem_id="zs-photo",
        buttons=[],
        alt_text="The photo to segment",
    )
    draws = scene.knows_scenes(catalog.get(catalog.first))
    gallery = gr.HTML(thumbnails(shown), js_on_load=script("gallery.js"), elem_id="zs-examples", visible=not draws)
    with gr.Column(visible=draws, elem_id="zs-drawing") as drawing:
        gr.HTML(scene.NOTE)
        draw = gr.Button("Draw a new scene", size="sm", elem_id="zs-draw")
    seen, unseen = _name_boxes(first)
    marks = gr.HTML("", js_on_load=script("names.js"), elem_id="zs-names")
    able = bool(working(catalog.get(catalog.first)))
    run = gr.Button("Run", variant="primary", size="lg", elem_id="zs-run", interactive=able)
    others = "".join(f", {domain.lower()}" for domain in catalog.domains[1:])
    with gr.Accordion(f"More: presets, other models{others}", open=False, elem_id="zs-more"):
        info = "Fills both boxes; each name is marked as this model was trained."
        preset = gr.Dropdown(list(PRESETS), value=None, label="Preset", info=info, elem_id="zs-preset")
        sort = gr.Button("Mark every name as this model was trained", size="sm", elem_id="zs-sort")
        info = "Inductive: training never met the unseen names. Transductive: it did, and learnt from its own guesses."
        model = gr.Dropdown(catalog.options, value=catalog.first, label="Model", info=info, elem_id="zs-model")
    return InputPanel(photo, gallery, drawing, draw, seen, unseen, marks, run, preset, sort, model)


def _name_boxes(first: Example) -> tuple[gr.Textbox, gr.Textbox]:
    seen = gr.Textbox(
        first.seen,
        label="Seen classes",
        info="Names the models were trained with, separated by commas.",
        elem_id="zs-seen",
        max_lines=4,
    )
    unseen = gr.Textbox(
        first.unseen,
        label="Unseen classes",
        info="Any other names. The models know them only as words.",
        elem_id="zs-unseen",
        max_lines=4,
    )
    return seen, unseen


def make_card(method: str, predictors: Predictors) -> Card:
    """Lay out one method's answer; its sliders start at the checkpoint's own settings."""
    threshold, seen_penalty = own_settings(method, predictors)
    able = not isinstance(predictors[method], UserError)
    with gr.Column(min_width=290, elem_classes="zs-card", elem_id=f"zs-{method}"):
        title = gr.HTML(card.title(method, predictors))
        view = gr.HTML(card.waiting() if able else "", js_on_load=script("card.js"), elem_classes="zs-answer")
        with gr.Column(elem_classes="zs-sliders"):
            none_below = _slider(
                (0, 1), threshold, "Score threshold", "Leave a pixel unpainted where no class scores higher."
            )
            penalty = _slider(
                PENALTIES,
                seen_penalty,
                "Seen penalty",
                "Taken off seen classes' scores; below 0, added.",
            )
    return Card(method, title, view, none_below, penalty)


def _slider(span: tuple[float, float], value: float, label: str, info: str) -> gr.Slider:
    return gr.Slider(*span, value, step=0.005, label=label, info=info, buttons=[])


def own_settings(method: str, predictors: Predictors) -> tuple[float, float]:
    """Threshold and seen penalty that the method's checkpoint carries; 0 where there is none."""
    predictor = predictors[method]
    if isinstance(predictor, UserError):
        return 0.0, 0.0
    return predictor.metadata.threshold, predictor.metadata.seen_penalty


def make_opacity() -> gr.Slider:
    """Lay out the one slider that both pictures share."""
    info = "0 shows the photo alone, 1 the colours alone."
    return gr.Slider(0, 1, 0.6, step=0.05, label="Opacity of the colours", info=info, buttons=[], elem_id="zs-opacity")


def make_banner(predictors: Predictors) -> gr.HTML:
    """Lay out the place of the banner, empty while all is well."""
    banner = html.banner(predictors)
    return gr.HTML(banner, visible=bool(banner), elem_id="zs-banner")
