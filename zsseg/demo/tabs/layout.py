"""The tabs below the answer, component by component; no events here."""

import gradio as gr

from zsseg.demo.answer.layout import make_slider
from zsseg.demo.catalog import Predictors
from zsseg.demo.html.parts import text
from zsseg.demo.page import Details
from zsseg.demo.tabs import how_it_works
from zsseg.demo.tabs import scores as score_maps
from zsseg.demo.tabs.model import documents, models
from zsseg.demo.theme import script


def make_details(predictors: Predictors, threshold: float) -> Details:
    """Lay out the tabs, in the order in which visitors need them.

    Args:
        predictors: the models that the page starts with.
        threshold: their own.
    """
    parts: dict[str, object] = {}
    with gr.Tabs(elem_id="zs-tabs") as tabs:
        with gr.Tab("How it works", id="explain"):
            parts["explain"] = gr.HTML(how_it_works.explain(None, None, predictors), elem_id="zs-explain")
        with gr.Tab("Scores", id="scores"):
            parts |= _scores(score_maps.own_level(threshold))
        with gr.Tab("Compare", id="compare"):
            parts["comparison"] = gr.HTML(text("before_run"), js_on_load=script("compare.js"), elem_id="zs-compare")
        with gr.Tab("Regions", id="regions"):
            parts |= _regions()
        with gr.Tab("Recovery", id="recovery"):
            parts["recovery"] = gr.HTML(text("before_run"), js_on_load=script("recovery.js"), elem_id="zs-recovery")
            parts["similarity"] = gr.HTML(text("recovery_click"), elem_id="zs-similarity")
        with gr.Tab("Ground truth", id="truth"):
            parts |= _truth()
        with gr.Tab("Batch", id="batch"):
            parts |= _batch()
        with gr.Tab("Export", id="files"):
            parts |= _files()
        with gr.Tab("Model", id="model"):
            parts["models"] = gr.HTML(models(predictors), elem_id="zs-models")
            for title, content in documents():
                with gr.Accordion(title, open=False):
                    gr.Markdown(content, elem_classes="zs-document")
    # By name: a component that is missing or unknown fails here, when the page is built.
    return Details(tabs=tabs, **parts)  # type: ignore[arg-type]


def _scores(own_level: float) -> dict[str, object]:
    gr.HTML(text("scores_help"))
    kind = gr.Radio(
        list(score_maps.KINDS), value=score_maps.SIGMOID, show_label=False, label="Scores", elem_id="zs-kind"
    )  # explained above
    scores = gr.HTML(text("before_run"), elem_id="zs-scores")
    info = "The maps below count such classes. Starts at 0.5, or at the model’s own threshold if that is lower."
    sums = gr.HTML("", elem_id="zs-sums")
    level = make_slider(
        (0, 1), own_level, "A class counts where it scores above", info,
        elem_id="zs-level", elem_classes="zs-plain-slider",
    )  # fmt: skip
    return {"kind": kind, "scores": scores, "sums": sums, "level": level, "claims": gr.HTML("", elem_id="zs-claims")}


def _regions() -> dict[str, object]:
    with gr.Row(elem_classes="zs-controls"):
        name = gr.Dropdown([], label="Class", info="Whose maps are shown below.", elem_id="zs-region-class")
        info = "The models work on square windows; this one is drawn."
        window = gr.Dropdown([("1", 0)], value=0, label="Window of the photo", info=info, elem_id="zs-region-window")
    return {"region_class": name, "region_window": window, "regions": gr.HTML(text("before_run"), elem_id="zs-regions")}


def _truth() -> dict[str, object]:
    gr.HTML(text("truth_help"))
    with gr.Row(elem_classes="zs-controls"):
        mask = gr.File(label="True mask", file_types=["image"], type="filepath", elem_id="zs-mask", height=140)
        meanings = gr.Textbox(
            "", label="What its numbers or colours mean", info="Not needed for masks laid out like our own.", lines=4,
            elem_id="zs-meanings",
        )  # fmt: skip
    return {"mask": mask, "meanings": meanings, "truth": gr.HTML("", js_on_load=script("truth.js"), elem_id="zs-truth")}


def _batch() -> dict[str, object]:
    gr.HTML(text("batch_help"))
    photos = gr.File(label="Photos", file_count="multiple", type="filepath", elem_id="zs-photos", height=160)
    start = gr.Button("Run on all photos", size="sm", elem_id="zs-run-batch", elem_classes="zs-small")
    archive = gr.File(label="All answers", interactive=False, visible=False, elem_id="zs-batch-zip")
    return {
        "photos": photos,
        "run_batch": start,
        "batch_zip": archive,
        "batch_table": gr.HTML("", elem_id="zs-batch-table"),
    }


def _files() -> dict[str, object]:
    gr.HTML(text("export_help"))
    make = gr.Button("Make the ZIP", size="sm", elem_id="zs-make-files", elem_classes="zs-small")
    files = gr.File(label="Files", interactive=False, visible=False, elem_id="zs-files")
    gr.HTML(text("link_help"))
    link_button = gr.Button("Copy a link", size="sm", elem_id="zs-make-link", elem_classes="zs-small")
    link = gr.Textbox("", label="Link", interactive=False, elem_id="zs-link", buttons=["copy"], visible=False)
    return {"make_files": make, "files": files, "make_link": link_button, "link": link}
