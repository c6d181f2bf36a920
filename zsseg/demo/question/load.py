"""What happens when the page opens: a shared link is read, and the first question is answered."""

from typing import Any

import gradio as gr

from zsseg.demo import link
from zsseg.demo.page import QUIET, Page, Values
from zsseg.demo.question import scene
from zsseg.demo.question.events import marks_of
from zsseg.demo.question.model_events import model_outputs, model_updates

# A visitor sees an answer before doing anything. A link's names were meant for a photo that it does not carry.
_FIRST_RUN = """() => {
  const run = document.getElementById("zs-run");
  if (!run || run.disabled || /[?&](un)?seen=/.test(window.location.search)) {
    document.body.dataset.zsReady = "yes";
  } else {
    window.zssegFirst = true;
    run.click();
  }
}"""


def wire_load(page: Page) -> None:
    """Take over what a shared link says, show how the first names are marked, and answer the first question."""
    panel, details = page.panel, page.details

    def load(request: gr.Request) -> Values:
        shared = link.read_query(dict(request.query_params))
        model = shared.model if shared.model in page.catalog.titles[1:] else None
        updates = {} if model is None else model_updates(page, model)
        updates |= _question(page, model, shared)
        updates |= {panel.model: model, page.opacity: shared.opacity}
        for card in page.cards:
            for slider, linked in ((card.threshold, shared.thresholds), (card.seen_penalty, shared.penalties)):
                if card.method in linked:
                    updates[slider] = linked[card.method]
        return {part: gr.skip() if value is None else value for part, value in updates.items()}

    question: list[Any] = [panel.photo, details.mask, details.meanings, panel.seen, panel.unseen]
    gr.on(None, load, None, [*question, panel.model, page.opacity, *model_outputs(page)], **QUIET).then(
        lambda values: marks_of(page, values), {panel.seen, panel.unseen, panel.model}, panel.marks, **QUIET
    ).then(None, js=_FIRST_RUN, api_visibility="private")


def _question(page: Page, model: str | None, shared: link.Shared) -> dict[Any, str | None]:
    """Photo, its mask and the names as a link wants them, None where nothing changes.

    A link carries no photo, but a model of drawn scenes knows nothing else: the link's scene, or a new one.
    """
    panel, details = page.panel, page.details
    if model is None or not scene.knows_scenes(page.catalog.get(model)):
        return {panel.seen: shared.seen, panel.unseen: shared.unseen}
    drawn = scene.fresh_scene(shared.scene)
    boxes = (drawn.seen, drawn.unseen) if shared.seen is shared.unseen is None else (shared.seen, shared.unseen)
    return {
        panel.photo: drawn.photo,
        details.mask: drawn.mask,
        details.meanings: drawn.meanings,
        panel.seen: boxes[0] or "",
        panel.unseen: boxes[1] or "",
    }
