"""One method's answer as HTML: the painted photo with a layer per class, and the legend that works them."""

from collections.abc import Sequence

from zsseg.demo.actions import Answer, DisplaySettings
from zsseg.demo.catalog import TITLES, Predictors
from zsseg.demo.html import escape, warning
from zsseg.demo.pictures import jpeg_uri, png_uri
from zsseg.errors import UserError
from zsseg.segmentation import Segmentation
from zsseg.visualize import LegendRow, isolation_masks, overlay
from zsseg.visualize import legend as legend_rows

MANY = 24
SETTINGS = {
    "inductive": "The heads' training knew nothing of the unseen classes, not even their names.",
    "transductive": "The heads' training knew the names of the unseen classes and labelled pixels with them itself.",
    "fully-supervised": "Training had masks of every class.",
    "training-free": "Nothing was trained.",
}
"""Setting of a checkpoint: what it means, in one sentence."""

UNSURE = """
<p class="zs-help">It is not sure of any of these names. Lower “Score threshold” to see its best guesses.</p>
"""


def title(method: str, predictors: Predictors) -> str:
    """Name the method and its setting, above its picture."""
    predictor = predictors[method]
    if isinstance(predictor, UserError):
        return f'<div class="zs-card-title"><h2>{escape(TITLES[method])}</h2><span>not available</span></div>'
    setting, meaning = escape(predictor.metadata.setting), SETTINGS.get(predictor.metadata.setting, "")
    return f'<div class="zs-card-title"><h2>{escape(TITLES[method])}</h2><abbr title="{meaning}">{setting}</abbr></div>'


def waiting() -> str:
    """Stand in for the answer before there is one."""
    return '<p class="zs-help zs-waiting">Press Run: the painted photo and its legend appear here.</p>'


def card(answer: Answer, method: str, display: DisplaySettings) -> str:
    """Draw one method's answer from its stored scores; the network does not run."""
    shown = display.apply(answer, method)
    name = escape(TITLES.get(method, method))
    layers = "".join(
        f'<img class="zs-iso" data-k="{index}" src="{png_uri(layer)}" alt="">'
        for index, layer in enumerate(isolation_masks(shown))
        if layer is not None
    )
    base = jpeg_uri(overlay(answer.photo, shown, display.opacity))
    hint = "click, or press Enter, to read every class’s score at a point; arrow keys move the point"
    return (
        f'<div class="zs-view" tabindex="0" role="button" aria-label="Photo painted by {name}: {hint}">'
        f'<img class="zs-base" src="{base}" alt="The photo painted by {name}">{layers}<i class="zs-cross"></i></div>'
        f"{''.join(map(warning, shown.warnings))}{legend(shown)}"
    )


def legend(segmentation: Segmentation) -> str:
    """List the classes in the order asked: colour (a switch), name, seen or unseen, share of the photo.

    Args:
        segmentation: with the settings that the picture beside it shows.
    """
    every = list(enumerate(legend_rows(segmentation)))
    # A long list buries what was found: then rows without a pixel come after the others, folded away.
    folded = [pair for pair in every if pair[1].area == 0] if len(every) > MANY else []
    rows = [_legend_row(index, row, row.name in segmentation.off) for index, row in every if (index, row) not in folded]
    left_over = max(0.0, 1.0 - sum(segmentation.area))
    rows.append(
        '<li class="zs-row zs-none"><span class="zs-chip"></span><span class="zs-name">none of these</span>'
        f"{_share(left_over)}</li>"
    )
    seconds = f"{segmentation.seconds:.1f} s" if segmentation.seconds >= 0.05 else "under 0.1 s"
    label = escape(f"Legend of {TITLES.get(segmentation.method, segmentation.method)}")
    hint = UNSURE if left_over > 0.95 and segmentation.threshold > 0 else ""
    return (
        f'<ul class="zs-legend" aria-label="{label}">{"".join(rows)}</ul>{_folded(folded, segmentation)}{hint}'
        f'<p class="zs-time">answered in {seconds}</p>'
    )


def _folded(pairs: Sequence[tuple[int, LegendRow]], segmentation: Segmentation) -> str:
    if not pairs:
        return ""
    rows = "".join(_legend_row(index, row, row.name in segmentation.off) for index, row in pairs)
    return (
        f'<details><summary>{len(pairs)} classes without a pixel</summary><ul class="zs-legend">{rows}</ul></details>'
    )


def _legend_row(index: int, row: LegendRow, is_off: bool) -> str:
    kind = "seen" if row.seen else "unseen"
    empty = " zs-absent" if row.area == 0 else ""
    action, pressed = ("Show", "false") if is_off else ("Hide", "true")
    return (
        f'<li class="zs-row{empty}{" zs-off" if is_off else ""}" data-k="{index}" style="--c: {row.hex}">'
        f'<button type="button" class="zs-chip zs-toggle zs-{kind}" data-k="{index}" aria-pressed="{pressed}"'
        f' aria-label="{action} {escape(row.name)}" title="{action} this class"></button>'
        f'<span class="zs-name" title="{escape(row.name)}">{escape(row.name)}</span>'
        f'<span class="zs-badge zs-{kind}">{kind}</span>{_share(row.area)}</li>'
    )


def _share(share: float) -> str:
    percent = 100 * share
    text = "0 %" if share == 0 else "&lt; 0.1 %" if percent < 0.1 else f"{percent:.1f} %"
    return f'<span class="zs-area">{text}</span><span class="zs-bar"><i style="width: {percent:.2f}%"></i></span>'
