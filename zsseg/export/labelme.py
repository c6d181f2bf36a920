"""An answer as polygons, in the JSON of LabelMe 5."""

from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from zsseg.segmentation import NONE, Segmentation

BACKGROUND = "_background_"
"""What LabelMe calls pixels that are none of the classes."""

_VERSION = "5.5.0"


def labelme(seg: Segmentation, image_path: str) -> dict[str, Any]:
    """The answer as a LabelMe document: one polygon per connected region (by edges) of each class.

    A polygon cannot have holes, so large ones come first and what lies in their holes is painted over them, "none of
    these" as `BACKGROUND`: painted in their order, outline included, the polygons give back the labels exactly.
    Points are centres of pixels, (0, 0) that of the first.

    Args:
        seg: the answer.
        image_path: of the picture with these pixels, as seen from the JSON file.
    """
    height, width = seg.labels.shape
    outlines = [(label, outline) for label in range(NONE, len(seg.names)) for outline in _outlines(seg.labels, label)]
    # A stable sort: outlines of one size stay in the order of their classes, the same in every run.
    outlines.sort(key=lambda entry: -cv2.contourArea(entry[1]))
    return {
        "version": _VERSION,
        "flags": {},
        "shapes": [_shape(seg, label, outline) for label, outline in outlines],
        "imagePath": image_path,
        "imageData": None,
        "imageHeight": height,
        "imageWidth": width,
    }


def _outlines(labels: npt.NDArray[np.int16], label: int) -> Iterator[npt.NDArray[np.int32]]:
    """(n,1,2) x and y along the outer border of every region; for NONE only of those that may lie in a hole."""
    mask = (labels == label).astype(np.uint8)
    # By edges: then a region lies in another's hole as a whole or not at all, and sorting by size is enough.
    count, regions, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=4)
    for region in range(1, count):
        x, y, width, height, _ = map(int, stats[region])
        touches = x == 0 or y == 0 or x + width == labels.shape[1] or y + height == labels.shape[0]
        if label == NONE and touches:
            continue
        # Only the region's own box is searched, which keeps many small regions of a large photo quick.
        part = (regions[y : y + height, x : x + width] == region).astype(np.uint8)
        found, _ = cv2.findContours(part, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE, offset=(x, y))
        yield np.asarray(found[0], dtype=np.int32)


def _shape(seg: Segmentation, label: int, outline: npt.NDArray[np.int32]) -> dict[str, Any]:
    points = outline[:, 0].tolist()
    return {
        "label": BACKGROUND if label == NONE else seg.names[label],
        # LabelMe wants three points, and a region of one or two pixels has fewer.
        "points": points + points[-1:] * (3 - len(points)),
        "group_id": None,
        "description": "",
        "shape_type": "polygon",
        "flags": {} if label == NONE else {"seen": bool(seg.seen[label])},
        "mask": None,
    }
