"""The tab Compare: the methods against each other by wipe, disagreement, IoU per class, time and size.

The wipe is our own and not `gr.ImageSlider`: that one writes both pictures into the server's folder of public files,
and forgets where its handle stood at every redraw; ours keeps a visitor's photo inside the page, keeps its place while
a slider moves, and is a labelled range input, which keyboards and screen readers can work.
"""

from collections.abc import Mapping
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

PUBLISHED = {
    ("zegclip", "inductive"): (84.3, 40.8),
    ("clip_rc", "inductive"): (88.4, 41.2),
    ("zegclip", "transductive"): (91.1, 48.5),
    ("clip_rc", "transductive"): (93.0, 49.7),
}
"""hIoU in percent that the authors report for ViT-B/16 at 512 pixels, on PASCAL VOC and on COCO-Stuff."""

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
    """Our scores beside those of the papers."""
    rows = []
    for method in answer.results:
        predictor = working(predictors).get(method)
        if predictor is not None:
            metadata = predictor.metadata
            own = ", ".join(f"{name} {100 * value:.1f}" for name, value in metadata.scores.items()) or "–"
            papers = PUBLISHED.get((method, metadata.setting), (None, None))
            rows.append((title_of(method), metadata.setting, own, *(number(value, 1) for value in papers)))
    return table(("method", "setting", "here, in percent", "paper: hIoU on VOC", "on COCO-Stuff"), rows)
