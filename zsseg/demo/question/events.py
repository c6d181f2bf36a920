"""What happens when a visitor changes the question: examples, presets, marks, a new scene."""

from typing import Any

import gradio as gr

from zsseg.demo.page import QUIET, Page, Values, as_error
from zsseg.demo.question import names, scene
from zsseg.examples import available

PRESS_RUN = """() => { document.getElementById("zs-run")?.click(); }"""


def wire_names(page: Page) -> None:
    """Fill the boxes from examples and presets, show how each name is marked, and flip marks."""
    panel = page.panel
    boxes, shown = [panel.seen, panel.unseen], available()

    def both(seen: str, unseen: str) -> dict[Any, Any]:
        return {panel.seen: seen, panel.unseen: unseen}

    def example(event: gr.EventData) -> Values:
        index = event._data.get("index")
        if not isinstance(index, int) or not 0 <= index < len(shown):
            return {panel.photo: gr.skip()}
        return {panel.photo: str(shown[index].path), **both(shown[index].seen, shown[index].unseen)}

    def flip(values: Values, event: gr.EventData) -> Values:
        with as_error():
            return both(*names.flip(values[panel.seen], values[panel.unseen], str(event._data.get("name"))))

    def sort(values: Values) -> Values:
        with as_error():
            return both(*names.sort_by_training(values[panel.seen], values[panel.unseen], page.predictors(values)))

    def fill(values: Values) -> Values:
        title = values[panel.preset]
        with as_error():
            return both(*names.preset(title, page.predictors(values))) if title else {panel.seen: gr.skip()}

    quiet: dict[str, Any] = {**QUIET, "concurrency_limit": None}
    filled = [
        panel.gallery.select(example, None, [panel.photo, *boxes], **quiet),
        panel.preset.input(fill, {panel.preset, panel.model}, boxes, **quiet),
        panel.sort.click(sort, {*boxes, panel.model}, boxes, **quiet),
        panel.marks.select(flip, set(boxes), boxes, **quiet),
    ]
    filled[0].success(None, js=PRESS_RUN, api_visibility="private")
    triggers = [event.then for event in filled] + [panel.seen.blur, panel.unseen.blur]
    for trigger in triggers:
        trigger(lambda values: marks_of(page, values), {*boxes, panel.model}, panel.marks, **quiet)


def marks_of(page: Page, values: Values) -> str:
    """The chips of the names that are in the boxes."""
    return names.marks(values[page.panel.seen], values[page.panel.unseen], page.predictors(values))


def wire_scene(page: Page) -> None:
    """Draw a new scene, fill the question and its ground truth, and run."""
    panel, details = page.panel, page.details

    def draw(model: str) -> Values:
        drawn = scene.fresh_scene()
        return {
            panel.photo: drawn.photo,
            panel.seen: drawn.seen,
            panel.unseen: drawn.unseen,
            panel.marks: names.marks(drawn.seen, drawn.unseen, page.catalog.get(model)),
            details.mask: drawn.mask,
            details.meanings: drawn.meanings,
        }

    outputs = [panel.photo, panel.seen, panel.unseen, panel.marks, details.mask, details.meanings]
    panel.draw.click(draw, panel.model, outputs, concurrency_limit=2, **QUIET).success(
        None, js=PRESS_RUN, api_visibility="private"
    )
