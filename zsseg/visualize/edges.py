"""Score maps that follow the edges of the photo: a guided filter with the photo as its guide, for display."""

import cv2
import numpy as np
import numpy.typing as npt

from zsseg.errors import UserError
from zsseg.image.load import Pixels
from zsseg.segmentation import FloatArray

RADIUS = 0.03
"""Reach of the filter, as a share of the photo's longer side: about half a patch of the models."""

SOFTNESS = 1e-3
"""Variance of brightness (0..1) below which a window counts as plain, and its scores are only smoothed."""

_STEP = 3  # the filter's coefficients vary slowly: they are computed on a grid this much coarser

_Planes = npt.NDArray[np.float32]


def follow_edges(scores: FloatArray, photo: Pixels, radius: float = RADIUS, softness: float = SOFTNESS) -> FloatArray:
    """Let each score map be, in every small window, a linear function of the photo's colours (He et al., ECCV 2010).

    Args:
        scores: (K,H,W) in 0..1.
        photo: (H,W,3) RGB, 0..255.
        radius: half the side of a window, as a share of the photo's longer side.
        softness: smaller follows weaker edges.

    Returns:
        (K,H,W) in 0..1.

    Raises:
        UserError: the photo is not the one that was segmented.
    """
    height, width = scores.shape[1:]
    if not isinstance(photo, np.ndarray) or photo.dtype != np.uint8 or photo.shape != (height, width, 3):
        raise UserError(f"The scores are of a photo of {width} x {height} pixels: give it as load_image returns it.")
    rows, cols = max(1, height // _STEP), max(1, width // _STEP)
    reach = max(1, round(radius * max(rows, cols)))
    full = photo.astype(np.float32) / np.float32(255)
    small = cv2.resize(full, (cols, rows), interpolation=cv2.INTER_AREA)
    guide = np.asarray(small, dtype=np.float32)  # (h, w, 3)
    # Means and covariances of the photo are the same for every class and computed once.
    mean = _smooth(guide, reach)
    inverse = np.linalg.inv(_covariance(guide, mean, reach) + softness * np.eye(3, dtype=np.float32))  # (h, w, 3, 3)
    filtered = np.empty_like(scores)
    for index, plane in enumerate(scores):
        plane_small = np.asarray(cv2.resize(plane, (cols, rows), interpolation=cv2.INTER_AREA), dtype=np.float32)
        level = _smooth(plane_small, reach)  # (h, w)
        common = _smooth(guide * plane_small[..., None], reach) - mean * level[..., None]  # (h, w, 3)
        slope = np.einsum("hwij,hwj->hwi", inverse, common)
        # In a window score = slope . colour + offset, the least-squares line through its pixels.
        offset = level - (slope * mean).sum(-1)
        lines = _smooth(np.concatenate([slope, offset[..., None]], -1).astype(np.float32), reach)  # (h, w, 4)
        large = cv2.resize(lines, (width, height), interpolation=cv2.INTER_LINEAR)
        filtered[index] = (large[..., :3] * full).sum(-1) + large[..., 3]
    return filtered.clip(0, 1)


def _smooth(planes: _Planes, reach: int) -> _Planes:
    """Mean over windows of 2 `reach` + 1 pixels, mirrored at the border."""
    return np.asarray(cv2.blur(planes, (2 * reach + 1, 2 * reach + 1), borderType=cv2.BORDER_REFLECT))


def _covariance(guide: _Planes, mean: _Planes, reach: int) -> _Planes:
    """(h, w, 3, 3) covariance of the colours in each window."""
    products = guide[..., :, None] * guide[..., None, :]
    height, width = guide.shape[:2]
    smooth = np.stack([_smooth(np.ascontiguousarray(products[..., row, :]), reach) for row in range(3)], -2)
    return smooth.reshape(height, width, 3, 3) - mean[..., :, None] * mean[..., None, :]
