"""The page's components, group by group; no events here."""

from collections.abc import Sequence
from dataclasses import dataclass

import gradio as gr

from zsseg.demo import examples, views
from zsseg.demo.callbacks import TITLES, Predictors
from zsseg.demo.examples import Example
from zsseg.errors import UserError


@dataclass(frozen=True)
class Question:
    """The left side: what a visitor gives."""

    photo: gr.Image
    seen: gr.Textbox
    unseen: gr.Textbox
    run: gr.Button


@dataclass(frozen=True)
class Card:
    """One method's answer and its two sliders."""

    method: str
    picture: gr.Image
    legend: gr.HTML
    threshold: gr.Slider
    seen_penalty: gr.Slider


@dataclass(frozen=True)
class Details:
    """The tabs below the answer."""

    scores: gr.HTML
    recovery: gr.HTML
    make_files: gr.Button
    files: gr.File


def make_question(enabled: bool) -> Question:
    """Lay out photo, examples, class boxes and button; `enabled` says whether anything can answer."""
    shown = examples.available()
    first = shown[0] if shown else examples.EXAMPLES[0]
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
    gallery = _gallery(shown)
    seen, unseen = _name_boxes(first)
    run = gr.Button("Run", variant="primary", size="lg", elem_id="zs-run", interactive=enabled)
    gallery.click(
        lambda index: (str(shown[index].path), shown[index].seen, shown[index].unseen),
        gallery,
        [photo, seen, unseen],
        show_progress="hidden",
        queue=False,
        api_visibility="private",
    )
    return Question(photo, seen, unseen, run)


def _gallery(shown: Sequence[Example]) -> gr.Dataset:
    return gr.Dataset(
        components=[gr.Image(type="filepath", render=False)],
        samples=[[str(example.path)] for example in shown],
        type="index",
        layout="gallery",
        label="Or try one of these",
        elem_id="zs-examples",
        visible=bool(shown),
    )


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
    predictor = predictors[method]
    metadata = None if isinstance(predictor, UserError) else predictor.metadata
    with gr.Column(min_width=290, elem_classes="zs-card", elem_id=f"zs-{method}"):
        gr.HTML(views.card_title(method, predictors))
        picture = gr.Image(
            show_label=False,
            interactive=False,
            format="jpeg",
            buttons=["fullscreen"],
            elem_classes="zs-picture",
            alt_text=f"The photo painted by {TITLES[method]}",
            placeholder="",
        )
        legend = gr.HTML(views.waiting() if metadata else "", elem_classes="zs-legend-box")
        with gr.Column(elem_classes="zs-sliders"):
            threshold = gr.Slider(
                0,
                1,
                metadata.threshold if metadata else 0,
                step=0.01,
                label="None of these below",
                info="Leave a pixel unpainted where no class scores higher.",
                interactive=metadata is not None,
                buttons=[],
            )
            seen_penalty = gr.Slider(
                0,
                0.5,
                metadata.seen_penalty if metadata else 0,
                step=0.01,
                label="Seen penalty",
                info="Taken off the scores of seen classes.",
                interactive=metadata is not None,
                buttons=[],
            )
    return Card(method, picture, legend, threshold, seen_penalty)


def make_details(predictors: Predictors) -> Details:
    """Lay out the tabs below the answer."""
    later = '<p class="zs-help">Press Run first.</p>'
    with gr.Tabs(elem_id="zs-tabs"):
        with gr.Tab("Score maps"):
            scores = gr.HTML(later, elem_id="zs-scores")
        with gr.Tab("Recovery"):
            recovery = gr.HTML(later, elem_id="zs-recovery")
        with gr.Tab("Files"):
            gr.HTML('<p class="zs-help">Lossless files of what is shown: label map, overlay, scores, settings.</p>')
            make_files = gr.Button("Make the files", size="sm", elem_id="zs-make-files")
            files = gr.File(label="Files", file_count="multiple", interactive=False, elem_id="zs-files")
        with gr.Tab("Model"):
            gr.HTML(views.models(predictors), elem_id="zs-models")
    return Details(scores, recovery, make_files, files)
