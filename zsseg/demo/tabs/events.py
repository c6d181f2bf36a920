"""The events that fill the tabs: after every answer, with the sliders, or on request."""

from collections.abc import Callable
from typing import Any

import gradio as gr
from gradio.events import Dependency

from zsseg.analysis.ground_truth import AmbiguousMask, Truth
from zsseg.demo import actions, link
from zsseg.demo.actions import Answer
from zsseg.demo.answer.pixel_scores import pixel_panel
from zsseg.demo.catalog import Predictors, with_regions, working
from zsseg.demo.html.parts import text, warning
from zsseg.demo.html.templates import render
from zsseg.demo.page import BATCH_QUEUE, MODEL_QUEUE, QUIET, Page, Values, as_error, number, said, uploaded
from zsseg.demo.question.gallery import link_picture
from zsseg.demo.tabs import ground_truth, how_it_works
from zsseg.demo.tabs import scores as score_maps
from zsseg.demo.tabs.batch import run_batch
from zsseg.demo.tabs.compare import comparison
from zsseg.demo.tabs.recovery import recovery, similarity
from zsseg.demo.tabs.regions import regions
from zsseg.errors import UserError

_COPY = """(query) => {
  const address = window.location.origin + window.location.pathname + query;
  navigator.clipboard?.writeText(address).catch(() => {});
  return address;
}"""


def wire_answer(page: Page, ran: Dependency) -> None:
    """Fill the tabs after an answer, once its pictures are shown.

    Args:
        page: the components.
        ran: the event that brought the answer.
    """
    details = page.details

    def fill(values: Values) -> Values:
        found, display, predictors = values[page.answer], page.read_display(values), page.predictors(values)
        if found is None:  # the event was sent without an answer before it
            return {details.scores: gr.skip()}
        # The tab of regions starts with the class that has most to show.
        asked = list(found.vocabulary.names)
        largest = max(asked, key=dict(zip(asked, _area(found, predictors), strict=True)).__getitem__)
        with page.catalog.turns:
            explained = how_it_works.explain(found, display, predictors)
            blocks = regions(found, predictors, largest, 0)
        return {
            details.scores: score_maps.score_grid(found, values[details.kind]),
            details.sums: score_maps.sums(found),
            details.similarity: text("recovery_click"),
            details.explain: explained,
            details.region_class: gr.update(choices=asked, value=largest),
            details.region_window: gr.update(choices=_windows(found, predictors), value=0),
            details.regions: blocks,
        }

    after = ran.success(
        fill,
        {page.answer, details.kind, page.panel.model, *page.display},
        [
            *(details.scores, details.sums, details.similarity, details.explain),
            *(details.region_class, details.region_window, details.regions),
        ],
        concurrency_id=MODEL_QUEUE,
        **QUIET,
    )
    _follow(page, after.success)


def _area(found: Answer, predictors: Predictors) -> tuple[float, ...]:
    """Share of the photo of each class in the answer of the method with region tokens, else in the first one."""
    method = next((m for m in with_regions(predictors) if m in found.results), next(iter(found.results)))
    # Without the threshold: a cautious one would leave every class at zero.
    return found.results[method].with_settings(threshold=0.0).area


def _windows(found: Answer, predictors: Predictors) -> list[tuple[str, int]]:
    predictor = next(iter(working(predictors).values()))
    count = len(predictor.preprocess(found.photo).boxes)
    return [(str(number + 1), number) for number in range(count)]


def wire_followers(page: Page, events: list[Dependency]) -> None:
    """Update what depends on the sliders after each of these events, and with the opacity."""
    triggers: list[Callable[..., Dependency]] = [page.opacity.change, *(event.then for event in events)]
    for trigger in triggers:
        _follow(page, trigger)


def _follow(page: Page, trigger: Callable[..., Dependency]) -> None:
    details = page.details

    def follow(values: Values) -> Values:
        found, point, truth = values[page.answer], values[page.point], values[page.truth]
        if found is None:
            return {details.claims: gr.skip()}
        display, predictors = page.read_display(values), page.predictors(values)
        updates = {
            details.claims: score_maps.claims(found, display, number(details.level, values)),
            details.comparison: comparison(found, display, predictors),
            details.recovery: recovery(found, display),
        }
        if truth is not None:
            updates |= _truth(page, found, display, truth)
        if point is not None:
            # The point stays while sliders move, and its bars follow them.
            updates[page.pixel] = pixel_panel(found, display, predictors, point)
        return updates

    trigger(
        follow,
        {page.answer, page.panel.model, page.point, page.truth, details.level, *page.display},
        [details.claims, details.comparison, details.recovery, details.truth, page.verdict, page.pixel],
        trigger_mode="always_last",
        preprocess=False,
        concurrency_limit=2,
        **QUIET,
    )


def wire_choices(page: Page) -> None:
    """Redraw the score maps and the regions when another kind, class or window is chosen."""
    details = page.details

    def scores(found: Answer | None, kind: str) -> object:
        return gr.skip() if found is None else score_maps.score_grid(found, kind)

    def blocks(values: Values) -> object:
        if values[page.answer] is None:
            return gr.skip()
        # A cleared list gives None.
        name, window = values[details.region_class], values[details.region_window] or 0
        with page.catalog.turns:
            return regions(values[page.answer], page.predictors(values), name, window)

    def claimed(values: Values) -> object:
        if values[page.answer] is None:
            return gr.skip()
        return score_maps.claims(values[page.answer], page.read_display(values), number(details.level, values))

    inputs = {page.answer, details.level, *page.display}
    details.level.change(claimed, inputs, details.claims, trigger_mode="always_last", preprocess=False, **QUIET)

    def similar(values: Values, event: gr.EventData) -> object:
        found, point = values[page.answer], tuple(said(event, axis) for axis in ("x", "y"))
        if found is None or not all(isinstance(value, int | float) and 0 <= value <= 1 for value in point):
            return gr.skip()
        return similarity(found, point)

    details.recovery.click(similar, {page.answer}, details.similarity, **QUIET)
    details.kind.change(scores, [page.answer, details.kind], details.scores, **QUIET)
    gr.on(
        [details.region_class.input, details.region_window.input],
        blocks,
        {page.answer, page.panel.model, details.region_class, details.region_window},
        details.regions,
        concurrency_id=MODEL_QUEUE,
        **QUIET,
    )


def wire_truth(page: Page, ran: Dependency) -> None:
    """Read a true mask when it is added, when its table changes and after every answer, and score against it.

    Args:
        page: the components.
        ran: the event that brought an answer: a mask waits for the answer about the photo that is there now.
    """
    details, photo = page.details, page.panel.photo

    def read(values: Values) -> Values:
        found, path = values[page.answer], uploaded(values[details.mask])
        nothing = {page.truth: None, details.truth: "", page.verdict: gr.update(visible=False)}
        if path is None:
            return nothing
        # A mask may arrive while the answer to the photo before is still shown.
        if found is None or found.path != uploaded(values[photo]):
            return {**nothing, details.truth: text("truth_waits")}
        try:
            truth = ground_truth.read(found, path, values[details.meanings])
        except AmbiguousMask as question:
            return {**nothing, details.truth: ground_truth.ask(question)}
        # Shown in the tab and not as an alarm: a table is often half typed.
        except UserError as error:
            return {**nothing, details.truth: warning(str(error))}
        return {page.truth: truth, **_truth(page, found, page.read_display(values), truth)}

    def choose(values: Values, event: gr.EventData) -> Values:
        # One of the readings that were offered, but it comes from the browser and may be any text, as if typed.
        table = str(said(event, "table"))
        return {details.meanings: table, **read({**values, details.meanings: table})}

    inputs = {page.answer, photo, details.mask, details.meanings, *page.display}
    outputs = [page.truth, details.truth, page.verdict]
    options: dict[str, Any] = {**QUIET, "preprocess": False}
    gr.on([details.mask.change, details.meanings.blur], read, inputs, outputs, **options)
    ran.success(read, inputs, outputs, **options)
    details.truth.select(choose, inputs, [details.meanings, *outputs], **options)


def _truth(page: Page, found: Answer, display: actions.DisplaySettings, truth: Truth) -> dict[Any, Any]:
    """The tab of the ground truth, and its sentence above the answers."""
    sentence = ground_truth.verdict(found, display, truth)
    return {
        page.details.truth: ground_truth.truth_view(found, display, truth),
        page.verdict: gr.update(value=render("verdict.html", sentence=sentence), visible=bool(sentence)),
    }


def wire_files(page: Page) -> None:
    """Write the ZIP of what is shown, and the link."""
    details, panel = page.details, page.panel

    def make(values: Values) -> object:
        with as_error():
            if values[page.answer] is None:
                raise UserError("There is nothing to save yet: press Run first.")
            path = actions.write_files(values[page.answer], page.read_display(values))
            return gr.update(value=path, visible=True)

    def make_link(values: Values) -> object:
        found, display = values[page.answer], page.read_display(values)
        # The query only: the browser knows the address under which it reached the page.
        query = link.write_query(
            values[panel.seen], values[panel.unseen], values[panel.model], display, link_picture(found)
        )
        return gr.update(value=query, visible=True)

    details.make_files.click(
        make, {page.answer, *page.display}, details.files, concurrency_limit=2, api_visibility="private"
    )
    details.make_link.click(
        make_link, {page.answer, panel.seen, panel.unseen, panel.model, *page.display}, details.link, **QUIET
    ).success(None, details.link, details.link, js=_COPY, **QUIET)


def wire_batch(page: Page) -> None:
    """Answer one question about many photos."""
    details, panel = page.details, page.panel

    def run(values: Values, progress: gr.Progress = gr.Progress()) -> Values:
        names = (values[panel.seen], values[panel.unseen])
        with as_error():
            path, found = run_batch(
                page.predictors(values),
                values[details.photos] or [],
                names,
                page.read_display(values),
                progress,
                page.catalog.turns,
            )
        return {details.batch_zip: gr.update(value=path, visible=True), details.batch_table: found}

    inputs: set[Any] = {details.photos, panel.seen, panel.unseen, panel.model, *page.sliders}
    details.run_batch.click(
        run,
        inputs,
        [details.batch_zip, details.batch_table],
        # A queue of its own: questions about one photo do not wait for all of these.
        concurrency_id=BATCH_QUEUE,
        api_visibility="private",
    )
