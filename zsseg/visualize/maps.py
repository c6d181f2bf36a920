"""Values as colours: scores, cosines, counts, margins, features."""

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from zsseg.image.load import Pixels
from zsseg.segmentation import FloatArray
from zsseg.visualize.colors import Color


def score_map(scores: FloatArray) -> Pixels:
    """(H,W) scores in 0..1 -> (H,W,3) RGB heat; the scale is always 0..1, so maps can be compared."""
    return _colored(scores, "inferno")


def cosine_map(cosine: FloatArray) -> Pixels:
    """(h,w) cosines -> (h,w,3) RGB on a fixed scale from 0 to 1; below 0 is drawn as 0."""
    return _colored(cosine, "viridis")


def margin_map(margin: FloatArray, most: float = 1.0) -> Pixels:
    """Draw how far the best class leads.

    Args:
        margin: (H,W) at least 0, as `zsseg.segmentation.margin` measures.
        most: the bright end of the scale, above 0; larger margins are drawn like it. The dark end is 0. Pictures that
            are to be compared need the same one.

    Returns:
        (H,W,3) RGB.

    Raises:
        ValueError: `most` is not above 0.
    """
    if not most > 0:
        raise ValueError(f"the scale must reach above 0, not {most}")
    return _colored(margin / np.float32(most), "cividis")


def overlap_colors(most: int) -> list[Color]:
    """The colours of `overlap_map` for counts of 0..`most`, for a legend: black, then from blue to bright yellow.

    Each step is brighter than the one before, and the way from blue to yellow looks the same to colour-blind eyes.

    Raises:
        ValueError: `most` is below 1.
    """
    if most < 1:
        raise ValueError(f"the scale must reach at least 1, not {most}")
    table = colormap_table("cividis", np.linspace(0.25, 1, most))
    return [(0, 0, 0), *((r, g, b) for r, g, b in table.tolist())]


def overlap_map(counts: npt.NDArray[np.int16], most: int) -> Pixels:
    """Draw how many classes score above the level at each pixel.

    Args:
        counts: (H,W) at least 0, as `zsseg.segmentation.overlap` counts.
        most: the highest step of the scale, at least 1; larger counts are drawn like it.

    Returns:
        (H,W,3) RGB in the colours of `overlap_colors`.
    """
    table = np.array(overlap_colors(most), dtype=np.uint8)
    return np.asarray(table[np.clip(counts, 0, most)])


def colormap_table(name: str, positions: npt.NDArray[np.generic]) -> npt.NDArray[np.uint8]:
    """Colours (N,3) RGB of one of matplotlib's maps at (N,) positions: whole numbers 0..255, or fractions 0..1."""
    from matplotlib import colormaps  # loads slowly, and most programs that import this module paint nothing with it

    # The fourth value is opacity, which is 1 in all of them.
    colors: npt.NDArray[np.uint8] = (colormaps[name](positions)[:, :3] * 255 + 0.5).astype(np.uint8)
    return colors


def _colored(values: FloatArray, cmap: str) -> Pixels:
    table = colormap_table(cmap, np.arange(256))
    return np.asarray(table[(np.clip(values, 0, 1) * 255 + 0.5).astype(np.uint8)])  # (H, W, 3)


def pca_rgb(maps: Sequence[FloatArray]) -> list[Pixels]:
    """Draw feature maps by their three main directions, in one basis and on one scale, so colours can be compared.

    Every feature is brought to unit length first; else the decoder's, many times longer, would choose the basis alone.

    Args:
        maps: (h,w,D) each; h and w may differ, D may not.

    Returns:
        (h,w,3) RGB each; the scale runs from the 2nd to the 98th percentile over all maps.
    """
    vectors = np.concatenate([_unit(m.reshape(-1, m.shape[2])) for m in maps]).astype(np.float64)  # (sum h*w, D)
    vectors -= vectors.mean(0)
    directions = np.linalg.eigh(vectors.T @ vectors)[1][:, ::-1][:, :3]  # (D, 3), largest variance first
    # The sign of an eigenvector is arbitrary: fix it, so the same features always get the same colours.
    strongest = directions[np.abs(directions).argmax(0), np.arange(directions.shape[1])]
    projected = vectors @ (directions * np.sign(strongest))
    projected = np.pad(projected, ((0, 0), (0, 3 - projected.shape[1])))  # D may be below 3
    low, high = np.percentile(projected, (2, 98), axis=0)
    # Rounding noise is not variance: a direction in which nothing differs is drawn mid-grey.
    span = np.where(high - low > 1e-6, high - low, np.inf)
    level = np.where(np.isinf(span), 0.5, (projected - low) / span)
    colors = (np.clip(level, 0, 1) * 255 + 0.5).astype(np.uint8)
    ends = np.cumsum([m.shape[0] * m.shape[1] for m in maps])
    parts = np.split(colors, ends[:-1])
    return [part.reshape(*m.shape[:2], 3) for part, m in zip(parts, maps, strict=True)]


def _unit(vectors: FloatArray) -> FloatArray:
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(length, 1e-12), dtype=np.float32)


def enlarge(picture: Pixels, height: int, width: int) -> Pixels:
    """(h,w,3) -> (height,width,3) by repetition, so that each patch stays a visible block."""
    return np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_NEAREST), dtype=np.uint8)
