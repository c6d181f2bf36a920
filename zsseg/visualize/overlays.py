"""Pictures over the photo: the labels painted on it, their legend, one class alone, where two answers differ."""

import dataclasses
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from zsseg.analysis.compare import Comparison
from zsseg.errors import UserError
from zsseg.image.load import Pixels
from zsseg.segmentation import NONE, Segmentation, cells_of_pixels, check_fraction
from zsseg.visualize.colors import Color, colors_of, hex_color

LAYER_SIDE = 320
"""Longer side of an isolation layer in pixels, at most: it is stretched over the picture, and small to send."""

_DIM = (12, 12, 16, 191)  # near-black, three quarters opaque
_WRONG = np.array((255, 130, 110), dtype=np.float32)
_DISAGREE = np.array((240, 228, 66), dtype=np.float32)  # Okabe and Ito's yellow


@dataclass(frozen=True)
class LegendRow:
    """One line of a legend.

    Attributes:
        name: the class.
        color: its RGB in the overlay, 0..255.
        seen: True where the class counts as seen; others are hatched in the overlay.
        area: its share of the photo, 0..1.
    """

    name: str
    color: Color
    seen: bool
    area: float

    @property
    def hex(self) -> str:
        """The colour as ``#rrggbb``."""
        return hex_color(self.color)


def overlay(image: Pixels, seg: Segmentation, opacity: float = 0.6) -> Pixels:
    """Paint the labels over the photo.

    Unseen classes are hatched, regions outlined, pixels that are none of the classes left as they are.

    Args:
        image: (H,W,3) RGB, the photo that was segmented.
        seg: the answer, of the same height and width.
        opacity: of the paint, 0..1.

    Returns:
        (H,W,3) RGB.

    Raises:
        UserError: the photo is not the one that was segmented, or the opacity is impossible.
    """
    check_fraction(opacity, "The opacity")
    labels = seg.labels
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8 or image.shape != (*labels.shape, 3):
        height, width = labels.shape
        raise UserError(
            f"The answer is about a photo of {width} x {height} pixels: give that photo as load_image returns it."
        )
    colors = cv2.cvtColor(_paint(seg, labels), cv2.COLOR_RGBA2RGB)
    blend = np.asarray(cv2.addWeighted(image, 1 - opacity, colors, opacity, 0), dtype=np.uint8)
    np.copyto(blend, image, where=(labels == NONE)[..., None])
    return blend


def paint_layer(seg: Segmentation, max_side: int) -> Pixels:
    """The coloured layer of `overlay` alone, for programs that blend it with the photo at any opacity.

    Args:
        seg: the answer.
        max_side: longer side of the layer in pixels, at most.

    Returns:
        (h,w,4) RGBA of the photo's shape: opaque where a class is painted, transparent elsewhere.
    """
    height, width = seg.labels.shape
    scale = min(1, max_side / max(height, width))
    rows, cols = max(1, round(height * scale)), max(1, round(width * scale))
    # Labels are sampled and not averaged: the mean of two class numbers would be a third class.
    labels = seg.labels
    if scale < 1:
        labels = labels[np.ix_(cells_of_pixels(rows, height), cells_of_pixels(cols, width))]
    layer = _paint(seg, labels)
    layer[..., 3] = np.where(labels == NONE, 0, 255)
    return layer


def _paint(seg: Segmentation, labels: npt.NDArray[np.int16]) -> Pixels:
    """Colours, hatching and outlines of labels (h,w), as (h,w,4) whose last byte is 0."""
    plain = np.array([(0, 0, 0), *colors_of(seg.names)], dtype=np.uint8)  # NONE = -1 reads the first row
    unseen = np.array([False, *(not seen for seen in seg.seen)])
    hatched = np.where(unseen[:, None], _contrasting(plain), plain)
    rows = labels + np.int16(1)
    # A whole pixel as one number is looked up several times faster than three bytes.
    paint = _packed(plain).take(rows)
    np.copyto(paint, _packed(hatched).take(rows), where=_stripes(*labels.shape))
    paint[_outlines(labels)] = 0
    return paint.view(np.uint8).reshape(*labels.shape, 4)


def _packed(colors: Pixels) -> npt.NDArray[np.uint32]:
    """(n,3) bytes -> (n,) numbers of four bytes, the last 0."""
    return np.pad(colors, ((0, 0), (0, 1))).view(np.uint32)[:, 0]


def _stripes(height: int, width: int) -> npt.NDArray[np.bool_]:
    """(height,width) diagonals, True on a stripe; each row is the one above, shifted: a view of a single line."""
    period = max(6, min(height, width) // 32)
    line = np.arange(height + width - 1) % period < max(1, period // 5)
    return np.lib.stride_tricks.sliding_window_view(line, width)


def _contrasting(colors: Pixels) -> Pixels:
    """Each colour half way to black or white, whichever is farther."""
    # Brightness as the eye weighs red, green and blue (ITU-R BT.601).
    light = colors @ np.array([0.299, 0.587, 0.114]) > 128
    return (colors // 2 + np.where(light, 0, 127)[:, None]).astype(np.uint8)


def _outlines(labels: npt.NDArray[np.int16]) -> npt.NDArray[np.bool_]:
    edges = np.zeros(labels.shape, dtype=np.bool_)
    edges[:, 1:] |= labels[:, 1:] != labels[:, :-1]
    edges[1:] |= labels[1:] != labels[:-1]
    return edges


def legend(seg: Segmentation) -> list[LegendRow]:
    """One row per class, in the order of the request; the shares add up to 1 less the share without a class."""
    rows = zip(seg.names, colors_of(seg.names), seg.seen, seg.area, strict=True)
    return [LegendRow(*row) for row in rows]


@dataclass(frozen=True)
class PixelScore:
    """The score of one class at one pixel.

    Attributes:
        name: the class.
        color: its RGB in the overlay, 0..255.
        seen: True where the class counts as seen.
        score: its sigmoid, 0..1.
        adjusted: the score after the seen penalty, by which classes compete; may lie outside 0..1.
    """

    name: str
    color: Color
    seen: bool
    score: float
    adjusted: float


def pixel_scores(seg: Segmentation, y: int, x: int) -> list[PixelScore]:
    """Every class at one pixel, the highest score first, in the order of the request at ties.

    Args:
        seg: the answer.
        y, x: row and column of the pixel.

    Raises:
        UserError: the pixel lies outside the photo.
    """
    height, width = seg.maps.shape[1:]
    if not (0 <= y < height and 0 <= x < width):
        raise UserError(f"The point ({x}, {y}) lies outside the photo: choose one inside.")
    scores = seg.scores[:, y, x]
    adjusted = scores - np.where(seg.seen, np.float32(seg.seen_penalty), np.float32(0))
    columns = (seg.names, colors_of(seg.names), seg.seen, scores.tolist(), adjusted.tolist())
    return sorted((PixelScore(*row) for row in zip(*columns, strict=True)), key=lambda row: -row.score)


def isolation_masks(seg: Segmentation) -> list[Pixels | None]:
    """One layer per class to lay over the photo or any picture of it: it dims everything but that class.

    Returns:
        K layers (h,w,4) RGBA, transparent where the class is and 75 % near-black elsewhere, the longer side at most
        `LAYER_SIDE`, or None for a class without pixels. A class too small to survive the shrinking keeps its cells.
    """
    height, width = seg.labels.shape
    scale = min(1, LAYER_SIDE / max(height, width))
    rows, cols = max(1, round(height * scale)), max(1, round(width * scale))
    # One label per cell, not a mean: the mean of two class numbers would be a third class.
    small = seg.labels[np.ix_(cells_of_pixels(rows, height), cells_of_pixels(cols, width))]
    left = set(np.unique(small).tolist())
    dim = np.frombuffer(bytes(_DIM), dtype=np.uint32)
    layers: list[Pixels | None] = []
    for index, area in enumerate(seg.area):
        clear = small == index
        if area and index not in left:
            y, x = np.nonzero(seg.labels == index)
            # A class that shrank away is put back, so that its switch shows something.
            clear[y * rows // height, x * cols // width] = True
        layer = np.where(clear, np.uint32(0), dim).view(np.uint8).reshape(rows, cols, 4)
        layers.append(layer if area else None)
    return layers


def with_labels(seg: Segmentation, labels: npt.NDArray[np.int16]) -> Segmentation:
    """A segmentation of the same classes with given labels, such as a ground truth to be drawn in its colours.

    Args:
        seg: names the K classes.
        labels: (H,W) in -1..K-1.
    """
    scores = (labels == np.arange(len(seg.names))[:, None, None]).astype(np.float32)
    return dataclasses.replace(
        seg, scores=scores, seen_penalty=0.0, threshold=0.5, features={}, off=frozenset(), warnings=()
    )


def error_map(
    image: Pixels,
    labels: npt.NDArray[np.int16],
    truth: npt.NDArray[np.int16],
    others: npt.NDArray[np.bool_] | None = None,
) -> Pixels:
    """Show where an answer is wrong.

    Args:
        image: (H,W,3) RGB, the photo.
        labels: (H,W) the answer, -1 for none of the classes.
        truth: (H,W) the true classes, -1 where unknown.
        others: (H,W) where the photo is known to show none of the classes, so that each of them is wrong; None where it
            is not known of any pixel.

    Returns:
        (H,W,3) RGB: the photo in grey at a third of its brightness, and tinted red, brighter than that, where wrong.
    """
    gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    levels = np.arange(256, dtype=np.float32)[:, None]
    right, wrong = levels / 3 + np.zeros(3, dtype=np.float32), 0.25 * levels + 0.75 * _WRONG  # (256, 3)
    table = np.stack([right, wrong]).astype(np.uint8)
    known = truth != -1 if others is None else (truth != -1) | others
    return np.asarray(table[(known & (labels != truth)).astype(np.uint8), gray])


def disagreement_map(image: Pixels, comparison: Comparison) -> Pixels:
    """Show where two answers differ.

    The photo is grey and at a third of its brightness where they agree; where they differ it is grey tinted yellow, and
    brighter than any pixel where they agree, so that the map is read by brightness alone, whatever colours one sees.

    Args:
        image: (H,W,3) RGB, the photo.
        comparison: of two answers to it.

    Returns:
        (H,W,3) RGB.

    Raises:
        ValueError: the sizes differ.
    """
    if image.shape != (*comparison.disagreement.shape, 3):
        raise ValueError(f"a photo of {image.shape} does not match a map of {comparison.disagreement.shape}")
    gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    levels = np.arange(256, dtype=np.float32)[:, None]
    agree, differ = levels / 3 + np.zeros(3, dtype=np.float32), 0.25 * levels + 0.75 * _DISAGREE  # (256, 3)
    tables = _packed(np.round(agree).astype(np.uint8)), _packed(np.round(differ).astype(np.uint8))
    paint = np.where(comparison.disagreement, tables[1][gray], tables[0][gray])
    return np.asarray(cv2.cvtColor(paint.view(np.uint8).reshape(image.shape[:2] + (4,)), cv2.COLOR_RGBA2RGB))
