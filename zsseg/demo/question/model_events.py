"""Events when another model is chosen: its settings, its record, a fitting picture, its answer."""

from typing import Any

import gradio as gr

from zsseg.demo.answer.banner import banner
from zsseg.demo.answer.card import title
from zsseg.demo.answer.layout import own_settings
from zsseg.demo.catalog import Predictors, working
from zsseg.demo.html.parts import text
from zsseg.demo.page import MODEL_QUEUE, RUN, Page, Values, as_error, typed, uploaded
from zsseg.demo.question import gallery, names, scene
from zsseg.demo.tabs import scores as score_maps
from zsseg.demo.tabs.model import models
from zsseg.errors import UserError
from zsseg.examples import available


def wire_model(page: Page) -> None:
    """Take another model from the catalog, change the picture if it is of the other domain, and run again."""
    panel, details = page.panel, page.details

    def change(values: Values) -> Values:
        seen, unseen = typed(values[panel.seen]), typed(values[panel.unseen])
        updates: dict[Any, Any] = {}
        with as_error():
            predictors = page.predictors(values)
            # A model of drawn scenes says nothing sensible of a photo, and the other way round.
            asked = fitting_inputs(predictors, uploaded(values[panel.photo]), seen, unseen)
        if asked is not None:
            photo, seen, unseen, mask, meanings = asked
            updates = {panel.photo: photo, panel.seen: seen, panel.unseen: unseen}
            updates |= {details.mask: mask, details.meanings: meanings}
        routed = names.route(seen, unseen, predictors, values[page.flipped])
        if routed != (seen, unseen):
            updates |= {panel.seen: routed[0], panel.unseen: routed[1]}
        return {**updates, panel.marks: names.marks(*routed, predictors), **model_updates(page, values[panel.model])}

    inputs = [panel.photo, panel.seen, panel.unseen]
    panel.model.input(
        change,
        {*inputs, panel.model, page.flipped},
        [*inputs, details.mask, details.meanings, panel.marks, *model_outputs(page)],
        preprocess=False,
        concurrency_id=MODEL_QUEUE,
        api_visibility="private",
    ).success(None, js=RUN, api_visibility="private")


def fitting_inputs(
    predictors: Predictors, photo: str | None, seen: str, unseen: str
) -> tuple[str, str, str, str | None, str] | None:
    """A question of the domain that a model knows, instead of one of the other domain.

    A visitor's own photo or names stay.

    Args:
        predictors: the model that was chosen.
        photo: path of the picture that is there.
        seen, unseen: the names that are there.

    Returns:
        Paths and texts for photo, both boxes, true mask and its meanings; None where the question stays as it is.
    """
    if scene.knows_scenes(predictors):
        # Somebody's own work is never replaced, even where the model does not know such pictures.
        if scene.is_scene(photo) or not gallery.is_untouched(photo, seen, unseen):
            return None
        drawn = scene.fresh_scene()
        return drawn.photo, drawn.seen, drawn.unseen, drawn.mask, drawn.meanings
    shown = available()
    if not scene.is_scene(photo) or not shown:
        return None
    photo, mask = gallery.example_files(shown[0])
    return photo, shown[0].seen, shown[0].unseen, mask, shown[0].meanings


def model_outputs(page: Page) -> list[Any]:
    """What `model_updates` fills."""
    panel, details = page.panel, page.details
    parts: list[Any] = [page.answer, page.banner, details.models, panel.run]
    parts += [panel.drawing, panel.choices, details.level]
    for item in page.cards:
        parts += [item.title, item.view, item.threshold, item.seen_penalty]
    return parts


def model_updates(page: Page, model: str) -> dict[Any, Any]:
    """A model's record and own settings; its answer is empty until it runs."""
    panel, details, predictors = page.panel, page.details, page.model(model)
    draws, content = scene.knows_scenes(predictors), banner(predictors)
    updates: dict[Any, Any] = {
        # The old answer is of another model: sliders must not move it any more.
        page.answer: None,
        page.banner: gr.update(value=content, visible=bool(content)),
        details.models: models(predictors),
        panel.run: gr.update(interactive=bool(working(predictors))),
        panel.drawing: gr.update(visible=draws),
        panel.choices: names.choices(predictors),
        details.level: score_maps.own_level(own_settings(page.cards[0].method, predictors)[0]),
    }
    for item in page.cards:
        able = not isinstance(predictors[item.method], UserError)
        threshold, seen_penalty = own_settings(item.method, predictors)
        updates |= {item.title: title(item.method, predictors), item.view: text("waiting") if able else ""}
        # Sliders follow the model: each checkpoint carries settings of its own.
        updates |= {item.threshold: threshold, item.seen_penalty: seen_penalty}
    return updates
