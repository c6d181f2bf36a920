"""The tab Compare: two methods against each other by wipe, disagreement, IoU per class, time and size.

The wipe is our own and not `gr.ImageSlider`: that one writes both pictures into the server's folder of public files,
and forgets where its handle stood at every redraw; ours keeps a visitor's photo inside the page, keeps its place while
a slider moves, and is a labelled range input, which keyboards and screen readers can work.
"""

from markupsafe import Markup

from zsseg.analysis.compare import compare
from zsseg.demo.actions import Answer, DisplaySettings
from zsseg.demo.catalog import Predictors, title_of, working
from zsseg.demo.html.parts import class_table, figure, help_text, table
from zsseg.demo.html.pictures import jpeg_uri
from zsseg.demo.html.templates import render
from zsseg.visualize import disagreement_map, overlay

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
    )


def _sizes(answer: Answer, predictors: Predictors) -> Markup:
    able = working(predictors)
    rows = []
    for method, seg in answer.results.items():
        head = f"{able[method].parameters[0]:,}" if method in able else "–"
        rows.append((title_of(method), f"{seg.seconds:.2f} s", head))
    return table(("method", "time of this answer", "trained parameters"), rows)
