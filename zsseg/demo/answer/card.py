"""One method's answer as HTML: the painted photo with a layer per class, and the legend, whose chips are switches."""

import base64
import json
from typing import Any

import numpy as np
from markupsafe import Markup

from zsseg.demo.actions import Answer, DisplaySettings
from zsseg.demo.catalog import Predictors, title_of, working
from zsseg.demo.html.pictures import jpeg_uri, png_uri, shrink
from zsseg.demo.html.templates import render
from zsseg.errors import UserError
from zsseg.segmentation import Segmentation
from zsseg.visualize import LegendRow, isolation_masks, paint_layer
from zsseg.visualize import legend as legend_rows

PHOTO_SIDE = 1280
"""Longer side of the photo on the page in pixels, at most: what a card shows is smaller still."""

FEW = 2
"""Classes without a pixel that are shown like the others; more are folded away."""

SETTINGS = {
    "inductive": "Training used no unseen class, not even its name.",
    "transductive": "Training used the names of the unseen classes, and labels that the model itself gave to pixels.",
    "fully-supervised": "Training used masks of every class.",
    "training-free": "Nothing was trained.",
}
"""Setting of a checkpoint: what it means, in one sentence."""


def title(method: str, predictors: Predictors) -> Markup:
    """Name the method and its training setting, above its picture, or its backbone if it is not that of the first."""
    predictor = predictors[method]
    if isinstance(predictor, UserError):
        return render("card_title.html", title=title_of(method), setting="", meaning="")
    setting, backbone = str(predictor.metadata.setting), predictor.metadata.backbone
    meaning = SETTINGS.get(setting, "")
    if backbone != next(iter(working(predictors).values())).metadata.backbone:
        # In place of the setting, for which there is no room; the text that the pointer shows has both.
        setting, meaning = backbone, f"{meaning} It stands on a backbone of its own, {backbone}."
    return render("card_title.html", title=title_of(method), setting=setting, meaning=meaning)


def photo_style(answer: Answer) -> Markup:
    """CSS with the photo, once for all cards; each card draws its coloured layers over it."""
    return render("photo.html", photo=jpeg_uri(shrink(answer.photo, PHOTO_SIDE)))


def card(answer: Answer, method: str, display: DisplaySettings) -> Markup:
    """Draw one method's answer from its stored scores; the network does not run."""
    shown = display.apply(answer, method)
    # The index of the class, so that the script finds the layer of a legend's chip though some classes have none.
    layers = [(index, png_uri(layer)) for index, layer in enumerate(isolation_masks(shown)) if layer is not None]
    return render(
        "card.html",
        title=title_of(method),
        # The texts as typed tell the script whether the answer is still of what stands in the boxes.
        seen=answer.typed[0],
        unseen=answer.typed[1],
        photo=answer.path,
        # Without the photo and its opacity: the browser lays the paint over it, so that a redraw has little to send.
        paint=png_uri(paint_layer(shown, PHOTO_SIDE)),
        layers=layers,
        top=top_scores(shown),
        warnings=shown.warnings,
        legend=legend(shown),
    )


def legend(segmentation: Segmentation) -> Markup:
    """List the classes, the largest first: colour (a switch), name, seen or unseen, share of the photo.

    Classes without a pixel come last, folded away where they would bury what was found.

    Args:
        segmentation: with the settings that the picture beside it shows.
    """
    every = [_row(index, row, segmentation) for index, row in enumerate(legend_rows(segmentation))]
    every.sort(key=lambda row: -segmentation.area[row["index"]])
    # A class that is switched off has no pixel either, but must stay in sight to be switched on again.
    folded = [row for row in every if row["percent"] == 0 and not row["off"]]
    folded = folded if len(folded) > FEW else []
    all_off = segmentation.off == set(segmentation.names)
    left_over = max(0.0, 1.0 - sum(segmentation.area))
    return render(
        "legend.html",
        title=title_of(segmentation.method),
        rows=[row for row in every if row not in folded],
        folded=folded,
        unpainted=_share(left_over),
        # Nearly nothing painted while a threshold is set: the legend advises a lower one.
        unsure=left_over > 0.95 and segmentation.threshold > 0 and not all_off,
        all_off=all_off,
        seconds=f"{segmentation.seconds:.1f} s" if segmentation.seconds >= 0.05 else "under 0.1 s",
    )


def _row(index: int, row: LegendRow, segmentation: Segmentation) -> dict[str, Any]:
    own = {"index": index, "name": row.name, "color": row.hex, "seen": row.seen, "off": row.name in segmentation.off}
    return {**own, **_share(row.area)}


def _share(share: float) -> dict[str, object]:
    percent = 100 * share
    text = "0 %" if share == 0 else "< 0.1 %" if percent < 0.1 else f"{percent:.1f} %"
    return {"percent": percent, "share": text}


_CELLS = 64  # of the longer side of the grid of scores under the pointer
_BEST = 3


def top_scores(segmentation: Segmentation) -> str:
    """The three best scores of a grid of points, for the line under the pointer: JSON, its bytes in base64.

    Each point takes `_BEST` pairs of bytes: index of the class, and its score from 0 to 255, the best first as the
    classes compete, after the seen penalty. Classes that are switched off are left out.
    """
    count, height, width = segmentation.maps.shape
    scale = min(1, _CELLS / max(height, width))
    rows, cols = max(1, round(height * scale)), max(1, round(width * scale))
    ys, xs = ((2 * np.arange(cells) + 1) * side // (2 * cells) for cells, side in ((rows, height), (cols, width)))
    scores = segmentation.scores[:, ys[:, None], xs]  # (K, rows, cols)
    penalty = np.where(segmentation.seen, np.float32(segmentation.seen_penalty), np.float32(0))
    # Minus infinity after the subtraction, so that such a class sorts behind every other one.
    off = np.array([np.inf if name in segmentation.off else 0 for name in segmentation.names], dtype=np.float32)
    best = np.argsort(-(scores - (penalty + off)[:, None, None]), axis=0, kind="stable")[:_BEST]  # (b, rows, cols)
    values = (np.take_along_axis(scores, best, 0) * 255 + 0.5).astype(np.uint8)
    pairs = np.stack([best.astype(np.uint8), values], -1)  # (b, rows, cols, 2)
    # Row by row, and within a point best first: the order in which the script reads.
    data = base64.b64encode(pairs.transpose(1, 2, 0, 3).tobytes()).decode("ascii")
    head = {"rows": rows, "cols": cols, "best": min(_BEST, count), "names": segmentation.names}
    return json.dumps({**head, "threshold": segmentation.threshold, "data": data})
