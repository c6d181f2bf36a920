"""An answer in the COCO format."""

from typing import Any

import numpy as np
import numpy.typing as npt

from zsseg.segmentation import Segmentation


def coco(seg: Segmentation, file_name: str) -> dict[str, Any]:
    """The answer as a COCO document: one image, every class as a category, one annotation per class that was found.

    Category ids are label + 1, since 0 is left to the background; each category says whether it counts as seen.
    The segmentation is the uncompressed RLE of `rle`, the area counts pixels, the box is [x, y, width, height].

    Args:
        seg: the answer.
        file_name: of the picture with these pixels.
    """
    height, width = seg.labels.shape
    return {
        "info": {"description": f"{seg.method} ({seg.model})"},
        "licenses": [],
        "images": [{"id": 1, "file_name": file_name, "height": height, "width": width}],
        "categories": [
            {"id": label + 1, "name": name, "supercategory": "", "seen": bool(seen)}
            for label, (name, seen) in enumerate(zip(seg.names, seg.seen, strict=True))
        ],
        "annotations": [_annotation(seg, label) for label, area in enumerate(seg.area) if area > 0],
    }


def _annotation(seg: Segmentation, label: int) -> dict[str, Any]:
    mask = seg.labels == label
    # The caller leaves out classes without pixels, so neither list is empty.
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    left, top = int(columns[0]), int(rows[0])
    return {
        "id": label + 1,
        "image_id": 1,
        "category_id": label + 1,
        "segmentation": rle(mask),
        "area": int(mask.sum()),
        "bbox": [left, top, int(columns[-1]) - left + 1, int(rows[-1]) - top + 1],
        # Uncompressed RLE usually marks a crowd in COCO's own files; here it is only the lossless way to write a mask.
        "iscrowd": 0,
    }


def rle(mask: npt.NDArray[np.bool_]) -> dict[str, list[int]]:
    """COCO's uncompressed run-length encoding.

    Args:
        mask: (H,W).

    Returns:
        "size", [H, W], and "counts": lengths of runs down the columns, left to right, by turns outside and inside;
        the first run is outside, and 0 where the first pixel is inside.
    """
    flat = mask.ravel(order="F")  # (W*H)
    changes = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    # The distances between changes are the lengths of the runs.
    counts = np.diff([0, *changes, flat.size]).tolist()
    return {"size": list(mask.shape), "counts": [0, *counts] if flat[0] else counts}
