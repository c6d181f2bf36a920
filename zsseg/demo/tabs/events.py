"""What fills the tabs: some of it after every answer, some with the sliders, the rest when it is asked for."""

from collections.abc import Callable
from typing import Any

import gradio as gr
from gradio.events import Dependency

from zsseg.analysis.ground_truth import Truth
from zsseg.demo import actions, html, link, model_events, names, scene
from zsseg.demo.actions import Answer
from zsseg.demo.catalog import Predictors, working
from zsseg.demo.page import MODEL_QUEUE, Page, as_error
from zsseg.demo.pixel_scores import pixel_panel
from zsseg.demo.tabs import ground_truth, how_it_works
from zsseg.demo.tabs import scores as score_maps
from zsseg.demo.tabs.batch import run_batch
from zsseg.demo.tabs.compare import comparison
from zsseg.demo.tabs.recovery import recovery
from zsseg.demo.tabs.regions import regions
from zsseg.errors import UserError

_QUIET: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
_COPY = """(query) => {
  const address = window.location.origin + window.location.pathname + query;
  navigator.clipboard?.writeText(address).catch(() => {});
  return address;
}"""

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


def wire_answer(page: Page, ran: Dependency) -> None:
    """Fill the tabs after an answer, once its pictures are shown.

    Args:
        page: the components.
        ran: the event that brought the answer.
    """
    details = page.details

    def fill(found: Answer, kind: str, model: str, *values: object) -> list[Any]:
        display, predictors = page.read_display(values), page.catalog.get(model)
        asked = list(found.vocabulary.names)
        largest = max(asked, key=dict(zip(asked, _area(found), strict=True)).__getitem__)
        return [
            score_maps.score_grid(found, kind),
            how_it_works.explain(found, display, predictors),
            gr.update(choices=asked, value=largest),
            gr.update(choices=_windows(found, predictors), value=0),
            regions(found, predictors, largest, 0),
        ]

    outputs = [details.scores, details.explain, details.region_class, details.region_window, details.regions]
    after = ran.success(
        fill,
        [page.answer, details.kind, page.panel.model, *page.display],
        outputs,
        concurrency_id=MODEL_QUEUE,
        **_QUIET,
    )
    _follow(page, after.success)


def _area(found: Answer) -> tuple[float, ...]:
    return (found.results.get("clip_rc") or next(iter(found.results.values()))).with_settings(threshold=0.0).area


def _windows(found: Answer, predictors: Predictors) -> list[tuple[str, int]]:
    predictor = next(iter(working(predictors).values()))
    count = len(predictor.preprocess(found.photo).boxes)
    return [(str(number + 1), number) for number in range(count)]


def wire_followers(page: Page, events: list[Dependency]) -> None:
    """Let what depends on the sliders follow each of these events."""
    for event in events:
        _follow(page, event.then)


def _follow(page: Page, trigger: Callable[..., Dependency]) -> None:
    details = page.details

    def follow(
        found: Answer | None,
        model: str,
        point: tuple[float, float] | None,
        truth: Truth | None,
        level: float,
        *values: object,
    ) -> list[Any]:
        if found is None:
            return [gr.skip()] * 5
        display, predictors = page.read_display(values), page.catalog.get(model)
        return [
            score_maps.claims(found, display, level),
            comparison(found, display, predictors),
            recovery(found, display),
            gr.skip() if truth is None else ground_truth.truth_table(found, display, truth),
            gr.skip() if point is None else pixel_panel(found, display, predictors, point),
        ]

    trigger(
        follow,
        [page.answer, page.panel.model, page.point, page.truth, details.level, *page.display],
        [details.claims, details.comparison, details.recovery, details.truth, page.pixel],
        trigger_mode="always_last",
        concurrency_limit=2,
        **_QUIET,
    )


def wire_choices(page: Page) -> None:
    """Redraw the score maps and the regions when another kind, class or window is chosen."""
    details = page.details

    def scores(found: Answer | None, kind: str) -> object:
        return gr.skip() if found is None else score_maps.score_grid(found, kind)

    def blocks(found: Answer | None, model: str, name: str | None, window: int | None) -> object:
        return gr.skip() if found is None else regions(found, page.catalog.get(model), name, window or 0)

    def claimed(found: Answer | None, level: float, *values: object) -> object:
        return gr.skip() if found is None else score_maps.claims(found, page.read_display(values), level)

    details.level.change(
        claimed, [page.answer, details.level, *page.display], details.claims, trigger_mode="always_last", **_QUIET
    )
    details.kind.change(scores, [page.answer, details.kind], details.scores, **_QUIET)
    gr.on(
        [details.region_class.input, details.region_window.input],
        blocks,
        [page.answer, page.panel.model, details.region_class, details.region_window],
        details.regions,
        concurrency_id=MODEL_QUEUE,
        **_QUIET,
    )


def wire_truth(page: Page, ran: Dependency) -> None:
    """Read a true mask when it is dropped in or its table changes, and score against it.

    Args:
        page: the components.
        ran: the event that brought an answer: the mask of a drawn scene waits for it.
    """
    details = page.details

    def read(found: Answer | None, path: str | None, meanings: str, *values: object) -> tuple[Any, str]:
        if not path or not scene.belongs(path, found.file_name if found else None):
            return None, ""
        try:
            if found is None:
                raise UserError("There is no answer to judge yet: press Run, then drop the mask in again.")
            truth = ground_truth.read(found, path, meanings)
        except UserError as error:
            return None, html.warning(str(error))
        return truth, ground_truth.truth_table(found, page.read_display(values), truth)

    def read_scene(found: Answer, path: str | None, meanings: str, *values: object) -> tuple[Any, Any]:
        if not path or not scene.is_scene_mask(path):
            return gr.skip(), gr.skip()
        return read(found, path, meanings, *values)

    inputs, outputs = [page.answer, details.mask, details.meanings, *page.display], [page.truth, details.truth]
    gr.on([details.mask.change, details.meanings.blur], read, inputs, outputs, **_QUIET)
    ran.success(read_scene, inputs, outputs, **_QUIET)


def wire_files(page: Page) -> None:
    """Write the ZIP of what is shown, and the link."""
    details, panel = page.details, page.panel

    def make(found: Answer | None, *values: object) -> object:
        with as_error():
            if found is None:
                raise UserError("There is nothing to save yet: press Run first.")
            return gr.update(value=actions.write_files(found, page.read_display(values)), visible=True)

    def query(found: Answer | None, seen: str, unseen: str, model: str, *values: object) -> object:
        drawn = scene.number_of(found.file_name) if found else None
        return gr.update(value=link.write_query(seen, unseen, model, page.read_display(values), drawn), visible=True)

    details.make_files.click(
        make, [page.answer, *page.display], details.files, concurrency_limit=2, api_visibility="private"
    )
    details.make_link.click(
        query, [page.answer, panel.seen, panel.unseen, panel.model, *page.display], details.link, **_QUIET
    ).success(None, details.link, details.link, js=_COPY, **_QUIET)


def wire_batch(page: Page) -> None:
    """Ask many photos the same question."""
    details, panel = page.details, page.panel

    def run(
        paths: list[str] | None,
        seen: str,
        unseen: str,
        model: str,
        *values: object,
        progress: gr.Progress = gr.Progress(),
    ) -> tuple[object, str]:
        with as_error():
            display = page.read_display([*values, frozenset[str]()])
            path, found = run_batch(page.catalog.get(model), paths or [], (seen, unseen), display, progress)
        return gr.update(value=path, visible=True), found

    details.run_batch.click(
        run,
        [details.photos, panel.seen, panel.unseen, panel.model, *page.sliders],
        [details.batch_zip, details.batch_table],
        concurrency_id=MODEL_QUEUE,
        api_visibility="private",
    )


def wire_load(page: Page) -> None:
    """Take over what a shared link says, show how the first names are marked, and answer the first question."""
    panel, details = page.panel, page.details

    def load(request: gr.Request) -> list[Any]:
        shared = link.read_query(dict(request.query_params))
        outputs = model_events.model_outputs(page)
        updates: list[Any] = [gr.skip()] * len(outputs)
        model = shared.model if shared.model in page.catalog.titles[1:] else None
        if model is not None:
            updates = model_events.model_updates(page, model)
        own = len(outputs) - 2 * len(page.cards)
        linked = [table.get(card.method) for card in page.cards for table in (shared.thresholds, shared.penalties)]
        updates[own:] = [old if new is None else new for old, new in zip(updates[own:], linked, strict=True)]
        values = [*_linked_question(page, model, shared), model, shared.opacity]
        return [*(gr.skip() if value is None else value for value in values), *updates]

    gr.on(
        None,
        load,
        None,
        [
            *(panel.photo, details.mask, details.meanings, panel.seen, panel.unseen),
            *(panel.model, page.opacity),
            *model_events.model_outputs(page),
        ],
        **_QUIET,
    ).then(
        lambda seen, unseen, model: names.marks(seen, unseen, page.catalog.get(model)),
        [panel.seen, panel.unseen, panel.model],
        panel.marks,
        **_QUIET,
    ).then(None, js=_FIRST_RUN, api_visibility="private")


def _linked_question(page: Page, model: str | None, shared: link.Shared) -> list[str | None]:
    """Photo, mask, its meanings and both boxes as a link wants them, None where nothing changes.

    A link carries no photo, but a model of drawn scenes knows nothing else: the link's scene, or a fresh one.
    """
    if model is None or not scene.knows_scenes(page.catalog.get(model)):
        return [None, None, None, shared.seen, shared.unseen]
    drawn = scene.fresh_scene(shared.scene)
    boxes = (drawn.seen, drawn.unseen) if shared.seen is shared.unseen is None else (shared.seen, shared.unseen)
    return [drawn.photo, drawn.mask, drawn.meanings, *(box or "" for box in boxes)]
