"""The tab that sets both methods against each other: wipe, disagreement, IoU per class, time and size."""

from zsseg.analysis.compare import compare
from zsseg.demo.actions import Answer, DisplaySettings
from zsseg.demo.catalog import TITLES, Predictors, working
from zsseg.demo.html import class_table, escape, help_text, table
from zsseg.demo.pictures import figure, jpeg_uri
from zsseg.visualize import disagreement_map, overlay

ALONE = help_text("Only one method answered: there is nothing to compare it with.")


def comparison(answer: Answer, display: DisplaySettings, predictors: Predictors) -> str:
    """Compare the two methods as they are shown now."""
    if len(answer.results) < 2:
        return ALONE
    first, second = (display.apply(answer, method) for method in answer.results)
    found = compare(first, second)
    one, two = (TITLES[method] for method in answer.results)
    pictures = [jpeg_uri(overlay(answer.photo, seg, display.opacity)) for seg in (first, second)]
    where = figure(
        disagreement_map(answer.photo, found), "Where the two methods disagree", "Bright: they disagree", photo=True
    )
    by_class = class_table(("class", f"IoU of {one} and {two}"), found.names, found.iou)
    return (
        f'<p class="zs-big"><b>{found.agreement:.1%}</b> of the pixels get the same answer from both.</p>'
        f'<div class="zs-two">{_wipe(pictures, one, two)}{where}</div>'
        f'<div class="zs-two"><div>{by_class}</div>{_sizes(answer, predictors)}</div>'
    )


def _wipe(pictures: list[str], one: str, two: str) -> str:
    return (
        f'<figure class="zs-wipe"><div><img src="{pictures[0]}" alt="Painted by {escape(one)}">'
        f'<img class="zs-over" src="{pictures[1]}" alt="Painted by {escape(two)}"></div>'
        f'<label><span>{escape(one)}</span><input type="range" class="zs-wipe-at" min="0" max="100" value="50"'
        f' aria-label="Wipe between {escape(one)} and {escape(two)}"><span>{escape(two)}</span></label></figure>'
    )


def _sizes(answer: Answer, predictors: Predictors) -> str:
    able = working(predictors)
    rows = []
    for method, seg in answer.results.items():
        head = f"{able[method].parameters[0]:,}" if method in able else "–"
        rows.append((TITLES[method], f"{seg.seconds:.2f} s", head))
    return table(("method", "time of this answer", "trained parameters"), rows)
