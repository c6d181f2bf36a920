"""The page as a whole: the groups of components, then the events that connect them."""

from typing import Any

import gradio as gr

from zsseg.demo import endpoint, folders
from zsseg.demo.answer import events as answer_events
from zsseg.demo.answer.layout import (
    Card,
    make_banner,
    make_card,
    make_edges,
    make_extra,
    make_gate,
    make_opacity,
    own_settings,
)
from zsseg.demo.catalog import Catalog, Predictors, title_of
from zsseg.demo.html.parts import text
from zsseg.demo.html.templates import render
from zsseg.demo.page import Page
from zsseg.demo.question import events, load, model_events
from zsseg.demo.question.layout import make_gallery, make_panel
from zsseg.demo.tabs import events as tab_events
from zsseg.demo.tabs.layout import make_details
from zsseg.demo.theme import script

# Questions that wait, of all visitors; the next one gets the answer that the page is busy.
QUEUE_SIZE = 32


class _Blocks(gr.Blocks):
    """Gradio's page; inputs that Gradio itself refuses get a sentence instead of null."""

    async def preprocess_data(self, *args: Any, **options: Any) -> list[Any]:  # noqa: ANN401
        try:
            inputs: list[Any] = await super().preprocess_data(*args, **options)
        except (ValueError, TypeError, KeyError, OSError) as error:  # of another type, or a file that nobody uploaded
            raise gr.Error(
                "An input is of another kind than the page takes, or a file that was not uploaded here: "
                "upload the photo first, and give values as the description of the interface says.",
                print_exception=False,
            ) from error
        return inputs


def build_demo(catalog: Catalog) -> gr.Blocks:
    """Build the page around the models that were found.

    Args:
        catalog: what can be chosen; see `zsseg.demo.catalog.find_catalog`.

    Returns:
        Blocks with the queue set up; serve it with ``demo.launch(**launch_options())``.
    """
    blocks = _Blocks(
        title="ZegCLIP and CLIP-RC: zero-shot segmentation",
        analytics_enabled=False,
        # Gradio's own cleaning of uploads, with the same ages as our files.
        delete_cache=(folders.CLEAN_EVERY_SECONDS, folders.KEEP_FILES_SECONDS),
        fill_width=True,
    )
    with blocks:
        _wire(_lay_out(catalog))
    # Closed: Gradio's other way in runs the networks at once, beside the queue, for everybody who asks.
    blocks.queue(max_size=QUEUE_SIZE, api_open=False)
    return blocks


def _lay_out(catalog: Catalog) -> Page:
    predictors = catalog.get(catalog.first)
    header = gr.HTML(text("header"), js_on_load=script("page.js"))
    banner, gallery = make_banner(predictors), make_gallery(catalog)
    with gr.Row(elem_id="zs-first"):
        with gr.Column(scale=3, min_width=300, elem_id="zs-inputs"):
            panel = make_panel(catalog, gallery)
        with gr.Column(scale=9, min_width=300, elem_id="zs-answer"):
            verdict = gr.HTML("", visible=False, elem_id="zs-verdict")
            cards = _make_cards(predictors)
            with gr.Row(elem_id="zs-look"):
                opacity, edges, gate = make_opacity(), make_edges(), make_gate()
                extra = make_extra(predictors)
            pixel = gr.HTML(text("no_point"), elem_id="zs-pixel")
            photo = gr.HTML("", elem_id="zs-below")
    # The level of the map of claims starts from the first method's threshold.
    details = make_details(predictors, own_settings(cards[0].method, predictors)[0])
    gr.HTML(text("footer"))
    keep = folders.KEEP_FILES_SECONDS
    return Page(
        catalog,
        header,
        banner,
        panel,
        verdict,
        cards,
        opacity,
        edges,
        gate,
        extra,
        pixel,
        details,
        photo,
        answer=gr.State(None, time_to_live=keep),
        off=gr.State(frozenset(), time_to_live=keep),
        point=gr.State(None),
        truth=gr.State(None, time_to_live=keep),
        flipped=gr.State(frozenset()),
    )


def _make_cards(predictors: Predictors) -> list[Card]:
    """A card for each method, and the buttons that bring one into sight on a narrow screen."""
    gr.HTML(render("jump.html", methods={key: title_of(key) for key in predictors}), elem_id="zs-jump")
    with gr.Row(elem_id="zs-cards"):
        return [make_card(method, predictors) for method in predictors]


def _wire(page: Page) -> None:
    # Everything that follows an answer hangs on this event, so it is wired first.
    ran = answer_events.wire_run(page)
    answer_events.wire_extra(page)
    tab_events.wire_answer(page, ran)
    tab_events.wire_followers(page, [*answer_events.wire_display(page), *answer_events.wire_legend(page)])
    events.wire_examples(page)
    events.wire_photo(page)
    events.wire_names(page)
    events.wire_marks(page)
    events.wire_scene(page)
    model_events.wire_model(page)
    tab_events.wire_choices(page)
    tab_events.wire_truth(page, ran)
    tab_events.wire_files(page)
    tab_events.wire_batch(page)
    load.wire_load(page)
    endpoint.wire_endpoint(page.catalog)
