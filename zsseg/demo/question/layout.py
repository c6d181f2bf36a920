"""The components of the question: photo, examples, class names, model; no events here."""

from dataclasses import dataclass

import gradio as gr

from zsseg.demo.catalog import Catalog, working
from zsseg.demo.html.parts import text
from zsseg.demo.question import scene
from zsseg.demo.question.gallery import thumbnails
from zsseg.demo.theme import script
from zsseg.examples import EXAMPLES, Example, available
from zsseg.text.presets import PRESETS


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
        gr.HTML(text("scene_note"))
        draw = gr.Button("Draw a new scene", size="sm", elem_id="zs-draw")
    seen, unseen = _name_boxes(first)
    marks = gr.HTML("", js_on_load=script("names.js"), elem_id="zs-names")
    able = bool(working(catalog.get(catalog.first)))
    run = gr.Button("Run", variant="primary", size="lg", elem_id="zs-run", interactive=able)
    others = "".join(f", {domain.lower()}" for domain in catalog.domains[1:])
    with gr.Accordion(f"More: presets, other models{others}", open=False, elem_id="zs-more"):
        info = "Fills both boxes: seen names are those that this model was trained on."
        preset = gr.Dropdown(list(PRESETS), value=None, label="Preset", info=info, elem_id="zs-preset")
        sort = gr.Button("Sort every name by this model's training", size="sm", elem_id="zs-sort")
        info = "Inductive: training used no unseen class. Transductive: it used their names and its own labels."
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
        info="Any other names, separated by commas. The models know them only as words.",
        elem_id="zs-unseen",
        max_lines=4,
    )
    return seen, unseen
