"""Events of the question: examples, names, presets, marks, a new scene."""

from collections.abc import Mapping
from typing import Any

import gradio as gr

from zsseg.demo.catalog import Predictors
from zsseg.demo.page import MODEL_QUEUE, QUIET, RUN, Page, Values, as_error, said
from zsseg.demo.question import gallery, names, scene
from zsseg.demo.question.model_events import model_outputs, model_updates
from zsseg.demo.question.scene import Scene
from zsseg.examples import Example, available

# The last change counts: Gradio would drop one that comes while the one before is under way.
_FAST: Mapping[str, Any] = {**QUIET, "concurrency_limit": None, "trigger_mode": "always_last"}


def wire_examples(page: Page) -> None:
    """Ask the question of an example: its photo, names and ground truth, with a model that knows such pictures."""
    panel, shown = page.panel, available()

    def example(values: Values, event: gr.EventData) -> Values:
        # The key comes from the browser: a number in digits, or "scene".
        key, title = said(event, "key"), values[panel.model]
        drawn = scene.knows_scenes(page.predictors(values))
        with as_error():
            if key == "scene" and page.catalog.drawn is not None:
                # A model that knows drawn scenes stays; another one gives way to the first that does.
                title = title if drawn else page.catalog.drawn
                question = scene_updates(page, scene.fresh_scene(gallery.SCENE), page.catalog.get(title))
            elif isinstance(key, str) and key.isascii() and key.isdigit() and int(key) < len(shown):
                title = page.catalog.first if drawn else title
                question = example_updates(page, shown[int(key)], page.catalog.get(title))
            else:
                # An event must return something: this leaves everything as it is.
                return {panel.photo: gr.skip()}
        model = {} if title == values[panel.model] else {panel.model: title, **model_updates(page, title)}
        return {**model, **question}

    panel.gallery.select(
        example,
        {panel.model},
        [*question_outputs(page), panel.model, *model_outputs(page)],
        concurrency_id=MODEL_QUEUE,
        **QUIET,
    ).success(None, js=RUN, api_visibility="private")


def question_outputs(page: Page) -> list[Any]:
    """What a new question fills: photo, names, their marks, the ground truth of the photo."""
    panel, details = page.panel, page.details
    parts: list[Any] = [panel.notice, panel.photo, panel.seen, panel.unseen, panel.marks, page.flipped]
    return [*parts, details.mask, details.meanings]


def example_updates(page: Page, example: Example, predictors: Predictors) -> dict[Any, Any]:
    """The question of an example, its names in the boxes where the model's own lists put them."""
    seen, unseen = names.route(example.seen, example.unseen, predictors)
    photo, mask = gallery.example_files(example)
    return _question(page, predictors, (photo, seen, unseen, mask, example.meanings))


def scene_updates(page: Page, drawn: Scene, predictors: Predictors) -> dict[Any, Any]:
    """The question of a drawn scene."""
    return _question(page, predictors, (drawn.photo, drawn.seen, drawn.unseen, drawn.mask, drawn.meanings))


def _question(page: Page, predictors: Predictors, parts: tuple[str, str, str, str | None, str]) -> dict[Any, Any]:
    panel, details, (photo, seen, unseen, mask, meanings) = page.panel, page.details, parts
    return {
        panel.notice: gr.update(value="", visible=False),
        panel.photo: photo,
        panel.seen: seen,
        panel.unseen: unseen,
        panel.marks: names.marks(seen, unseen, predictors),
        page.flipped: frozenset(),
        # None clears the mask of the question before, which would be scored against the wrong photo.
        details.mask: mask,
        details.meanings: meanings,
    }


def wire_photo(page: Page) -> None:
    """Run when a new photo arrives; the mask of the photo before goes."""
    panel, details = page.panel, page.details

    def forget() -> Values:
        return {panel.notice: gr.update(value="", visible=False), details.mask: None, details.meanings: ""}

    outputs = [panel.notice, details.mask, details.meanings]
    # Gradio reports a photo from the camera only by an event that every other photo causes too: the header's script
    # finds it out.
    # Not `change`, which examples and links cause as well.
    arrivals = [panel.photo.upload, page.header.upload]
    gr.on(arrivals, forget, None, outputs, **_FAST).success(None, js=RUN, api_visibility="private")
    panel.photo.clear(forget, None, outputs, **_FAST)


def wire_names(page: Page) -> None:
    """Put names into the boxes where they belong, show how each is marked, and run after each change except typing."""
    panel = page.panel

    def route(values: Values) -> Values:
        flipped = values[page.flipped]
        routed = names.route(values[panel.seen], values[panel.unseen], page.predictors(values), flipped)
        return _changed(page, values, *routed, flipped)

    def find(values: Values) -> Values:
        with as_error():
            more = names.add(values[panel.find], values[panel.seen], values[panel.unseen], page.predictors(values))
        return {panel.find: "", **_changed(page, values, *more, values[page.flipped])}

    def choose(values: Values, event: gr.EventData) -> Values:
        # Choosing a name is typing it: one way into the boxes.
        return find({**values, panel.find: str(said(event, "name"))})

    inputs, outputs = _known(page), _boxes(page)
    for event in (
        panel.find.submit(find, {panel.find, *inputs}, [panel.find, *outputs], **_FAST),
        panel.choices.select(choose, {panel.find, *inputs}, [panel.find, *outputs], **_FAST),
    ):
        event.success(None, js=RUN, api_visibility="private")
    # The script fires when the focus leaves both boxes: texts that come back while a visitor types in the second box
    # would overwrite it.
    panel.choices.blur(route, inputs, outputs, **_FAST)


def wire_marks(page: Page) -> None:
    """Flip a mark, undo all flips, fill the boxes from a preset; each runs."""
    panel = page.panel

    def flip(values: Values, event: gr.EventData) -> Values:
        name = str(said(event, "name"))
        with as_error():
            moved = names.flip(values[panel.seen], values[panel.unseen], name, values[page.flipped])
        return _changed(page, values, *moved)

    def sort(values: Values) -> Values:
        routed = names.route(values[panel.seen], values[panel.unseen], page.predictors(values))
        # All names are where the model's lists put them, so no flip is left to remember.
        return _changed(page, values, *routed, frozenset())

    def fill(values: Values) -> Values:
        if not values[panel.preset]:
            return {panel.seen: gr.skip()}
        with as_error():
            filled = names.preset(values[panel.preset], page.predictors(values))
        return _changed(page, values, *filled, frozenset())

    inputs, outputs = _known(page), _boxes(page)
    for event in (
        panel.preset.input(fill, {panel.preset, *inputs}, outputs, **_FAST),
        panel.sort.click(sort, inputs, outputs, **_FAST),
        panel.marks.select(flip, inputs, outputs, **_FAST),
    ):
        event.success(None, js=RUN, api_visibility="private")


def _known(page: Page) -> set[Any]:
    return {page.panel.seen, page.panel.unseen, page.panel.model, page.flipped}


def _boxes(page: Page) -> list[Any]:
    return [page.panel.seen, page.panel.unseen, page.panel.marks, page.flipped]


def _changed(page: Page, values: Values, seen: str, unseen: str, flipped: names.Flipped) -> dict[Any, Any]:
    """New texts of the boxes; one that is as it was stays, as the visitor may be typing in it."""
    panel = page.panel
    texts = {box: text for box, text in ((panel.seen, seen), (panel.unseen, unseen)) if text != values[box]}
    return {**texts, panel.marks: names.marks(seen, unseen, page.predictors(values)), page.flipped: flipped}


def wire_scene(page: Page) -> None:
    """Draw a new scene, fill the question and its ground truth, and run."""

    def draw(model: str) -> Values:
        return scene_updates(page, scene.fresh_scene(), page.model(model))

    page.panel.draw.click(draw, page.panel.model, question_outputs(page), concurrency_limit=2, **QUIET).success(
        None, js=RUN, api_visibility="private"
    )
