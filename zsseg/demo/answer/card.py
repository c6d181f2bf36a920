"""One method's answer as HTML: the painted photo with a layer per class, and the legend, whose chips are switches."""

from markupsafe import Markup

from zsseg.demo.actions import Answer, DisplaySettings
from zsseg.demo.catalog import Predictors, title_of
from zsseg.demo.html.pictures import jpeg_uri, png_uri
from zsseg.demo.html.templates import render
from zsseg.errors import UserError
from zsseg.segmentation import Segmentation
from zsseg.visualize import LegendRow, isolation_masks, overlay
from zsseg.visualize import legend as legend_rows

MANY = 24
SETTINGS = {
    "inductive": "Training used no unseen class, not even its name.",
    "transductive": "Training used the names of the unseen classes, and labels that the model itself gave to pixels.",
    "fully-supervised": "Training used masks of every class.",
    "training-free": "Nothing was trained.",
}
"""Setting of a checkpoint: what it means, in one sentence."""


def title(method: str, predictors: Predictors) -> Markup:
    """Name the method and its training setting, above its picture."""
    predictor = predictors[method]
    setting = "" if isinstance(predictor, UserError) else predictor.metadata.setting
    return render("card_title.html", title=title_of(method), setting=setting, meaning=SETTINGS.get(setting, ""))


def card(answer: Answer, method: str, display: DisplaySettings) -> Markup:
    """Draw one method's answer from its stored scores; the network does not run."""
    shown = display.apply(answer, method)
    layers = [(index, png_uri(layer)) for index, layer in enumerate(isolation_masks(shown)) if layer is not None]
    return render(
        "card.html",
        title=title_of(method),
        picture=jpeg_uri(overlay(answer.photo, shown, display.opacity)),
        layers=layers,
        warnings=shown.warnings,
        legend=legend(shown),
    )


def legend(segmentation: Segmentation) -> Markup:
    """List the classes in the order asked: colour (a switch), name, seen or unseen, share of the photo.

    Args:
        segmentation: with the settings that the picture beside it shows.
    """
    every = [_row(index, row, segmentation) for index, row in enumerate(legend_rows(segmentation))]
    # A long list buries what was found: then rows without a pixel come after the others, folded away.
    folded = [row for row in every if row["percent"] == 0] if len(every) > MANY else []
    left_over = max(0.0, 1.0 - sum(segmentation.area))
    return render(
        "legend.html",
        title=title_of(segmentation.method),
        rows=[row for row in every if row not in folded],
        folded=folded,
        unpainted=_share(left_over),
        unsure=left_over > 0.95 and segmentation.threshold > 0,
        seconds=f"{segmentation.seconds:.1f} s" if segmentation.seconds >= 0.05 else "under 0.1 s",
    )


def _row(index: int, row: LegendRow, segmentation: Segmentation) -> dict[str, object]:
    own = {"index": index, "name": row.name, "color": row.hex, "seen": row.seen, "off": row.name in segmentation.off}
    return {**own, **_share(row.area)}


def _share(share: float) -> dict[str, object]:
    percent = 100 * share
    text = "0 %" if share == 0 else "< 0.1 %" if percent < 0.1 else f"{percent:.1f} %"
    return {"percent": percent, "share": text}
