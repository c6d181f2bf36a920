"""Lossless files of one answer, the same from the page, the shell and Python."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import zsseg
from zsseg.errors import UserError
from zsseg.image import Pixels
from zsseg.segmentation import NONE, Segmentation
from zsseg.visualize import colors_of, overlay

VOID = 255
"""Index of "none of these" in labels.png; with more than 255 classes the picture is 16-bit grey and it is 65535."""

WIDE_VOID = 65535


def write_outputs(image: Pixels, seg: Segmentation, folder: str | Path) -> list[Path]:
    """Write labels.png, overlay.png, scores.npz and result.json, replacing earlier ones.

    labels.png holds the class index of each pixel, with the legend's colours as its palette; scores.npz the arrays
    `names`, `seen` and `scores` (K,H,W) float32, before the seen penalty; result.json the settings and the numbers.

    Args:
        image: (H,W,3) RGB, the photo that was segmented.
        seg: the answer.
        folder: made if needed.

    Returns:
        The four paths.

    Raises:
        UserError: the folder cannot be made or written to.
    """
    folder = Path(folder)
    paths = [folder / name for name in ("labels.png", "overlay.png", "scores.npz", "result.json")]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        label_image(seg).save(paths[0], optimize=True)
        Image.fromarray(overlay(image, seg)).save(paths[1])
        np.savez_compressed(paths[2], names=np.array(seg.names), seen=np.array(seg.seen), scores=seg.scores)
        text = json.dumps(summary(seg), indent=2, ensure_ascii=False, allow_nan=False)
        paths[3].write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise UserError(f"The results cannot be written to {folder}: {error.strerror or error}.") from error
    return paths


def label_image(seg: Segmentation) -> Image.Image:
    """The labels as a palette picture whose pixel values are class indices, `VOID` where none; see `VOID`."""
    if len(seg.names) > VOID:
        return Image.fromarray(np.where(seg.labels == NONE, WIDE_VOID, seg.labels).astype(np.uint16))
    picture = Image.fromarray(np.where(seg.labels == NONE, VOID, seg.labels).astype(np.uint8))
    palette = np.zeros((256, 3), dtype=np.uint8)
    palette[: len(seg.names)] = colors_of(seg.names)
    palette[VOID] = 255
    picture.putpalette(palette.tobytes())  # turns grey into mode P without touching the values
    return picture


def summary(seg: Segmentation) -> dict[str, Any]:
    """What result.json says: settings, provenance, and per class its area (0..1) and mean score (0..1)."""
    height, width = seg.scores.shape[1:]
    rows = zip(seg.names, seg.seen, seg.area, seg.scores, strict=True)
    return {
        "method": seg.method,
        "model": seg.model,
        "provenance": dict(seg.provenance),
        "version": zsseg.__version__,
        "settings": {"seen_penalty": seg.seen_penalty, "threshold": seg.threshold},
        "height": height,
        "width": width,
        "none_label": VOID if len(seg.names) <= VOID else WIDE_VOID,
        "none_area": max(0.0, 1 - sum(seg.area)),
        "classes": [
            {"label": i, "name": name, "seen": bool(seen), "area": area, "mean_score": float(scores.mean())}
            for i, (name, seen, area, scores) in enumerate(rows)
        ],
        "seconds": seg.seconds,
    }


def slug(name: str) -> str:
    """A name as a part of a file name: lower-case letters, digits, dots inside, dashes and underscores; never empty."""
    return re.sub(r"[^a-z0-9._]+", "-", name.casefold()).strip("-._")[:60] or "unnamed"
