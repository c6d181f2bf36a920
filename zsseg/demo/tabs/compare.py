"""The tab Compare: the methods against each other by wipe, disagreement, IoU per class, time and size.

The wipe is our own and not `gr.ImageSlider`: that one writes both pictures into the server's folder of public files,
and forgets where its handle stood at every redraw; ours keeps a visitor's photo inside the page, keeps its place while
a slider moves, and is a labelled range input, which keyboards and screen readers can work.
"""

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
from markupsafe import Markup

from zsseg.analysis.compare import Comparison, compare
from zsseg.demo.actions import Answer, DisplaySettings
from zsseg.demo.catalog import Predictors, title_of, working
from zsseg.demo.html.parts import class_columns, figure, help_text, number, table
from zsseg.demo.html.pictures import jpeg_uri
from zsseg.demo.html.templates import render
from zsseg.visualize import disagreement_map, overlay
from zsseg.weights.released.published_scores import PUBLISHED

_DATA = {"voc": "PASCAL VOC", "coco": "COCO-Stuff"}
_SCORES = ("pAcc", "mIoU_seen", "mIoU_unseen", "hIoU")

ALONE = help_text("Only one method answered: there is nothing to compare it with.")


def comparison(answer: Answer, display: DisplaySettings, predictors: Predictors) -> Markup:
    """Compare every two methods as they are shown now."""
    if len(answer.results) < 2:
        return ALONE
    shown = {title_of(method): display.apply(answer, method) for method in answer.results}
    pairs = {(one, two): compare(shown[one], shown[two]) for one, two in combinations(shown, 2)}
    return render(
        "tabs/compare.html",
        agreement=f"{_agreement(pairs):.1%}",
        everyone="both" if len(shown) == 2 else f"all {len(shown)}",
        sides=[(title, jpeg_uri(overlay(answer.photo, seg, display.opacity))) for title, seg in shown.items()],
        where=[_where(answer, pair, found) for pair, found in pairs.items()],
        by_class=_by_class(pairs),
        sizes=_sizes(answer, predictors),
        published=_published(answer, predictors),
    )


def _agreement(pairs: Mapping[tuple[str, str], Comparison]) -> float:
    """Share of pixels with the same label in every answer."""
    differ = [found.disagreement for found in pairs.values()]
    # Answers that differ in no pair are all the same, so pairs are enough.
    return 1.0 - float(np.logical_or.reduce(differ).mean())


def _where(answer: Answer, pair: tuple[str, str], found: Comparison) -> Markup:
    one, two = pair
    caption = f"{one} and {two}: the same for {found.agreement:.1%}. Bright: they disagree"
    picture = disagreement_map(answer.photo, found)
    return figure(picture, f"Where {one} and {two} disagree", caption, photo=True)


def _by_class(pairs: Mapping[tuple[str, str], Comparison]) -> Markup:
    head = ("IoU of two answers", *(f"{one} and {two}" for one, two in pairs))
    names = next(iter(pairs.values())).names
    return class_columns(head, names, [found.iou for found in pairs.values()])


def _sizes(answer: Answer, predictors: Predictors) -> Markup:
    able = working(predictors)
    rows = []
    for method, seg in answer.results.items():
        head = f"{able[method].parameters[0]:,}" if method in able else "–"
        rows.append((title_of(method), f"{seg.seconds:.2f} s", head))
    return table(("method", "time of this answer", "trained parameters"), rows)


def _published(answer: Answer, predictors: Predictors) -> Markup:
    """The scores of these weights, and below them those that the paper of the same method reports."""
    rows: list[tuple[str, ...]] = []
    able = working(predictors)
    for method in answer.results:
        if method in able:
            metadata = able[method].metadata
            title = f"{title_of(method)}, {metadata.setting}"
            rows += [(title, f"here: {name}", *values) for name, values in _own(metadata.scores).items()]
            # What no paper reports has no row.
            papers = [(name, PUBLISHED.get((method, data, metadata.setting))) for data, name in _DATA.items()]
            rows += [(title, f"paper: {data}", *_percent(found)) for data, found in papers if found is not None]
    return table(("method", "scores in percent", "pAcc", "mIoU of seen", "mIoU of unseen", "hIoU"), rows)


def _own(scores: Mapping[str, float]) -> dict[str, tuple[str, ...]]:
    """Name of a test set -> its four scores, from keys such as "voc2012 val hIoU"."""
    # The last word of a key is the score, everything before it the test set; a dict keeps their order.
    sets = dict.fromkeys(key.rpartition(" ")[0] for key in scores)
    found = {name: [scores.get(f"{name} {score}") for score in _SCORES] for name in sets}
    return {
        name: _percent([None if value is None else 100 * value for value in values]) for name, values in found.items()
    }


def _percent(values: Sequence[float | None]) -> tuple[str, ...]:
    return tuple(number(value, 1) for value in values)
