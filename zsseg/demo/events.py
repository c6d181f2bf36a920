"""What happens on the first screen when a visitor does something; the work itself is in callbacks."""

from collections.abc import Mapping
from typing import Any, Literal, cast

import gradio as gr
from gradio.events import Dependency

from zsseg.demo import actions, names, scene
from zsseg.demo.actions import Answer
from zsseg.demo.catalog import TITLES
from zsseg.demo.page import MODEL_QUEUE, Page, as_error, uploaded
from zsseg.demo.pixel_scores import EMPTY, pixel_panel
from zsseg.demo.spaces import on_gpu
from zsseg.examples import available

# The point that was probed belongs to the photo before. On a phone the answer lies below the button; go there, unless
# the page asked by itself.
_SHOW_ANSWER = """() => {
  const byItself = window.zssegFirst;
  window.zssegFirst = false;
  window.zssegPoint = null;
  delete document.getElementById("zs-answer")?.dataset.stale;
  document.querySelectorAll(".zs-cross").forEach((cross) => { cross.style.display = "none"; });
  if (window.innerWidth < 800 && !byItself) document.getElementById("zs-answer")?.scrollIntoView({behavior: "smooth"});
}"""

_PRESS_RUN = """() => { document.getElementById("zs-run")?.click(); }"""
_READY = """() => { document.body.dataset.zsReady = "yes"; }"""
# What is painted is of the photo before: it must not look like an answer about the new one.
_STALE = """() => { const answer = document.getElementById("zs-answer"); if (answer) answer.dataset.stale = "yes"; }"""

_segment = on_gpu(actions.segment)


def wire_run(page: Page) -> Dependency:
    """Run both methods on the button or on Enter; one question at a time touches the networks.

    Returns:
        The event, for what follows a new answer.
    """

    def run(
        photo: Mapping[str, Any] | None,
        seen: str,
        unseen: str,
        model: str,
        *rest: object,
        progress: gr.Progress = gr.Progress(),
    ) -> list[Any]:
        with as_error():
            found = _segment(page.catalog.get(model), uploaded(photo), seen, unseen, progress, model)
        everything = frozenset[str]()
        return [found, everything, None, "", None, EMPTY, *page.draw(found, page.read_display([*rest, everything]))]

    panel = page.panel
    event: Dependency = gr.on(
        [panel.run.click, panel.seen.submit, panel.unseen.submit],
        run,
        [panel.photo, panel.seen, panel.unseen, panel.model, *page.sliders],
        [page.answer, page.off, page.truth, page.details.truth, page.point, page.pixel, *page.views],
        show_progress_on=page.views,
        preprocess=False,
        concurrency_id=MODEL_QUEUE,
        concurrency_limit=1,
        api_visibility="private",
    )
    event.success(None, js=_SHOW_ANSWER, api_visibility="private")
    event.then(None, js=_READY, api_visibility="private")
    gr.on([panel.photo.upload, panel.photo.clear], None, js=_STALE, api_visibility="private")
    return event


def wire_display(page: Page) -> Dependency:
    """Render again from stored scores while a slider moves; the network does not run.

    Returns:
        The event, for what else follows the sliders.
    """

    def redraw(found: Answer | None, *values: object) -> list[Any]:
        return page.draw(found, page.read_display(values))

    event: Dependency = gr.on(
        [slider.change for slider in page.sliders],
        redraw,
        [page.answer, *page.display],
        page.views,
        show_progress="hidden",
        trigger_mode="always_last",
        queue=False,  # a third of the time from slider to picture was spent queueing
        api_visibility="private",
    )
    return event


def wire_legend(page: Page) -> list[Dependency]:
    """Switch classes by their chips, and probe the pixel that was clicked.

    Returns:
        The events that change which classes are on.
    """

    def switch(event: gr.EventData, found: Answer | None, *values: object) -> list[Any]:
        index, off = event._data.get("index"), cast(frozenset[str], values[-1])
        if found is not None and isinstance(index, int) and 0 <= index < len(found.vocabulary.names):
            off = off ^ {found.vocabulary.names[index]}
        return [off, *page.draw(found, page.read_display([*values[:-1], off]))]

    def read_point(event: gr.EventData, found: Answer | None, model: str, *values: object) -> tuple[Any, Any]:
        point = tuple(event._data.get(axis) for axis in ("x", "y"))
        if found is None or not all(isinstance(value, int | float) and 0 <= value <= 1 for value in point):
            return gr.skip(), gr.skip()
        return point, pixel_panel(found, page.read_display(values), page.catalog.get(model), point)

    quiet: dict[str, Any] = {"show_progress": "hidden", "queue": False, "api_visibility": "private"}
    switches = []
    for card in page.cards:
        switches.append(card.view.select(switch, [page.answer, *page.display], [page.off, *page.views], **quiet))
        inputs = [page.answer, page.panel.model, *page.display]
        card.view.click(read_point, inputs, [page.point, page.pixel], trigger_mode="always_last", **quiet)
    return switches


def wire_names(page: Page) -> None:
    """Fill the boxes from examples and ready lists, show how each name is marked, and flip marks."""
    panel = page.panel
    boxes = [panel.seen, panel.unseen]
    quiet: dict[str, Any] = {"show_progress": "hidden", "concurrency_limit": None, "api_visibility": "private"}
    shown = available()

    def example(event: gr.EventData) -> tuple[Any, Any, Any]:
        index = event._data.get("index")
        if not isinstance(index, int) or not 0 <= index < len(shown):
            return gr.skip(), gr.skip(), gr.skip()
        return str(shown[index].path), shown[index].seen, shown[index].unseen

    def marks(seen: str, unseen: str, model: str) -> str:
        return names.marks(seen, unseen, page.catalog.get(model))

    def flip(event: gr.EventData, seen: str, unseen: str) -> tuple[str, str]:
        with as_error():
            return names.flip(seen, unseen, str(event._data.get("name")))

    def sort(seen: str, unseen: str, model: str) -> tuple[str, str]:
        with as_error():
            return names.sort_by_training(seen, unseen, page.catalog.get(model))

    def fill(title: str | None, model: str) -> tuple[Any, Any]:
        with as_error():
            return names.preset(title, page.catalog.get(model)) if title else (gr.skip(), gr.skip())

    filled = [
        panel.gallery.select(example, None, [panel.photo, *boxes], **quiet),
        panel.preset.input(fill, [panel.preset, panel.model], boxes, **quiet),
        panel.sort.click(sort, [*boxes, panel.model], boxes, **quiet),
        panel.marks.select(flip, boxes, boxes, **quiet),
    ]
    filled[0].success(None, js=_PRESS_RUN, api_visibility="private")
    triggers = [event.then for event in filled] + [panel.seen.blur, panel.unseen.blur]
    for trigger in triggers:
        trigger(marks, [*boxes, panel.model], panel.marks, **quiet)


def wire_scene(page: Page) -> None:
    """Draw a fresh scene, fill the question and its true mask, and ask."""
    panel, details = page.panel, page.details

    def draw(model: str) -> tuple[str, ...]:
        drawn = scene.fresh_scene()
        marked = names.marks(drawn.seen, drawn.unseen, page.catalog.get(model))
        return drawn.photo, drawn.seen, drawn.unseen, marked, drawn.mask, drawn.meanings

    outputs = [panel.photo, panel.seen, panel.unseen, panel.marks, details.mask, details.meanings]
    panel.draw.click(
        draw, panel.model, outputs, show_progress="hidden", concurrency_limit=2, api_visibility="private"
    ).success(None, js=_PRESS_RUN, api_visibility="private")


def wire_endpoint(page: Page) -> None:
    """Offer the documented HTTP endpoint ``/segment``."""

    def segment(
        photo: Mapping[str, Any],
        seen: str = "",
        unseen: str = "",
        seen_penalty: float | None = None,
        threshold: float | None = None,
        method: Literal["zegclip", "clip_rc"] = "zegclip",
        model: str = "",
    ) -> tuple[dict[str, Any], str, str]:
        """Segment a photo by class names with one method.

        Give names separated by commas. Without a seen penalty or threshold the checkpoint's own are used. Returns
        the content of result.json, the label map as an index PNG (255 is none of these), and the scores as NPZ. A
        name longer than the model reads is asked by its beginning, and "warnings" in the result say so. The model is
        named as in the page's list; without one the first of it is asked.
        """
        with as_error(as_html=False):
            predictors = page.catalog.get(model or page.catalog.first)
            return actions.segment_one(predictors, uploaded(photo), (seen, unseen), (seen_penalty, threshold), method)

    # Components of its own: those of the page would show what they hold as a program's defaults.
    photo = gr.Image(type="filepath", image_mode=None, label="Photo", visible=False)
    seen, unseen = (gr.Textbox("", label=f"{kind} classes", visible=False) for kind in ("Seen", "Unseen"))
    penalty = gr.Number(None, label="Seen penalty", visible=False)
    threshold = gr.Number(None, label="Threshold", visible=False)
    method = gr.Radio(list(TITLES), value="zegclip", label="Method", visible=False)
    model = gr.Textbox("", label="Model", visible=False)
    outputs: list[Any] = [gr.JSON(visible=False, label="Result")]
    outputs += [gr.File(visible=False, label=name) for name in ("Label map", "Scores")]
    gr.Button("segment", visible=False).click(
        segment,
        [photo, seen, unseen, penalty, threshold, method, model],
        outputs,
        api_name="segment",
        preprocess=False,
        concurrency_id=MODEL_QUEUE,
        concurrency_limit=1,
    )
