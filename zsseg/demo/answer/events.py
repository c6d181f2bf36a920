"""Events of the answer on the first screen: Run, the sliders, the legend, a click on a picture."""

from typing import Any

import gradio as gr
from gradio.events import Dependency

from zsseg.demo import actions
from zsseg.demo.answer.card import photo_style
from zsseg.demo.answer.layout import Card
from zsseg.demo.answer.pixel_scores import pixel_panel
from zsseg.demo.html.parts import text
from zsseg.demo.html.templates import render
from zsseg.demo.page import MODEL_QUEUE, QUIET, RUN, Page, Values, as_error, said, uploaded
from zsseg.demo.question import names
from zsseg.models import METHODS

# The point that was clicked belongs to the photo before. On a phone the answer lies below the button: scroll there,
# unless the page ran by itself.
_SHOW_ANSWER = """() => {
  const byItself = window.zssegFirst;
  window.zssegFirst = false;
  window.zssegPoint = null;
  document.querySelectorAll(".zs-cross").forEach((cross) => { cross.style.display = "none"; });
  if (window.innerWidth < 800 && !byItself) document.getElementById("zs-cards")?.scrollIntoView({behavior: "smooth"});
}"""

_READY = """() => { document.body.dataset.zsReady = "yes"; }"""


def wire_run(page: Page) -> Dependency:
    """Run every method on the button or on Enter; one question at a time runs the networks.

    Returns:
        The event, for what follows a new answer.
    """
    panel = page.panel

    # Gradio hands in its progress bar where a parameter has such a default.
    def run(values: Values, progress: gr.Progress = gr.Progress()) -> Values:
        return _answer(page, values, progress)

    event: Dependency = gr.on(
        [panel.run.click, panel.seen.submit, panel.unseen.submit],
        run,
        {
            *(panel.photo, panel.seen, panel.unseen, panel.model, page.flipped, page.extra, page.details.mask),
            *(page.edges, page.gate, *page.sliders),
        },
        [
            *(page.answer, page.off, page.point, page.pixel, page.verdict, panel.seen, panel.unseen, panel.marks),
            *(page.photo, *page.views),
        ],
        show_progress_on=page.views,
        preprocess=False,
        concurrency_id=MODEL_QUEUE,
        concurrency_limit=1,
        trigger_mode="always_last",  # a question that changes while an answer is made is answered after it
        api_visibility="private",
    )
    # `success` only: a refused question leaves the page where it is.
    event.success(None, js=_SHOW_ANSWER, api_visibility="private")
    # `then`, after errors as well: tests wait for this mark.
    event.then(None, js=_READY, api_visibility="private")
    return event


def _answer(page: Page, values: Values, progress: gr.Progress) -> Values:
    """Sort the names into their boxes, run every method that is shown, and draw the answers."""
    panel, predictors = page.panel, page.predictors(values)
    seen, unseen = names.route(values[panel.seen], values[panel.unseen], predictors, values[page.flipped])
    with as_error():
        # Inside `as_error`: a file that was not uploaded here is refused with a sentence.
        photo, model = uploaded(values[panel.photo]), values[panel.model]
        with page.catalog.turns:
            found = actions.segment(predictors, photo, seen, unseen, progress, model, page.methods(values))
    texts = {panel.seen: seen, panel.unseen: unseen}
    # Boxes that did not change are left out, as the visitor may be typing in one by now.
    new: dict[Any, Any] = {box: typed for box, typed in texts.items() if typed != values[box]}
    # A new answer starts with every class switched on.
    new |= {panel.marks: names.marks(seen, unseen, predictors), page.answer: found, page.off: frozenset[str]()}
    # Where there is a mask the sentence keeps its place, so that the pictures do not jump.
    waits = render("verdict.html", sentence="The answers are being compared with it.")
    verdict = gr.update(value=waits, visible=values[page.details.mask] is not None)
    new |= {page.point: None, page.pixel: text("no_point"), page.verdict: verdict}
    return {**new, page.photo: photo_style(found), **page.draw(found, page.read_display(values))}


def wire_extra(page: Page) -> None:
    """Show and hide the cards of the methods beyond those that the page starts with, and run."""

    def show(chosen: list[str]) -> Values:
        return {card.column: gr.update(visible=card.method in chosen) for card in extra}

    extra = [card for card in page.cards if not METHODS[card.method].shown]
    # Without further methods there is nothing to choose, and the event would have no outputs.
    if extra:
        page.extra.change(show, page.extra, [card.column for card in extra], **QUIET).success(
            None, js=RUN, api_visibility="private"
        )


def wire_display(page: Page) -> list[Dependency]:
    """Render again from stored scores while a slider moves or a switch flips; the network does not run.

    The opacity is missing here: the browser mixes photo and paint by itself.

    Returns:
        The events, for what else follows them.
    """

    def wire(triggers: list[Any], cards: list[Card]) -> Dependency:
        event: Dependency = gr.on(
            triggers,
            lambda values: page.draw(values[page.answer], page.read_display(values), cards),
            {page.answer, *page.display},
            [item.view for item in cards],
            trigger_mode="always_last",
            preprocess=False,
            queue=False,  # a third of the time from slider to picture was spent queueing
            **QUIET,
        )
        return event

    # A card's sliders redraw that card alone, which takes a third of the time of all three.
    own = [wire([item.threshold.change, item.seen_penalty.change], [item]) for item in page.cards]
    return [wire([page.edges.change, page.gate.change], page.cards), *own]


def wire_legend(page: Page) -> list[Dependency]:
    """Switch classes by their chips, and show the scores at the pixel that was clicked.

    Returns:
        The events that change which classes are on.
    """

    def switch(values: Values, event: gr.EventData) -> Values:
        # The index comes from the browser and may be anything.
        found, index, off = values[page.answer], said(event, "index"), values[page.off]
        if found is not None and isinstance(index, int) and 0 <= index < len(found.vocabulary.names):
            # The symmetric difference switches on what was off and off what was on.
            off = off ^ {found.vocabulary.names[index]}
        return {page.off: off, **page.draw(found, page.read_display({**values, page.off: off}))}

    def read_point(values: Values, event: gr.EventData) -> Values:
        found, point = values[page.answer], tuple(said(event, axis) for axis in ("x", "y"))
        # Likewise from the browser; the comparison refuses NaN as well.
        if found is None or not all(isinstance(value, int | float) and 0 <= value <= 1 for value in point):
            return {page.point: gr.skip()}
        panel = pixel_panel(found, page.read_display(values), page.predictors(values), point)
        return {page.point: point, page.pixel: panel}

    quick: dict[str, Any] = {**QUIET, "queue": False, "preprocess": False}
    switches, inputs = [], {page.answer, page.panel.model, *page.display}
    for card in page.cards:
        switches.append(card.view.select(switch, inputs, [page.off, *page.views], **quick))
        # A second click while the first is answered counts, as the visitor points elsewhere now.
        card.view.click(read_point, inputs, [page.point, page.pixel], trigger_mode="always_last", **quick)
    return switches
