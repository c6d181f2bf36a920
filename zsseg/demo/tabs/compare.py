"""The tab Compare: two methods against each other by wipe, disagreement, IoU per class, time and size.

The wipe is our own and not `gr.ImageSlider`: that one writes both pictures into the server's folder of public files,
and forgets where its handle stood at every redraw; ours keeps a visitor's photo inside the page, keeps its place while
a slider moves, and is a labelled range input, which keyboards and screen readers can work.
"""

from markupsafe import Markup

from zsseg.analysis.compare import compare
from zsseg.demo.actions import Answer, DisplaySettings
from zsseg.demo.catalog import Predictors, title_of, working
from zsseg.demo.html.parts import class_table, figure, help_text, number, table
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
    """Compare the first two methods as they are shown now."""
    if len(answer.results) < 2:
        return ALONE
    first, second = (display.apply(answer, method) for method in list(answer.results)[:2])
    found = compare(first, second)
    one, two = (title_of(method) for method in list(answer.results)[:2])
    sides = [
        {"title": title, "picture": jpeg_uri(overlay(answer.photo, seg, display.opacity))}
        for title, seg in ((one, first), (two, second))
    ]
    where = figure(
        disagreement_map(answer.photo, found), "Where the two methods disagree", "Bright: they disagree", photo=True
    )
    return render(
        "tabs/compare.html",
        agreement=f"{found.agreement:.1%}",
        first=sides[0],
        second=sides[1],
        where=where,
        by_class=class_table(("class", f"IoU of {one} and {two}"), found.names, found.iou),
        sizes=_sizes(answer, predictors),
        published=_published(answer, predictors),
    )


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
