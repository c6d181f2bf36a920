"""What happens when another model is picked: its settings, its record, a picture that it knows, its answer."""

from collections.abc import Mapping
from typing import Any

import gradio as gr

from zsseg.demo import card, gallery, html, names, scene
from zsseg.demo.catalog import Predictors, working
from zsseg.demo.layout import own_settings
from zsseg.demo.page import MODEL_QUEUE, Page, as_error, uploaded
from zsseg.demo.tabs import scores as score_maps
from zsseg.errors import UserError
from zsseg.examples import available

# Nothing is asked where something is missing: nobody pressed a button, so nobody should be told off.
_ASK_AGAIN = """() => {
  const boxes = [...document.querySelectorAll("#zs-seen textarea, #zs-unseen textarea")];
  const asked = document.querySelector("#zs-photo img") && boxes.some((box) => box.value.trim());
  const run = document.getElementById("zs-run");
  if (asked && run && !run.disabled) run.click();
}"""


def wire_model(page: Page) -> None:
    """Take another model from the catalog, change the picture if it is of the other domain, and ask again."""
    panel, details = page.panel, page.details

    def change(photo: Mapping[str, Any] | None, seen: str, unseen: str, model: str) -> list[Any]:
        with as_error():
            predictors = page.catalog.get(model)
            asked = fitting_inputs(predictors, uploaded(photo), seen, unseen)
        if asked is not None:
            _, seen, unseen, _, _ = asked
        marked = names.marks(seen, unseen, predictors)
        return [*([gr.skip()] * 5 if asked is None else asked), marked, *model_updates(page, model)]

    inputs = [panel.photo, panel.seen, panel.unseen]
    panel.model.input(
        change,
        [*inputs, panel.model],
        [*inputs, details.mask, details.meanings, panel.marks, *model_outputs(page)],
        preprocess=False,
        concurrency_id=MODEL_QUEUE,
        api_visibility="private",
    ).success(None, js=_ASK_AGAIN, api_visibility="private")


def fitting_inputs(
    predictors: Predictors, photo: str | None, seen: str, unseen: str
) -> tuple[str, str, str, str | None, str] | None:
    """A question of the domain that a model knows, instead of one of the other domain.

    A visitor's own photo or names stay.

    Args:
        predictors: the model that was picked.
        photo: path of the picture that is there.
        seen, unseen: the names that are there.

    Returns:
        Paths and texts for photo, both boxes, true mask and its meanings; None where the question stays as it is.
    """
    if scene.knows_scenes(predictors):
        if scene.is_scene(photo) or not gallery.is_untouched(photo, seen, unseen):
            return None
        drawn = scene.fresh_scene()
        return drawn.photo, drawn.seen, drawn.unseen, drawn.mask, drawn.meanings
    shown = available()
    if not scene.is_scene(photo) or not shown:
        return None
    return str(shown[0].path), shown[0].seen, shown[0].unseen, None, ""


def model_outputs(page: Page) -> list[Any]:
    """What `model_updates` fills; the last of it are the cards' sliders, two each."""
    panel, details = page.panel, page.details
    parts: list[Any] = [page.answer, page.banner, details.models, panel.run]
    parts += [panel.drawing, panel.gallery, details.level]
    parts += [part for item in page.cards for part in (item.title, item.view)]
    return parts + page.sliders[:-1]


def model_updates(page: Page, model: str) -> list[Any]:
    """A model's record and own settings, and a clean slate for its answer."""
    predictors = page.catalog.get(model)
    banner, draws = html.banner(predictors), scene.knows_scenes(predictors)
    updates: list[Any] = [None, gr.update(value=banner, visible=bool(banner)), html.models(predictors)]
    updates.append(gr.update(interactive=bool(working(predictors))))
    updates += [gr.update(visible=draws), gr.update(visible=not draws)]
    updates.append(score_maps.own_level(own_settings(page.cards[0].method, predictors)[0]))
    for item in page.cards:
        able = not isinstance(predictors[item.method], UserError)
        updates += [card.title(item.method, predictors), card.waiting() if able else ""]
    for item in page.cards:
        updates += own_settings(item.method, predictors)
    return updates
