"""Events when the page opens: a shared link is read, and the first question is answered."""

from pathlib import Path
from typing import Any

import gradio as gr

from zsseg.demo import link
from zsseg.demo.catalog import Predictors
from zsseg.demo.html.templates import render
from zsseg.demo.page import QUIET, Page, Values
from zsseg.demo.question import names, scene
from zsseg.demo.question.events import example_updates, question_outputs, scene_updates
from zsseg.demo.question.model_events import model_outputs, model_updates
from zsseg.examples import Example, available

# The page shows an answer before a visitor does anything, but for a link that needs a photo first.
_FIRST_RUN = """(photo) => {
  const run = document.getElementById("zs-run");
  if (!photo || !run || run.disabled) document.body.dataset.zsReady = "yes";
  else {
    window.zssegFirst = true;
    run.click();
  }
}"""


def wire_load(page: Page) -> None:
    """Take over what a shared link says, show how the first names are marked, and answer the first question."""
    panel = page.panel

    def load(request: gr.Request) -> Values:
        shared = link.read_query(dict(request.query_params))
        # The first model is there already, and an unknown one counts as absent.
        model = shared.model if shared.model in page.catalog.titles[1:] else None
        predictors = page.catalog.get(model or page.catalog.first)
        updates = {} if model is None else {panel.model: model, **model_updates(page, model)}
        updates |= _question(page, predictors, shared)
        updates |= {page.opacity: gr.skip() if shared.opacity is None else shared.opacity}
        for card in page.cards:
            for slider, linked in ((card.threshold, shared.thresholds), (card.seen_penalty, shared.penalties)):
                if card.method in linked:
                    updates[slider] = linked[card.method]
        return updates

    outputs = [*question_outputs(page), panel.model, page.opacity, *model_outputs(page)]
    gr.on(None, load, None, outputs, **QUIET).then(None, panel.photo, js=_FIRST_RUN, api_visibility="private")


def _question(page: Page, predictors: Predictors, shared: link.Shared) -> dict[Any, Any]:
    """Photo, ground truth and names as a link states them.

    A link to a scene or an example brings it. Another link with names needs a photo that it does not contain, so no
    photo is there and a line asks for it: the page never shows names that were meant for another photo.
    """
    panel, example = page.panel, _example(shared.example)
    # A chain of identities: true unless both texts are None; an empty text is a text.
    linked = not shared.seen is shared.unseen is None
    updates: dict[Any, Any] = {}
    # A scene is drawn again from its number, so a link to one is complete.
    if scene.knows_scenes(predictors):
        updates = scene_updates(page, scene.fresh_scene(shared.scene), predictors)
    elif example is not None or not linked:
        first = example or next(iter(available()), None)
        updates = example_updates(page, first, predictors) if first else {}
    else:
        notice = render("notice.html", photo=shared.photo)
        updates = {panel.photo: None, panel.notice: gr.update(value=notice, visible=True)}
    if linked:
        seen, unseen = shared.seen or "", shared.unseen or ""
        # Names stay in the boxes that the sender chose, even against the model's lists.
        flipped = names.flipped_names(seen, unseen, predictors)
        updates |= {panel.seen: seen, panel.unseen: unseen, page.flipped: flipped}
        updates[panel.marks] = names.marks(seen, unseen, predictors)
    return updates


def _example(name: str | None) -> Example | None:
    return next((example for example in available() if Path(example.file).stem == name), None)
