"""The components of the question: photo, examples, class names, model; no events here."""

from dataclasses import dataclass

import gradio as gr

from zsseg.demo.catalog import Catalog, working
from zsseg.demo.html.parts import text
from zsseg.demo.question import names, scene
from zsseg.demo.question.gallery import thumbnails
from zsseg.demo.theme import script
from zsseg.examples import EXAMPLES, available
from zsseg.text.presets import PRESETS


@dataclass(frozen=True)
class InputPanel:
    """The left side: what a visitor gives; `drawing` holds `draw`, where the model knows drawn scenes."""

    notice: gr.HTML
    photo: gr.Image
    gallery: gr.HTML
    drawing: gr.Column
    draw: gr.Button
    find: gr.Textbox
    seen: gr.Textbox
    unseen: gr.Textbox
    marks: gr.HTML
    choices: gr.HTML
    run: gr.Button
    preset: gr.Dropdown
    sort: gr.Button
    model: gr.Dropdown


def make_gallery(catalog: Catalog) -> gr.HTML:
    """Lay out the examples, above everything else: they are what a visitor clicks first."""
    pictures = thumbnails(available(), with_scene=catalog.drawn is not None)
    return gr.HTML(pictures, js_on_load=script("gallery.js"), elem_id="zs-examples")


def make_panel(catalog: Catalog, gallery: gr.HTML) -> InputPanel:
    """Lay out photo, class boxes and button, and what few visitors need under "More".

    Args:
        catalog: the models.
        gallery: what `make_gallery` laid out.
    """
    shown = available()
    # Without the pictures the names of the first example still show what may be typed.
    first = shown[0] if shown else EXAMPLES[0]
    predictors = catalog.get(catalog.first)
    notice = gr.HTML("", visible=False, elem_id="zs-notice")
    photo = gr.Image(
        value=str(first.path) if shown else None,
        type="filepath",
        # Gradio must not convert the picture: `load_image` reads modes, profiles and orientation of the file itself.
        image_mode=None,
        label="Photo",
        show_label=False,
        sources=["upload", "clipboard", "webcam"],
        elem_id="zs-photo",
        buttons=[],
        alt_text="The photo to segment",
    )
    with gr.Column(visible=scene.knows_scenes(predictors), elem_id="zs-drawing") as drawing:
        gr.HTML(text("scene_note"))
        draw = gr.Button("Draw a new scene", size="sm", elem_id="zs-draw")
    find, seen, unseen = _name_boxes(*names.route(first.seen, first.unseen, predictors))
    marks = gr.HTML("", js_on_load=script("names.js"), elem_id="zs-names")
    choices = gr.HTML(names.choices(predictors), js_on_load=script("choices.js"), elem_id="zs-choices")
    able = bool(working(predictors))
    # Off while no method can answer; the banner says why.
    run = gr.Button("Run", variant="primary", size="lg", elem_id="zs-run", interactive=able)
    others = "".join(f", {domain.lower()}" for domain in catalog.domains[1:])
    with gr.Accordion(f"More: presets, other models{others}", open=False, elem_id="zs-more"):
        info = "Fills both boxes: seen names are those that this model was trained on."
        preset = gr.Dropdown(list(PRESETS), value=None, label="Preset", info=info, elem_id="zs-preset")
        sort = gr.Button("Undo flipped marks", size="sm", elem_id="zs-sort")
        info = "Inductive: training used no unseen class. Transductive: it used their names and its own labels."
        model = gr.Dropdown(catalog.options, value=catalog.first, label="Model", info=info, elem_id="zs-model")
    return InputPanel(
        notice, photo, gallery, drawing, draw, find, seen, unseen, marks, choices, run, preset, sort, model
    )


def _name_boxes(seen: str, unseen: str) -> tuple[gr.Textbox, gr.Textbox, gr.Textbox]:
    find_box = gr.Textbox(
        "",
        label="Find anything",
        info="It goes to the box where it belongs.",
        placeholder="type a word, press Enter",
        submit_btn="Find",
        elem_id="zs-find",
        max_lines=1,
    )
    seen_box = gr.Textbox(
        seen,
        label="Seen classes",
        info="Trained with their masks. Separate names by commas.",
        elem_id="zs-seen",
        max_lines=4,
    )
    unseen_box = gr.Textbox(
        unseen,
        label="Unseen classes",
        info="Any word. Never trained on its masks.",
        placeholder="any word",
        elem_id="zs-unseen",
        max_lines=4,
    )
    return find_box, seen_box, unseen_box
