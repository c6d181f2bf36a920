"""The single files of an answer, as bytes or as what goes into them; equal answers give equal bytes."""

import io
import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from PIL import Image

from zsseg.files import slug
from zsseg.image.load import Pixels
from zsseg.scores import MAX_SCORES
from zsseg.segmentation import NONE, Segmentation
from zsseg.version import __version__
from zsseg.visualize import colors_of

NONE_LABEL = 255
"""Index of "none of these" in labels.png; with more than 255 classes the picture is 16-bit grey and it is 65535."""

WIDE_NONE_LABEL = 65535


def png(picture: Image.Image | Pixels, *, optimize: bool = False) -> bytes:
    """A PNG file: of a picture, or of (H,W,3) RGB or (H,W) grey values 0..255; `optimize` takes longer."""
    buffer = io.BytesIO()
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    image.save(buffer, "PNG", optimize=optimize)
    return buffer.getvalue()


def npz(seg: Segmentation) -> bytes:
    """scores.npz: `names`, `seen` and `scores` (K,H,W) float32 in 0..1, before the seen penalty.

    More than `MAX_SCORES` values are written as `scores_8bit` (K,H,W) uint8 instead, 255 times the score.
    """
    buffer = io.BytesIO()
    names, seen = np.array(seg.names), np.array(seg.seen)
    # numpy dates every member 1980, so that equal arrays are equal files.
    if seg.maps.size <= MAX_SCORES:
        # Not compressed: scores shrink by a fifth only, and for 200 names that took twenty times as long as the
        # networks, while all other visitors waited.
        np.savez(buffer, names=names, seen=seen, scores=seg.scores)
        return buffer.getvalue()
    small = np.empty(seg.maps.shape, dtype=np.uint8)
    for index, plane in enumerate(seg.maps):
        # One class at a time: all scores in fp32 would not fit, which is why they are written in 8 bits.
        small[index] = plane * np.float32(255) + np.float32(0.5)
    np.savez_compressed(buffer, names=names, seen=seen, scores_8bit=small)
    return buffer.getvalue()


def json_text(document: Mapping[str, Any], indent: int | None = None) -> bytes:
    """A JSON file in UTF-8, on one line unless indented."""
    # NaN would be written as a word that JSON does not know, so it is refused.
    return (json.dumps(document, indent=indent, ensure_ascii=False, allow_nan=False) + "\n").encode("utf-8")


def masks(seg: Segmentation) -> Iterator[tuple[str, bytes]]:
    """One black and white PNG per class, 255 where it is, and its file name: "00-dog.png", label and name."""
    # Zeros in front, so that files sorted by name come in the order of the request.
    digits = max(2, len(str(len(seg.names) - 1)))
    for label, name in enumerate(seg.names):
        yield f"{label:0{digits}}-{slug(name)}.png", png((seg.labels == label).astype(np.uint8) * np.uint8(255))


def label_image(seg: Segmentation) -> Image.Image:
    """The labels as a palette picture whose pixel values are class indices, `NONE_LABEL` where none."""
    if len(seg.names) > NONE_LABEL:
        return Image.fromarray(np.where(seg.labels == NONE, WIDE_NONE_LABEL, seg.labels).astype(np.uint16))
    picture = Image.fromarray(np.where(seg.labels == NONE, NONE_LABEL, seg.labels).astype(np.uint8))
    # White for none of these; entries between are never used.
    palette = np.zeros((256, 3), dtype=np.uint8)
    palette[: len(seg.names)] = colors_of(seg.names)
    palette[NONE_LABEL] = 255
    picture.putpalette(palette.tobytes())  # turns grey into mode P without touching the values
    return picture


def summary(seg: Segmentation) -> dict[str, Any]:
    """What result.json says: settings, provenance, warnings, and per class its area and mean score (0..1).

    Without the time: `Segmentation.seconds` belongs to one run, while the file must be the same for every run.
    """
    height, width = seg.maps.shape[1:]
    rows = zip(seg.names, seg.seen, seg.area, seg.maps, strict=True)
    return {
        "method": seg.method,
        "model": seg.model,
        "provenance": dict(seg.provenance),
        "version": __version__,
        # A slider's 0 and a file's 0.0 are one setting and must be one text.
        "settings": {
            "seen_penalty": float(seg.seen_penalty),
            "threshold": float(seg.threshold),
            "photo_gate": float(seg.photo_gate),
        },
        "height": height,
        "width": width,
        "none_label": NONE_LABEL if len(seg.names) <= NONE_LABEL else WIDE_NONE_LABEL,
        # The sum of the shares may exceed 1 in its last bit.
        "none_area": max(0.0, 1 - sum(seg.area)),
        "warnings": list(seg.warnings),
        "classes": [
            {"label": i, "name": name, "seen": bool(seen), "area": area, "mean_score": float(scores.mean())}
            for i, (name, seen, area, scores) in enumerate(rows)
        ],
    }
