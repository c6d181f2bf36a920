"""The page as a whole: groups of components in their places, then the events that connect them."""

import gradio as gr

from zsseg.demo import callbacks, views
from zsseg.demo.callbacks import Predictors
from zsseg.demo.events import wire_endpoint, wire_files, wire_run, wire_sliders
from zsseg.demo.layout import make_card, make_details, make_question

QUEUE_SIZE = 32
CLEAN_EVERY_SECONDS = 600


def build_demo(predictors: Predictors) -> gr.Blocks:
    """Build the page around predictors that are already loaded.

    Args:
        predictors: method -> its predictor, or the `UserError` that says why there is none; see `load_predictors`.

    Returns:
        Blocks with the queue set up; serve it with ``demo.launch(**launch_options())``.
    """
    page = gr.Blocks(
        title="ZegCLIP and CLIP-RC: zero-shot segmentation",
        analytics_enabled=False,
        delete_cache=(CLEAN_EVERY_SECONDS, callbacks.KEEP_FILES_SECONDS),
        fill_width=True,
    )
    with page:
        gr.HTML(views.HEADER)
        if warning := views.banner(predictors):
            gr.HTML(warning)
        with gr.Row(elem_id="zs-first"):
            with gr.Column(scale=4, min_width=300, elem_id="zs-ask"):
                question = make_question(enabled=bool(callbacks.working(predictors)))
            with gr.Column(scale=8, min_width=300, elem_id="zs-answer"):
                with gr.Row(elem_id="zs-cards"):
                    cards = [make_card(method, predictors) for method in predictors]
                opacity = gr.Slider(
                    0, 1, 0.6, step=0.05, label="Opacity of the colours", buttons=[], elem_id="zs-opacity"
                )
        details = make_details(predictors)
        gr.HTML(views.FOOTER)
        answer = gr.State(None, time_to_live=callbacks.KEEP_FILES_SECONDS)
        wire_run(predictors, question, cards, opacity, details, answer)
        wire_sliders(cards, opacity, answer)
        wire_files(cards, details, answer)
        wire_endpoint(predictors, question)
    page.queue(max_size=QUEUE_SIZE)
    return page
