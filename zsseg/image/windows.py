"""Windows over a photo, and the merging of their results: pure functions.

Two layouts. "sliding" is that of the published code: squares, as many as needed at the given stride, the last one of a
row or column shifted back inside, results summed and divided by the number of visits. "whole" shows a photo of usual
shape in one window, which has no seams; a longer one in windows that overlap by half and fade into each other.
"""

import dataclasses
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from zsseg.errors import UserError
from zsseg.image import Layout
from zsseg.image.load import resize

Box = tuple[int, int, int, int]

MAX_WINDOWS = 32  # of one photo; each is a pass through the encoder
# A "whole" window is at most this many times as long as it is wide.
LONGEST_WINDOW = 2


@dataclass(frozen=True)
class Windows:
    """A photo, cut into windows for the network.

    Attributes:
        key: hash of the photo and of the way it was cut.
        photo: its height and width in pixels.
        resized: height and width after the short side became the window's.
        pixels: (n, 3, h, w) normalised.
        boxes: where each of the n windows lies in the resized photo.
        feathered: windows fade into each other where they overlap, instead of counting alike.
    """

    key: str
    photo: tuple[int, int]
    resized: tuple[int, int]
    pixels: Tensor
    boxes: list[Box]
    feathered: bool = False


@dataclass(frozen=True)
class Preprocessing:
    """How a photo is resized, normalised and cut into windows.

    Attributes:
        size: short side of the resized photo and of a window, in pixels.
        stride: step between "sliding" windows, in pixels.
        mean: subtracted from red, green, blue, 0..255.
        std: then divided by.
        antialias: downscale with area averaging, see `zsseg.image.load.resize`; the published code does not.
        layout: how windows lie.
        patch: side of a patch in pixels; sides of "whole" windows are multiples of it.
    """

    size: int
    stride: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    antialias: bool = False
    layout: Layout = "sliding"
    patch: int = 16


def make_windows(photo: npt.NDArray[np.uint8], how: Preprocessing) -> Windows:
    """Bring the short side of a photo (H,W,3), RGB, 0..255, to that of a window, normalise, cut.

    Raises:
        UserError: the photo is so long and narrow that it would take more than `MAX_WINDOWS` windows.
    """
    height, width = photo.shape[:2]
    resized = resized_shape(height, width, how)
    boxes = whole_boxes(*resized) if how.layout == "whole" else window_boxes(*resized, how.size, how.stride)
    if len(boxes) > MAX_WINDOWS:
        # The photo may have been shrunk before: its shape is what the visitor knows, its size here is not.
        ratio = max(height, width) / min(height, width)
        raise UserError(f"The photo is too long and narrow (one side is {ratio:.0f} times the other): cut out a part.")
    pixels = resize(photo, *resized, how.antialias).astype(np.float64)
    planes = torch.from_numpy(((pixels - how.mean) / how.std).astype(np.float32)).permute(2, 0, 1)  # (3, H, W)
    windows = torch.stack([planes[:, y1:y2, x1:x2] for y1, x1, y2, x2 in boxes])  # (n, 3, h, w)
    # The bytes alone would be the same for two photos of other proportions, so the shape is part of the key.
    digest = hashlib.sha256(np.ascontiguousarray(photo).tobytes()).hexdigest()
    is_whole = how.layout == "whole"
    # Models that differ in what they do not use share all that is computed of a photo.
    used = dataclasses.replace(how, stride=how.size) if is_whole else how
    return Windows(f"{digest} {height}x{width} {used}", (height, width), resized, windows, boxes, is_whole)


def resized_shape(height: int, width: int, how: Preprocessing) -> tuple[int, int]:
    """Height and width, in pixels, of the resized photo; the aspect ratio stays, to the nearest pixel or patch."""
    scale = how.size / min(height, width)
    if how.layout == "sliding":
        return int(height * scale + 0.5), int(width * scale + 0.5)
    rows, columns = (max(how.size, how.patch * int(side * scale / how.patch + 0.5)) for side in (height, width))
    return rows, columns


def whole_boxes(height: int, width: int) -> list[Box]:
    """One box for a picture at most `LONGEST_WINDOW` times as long as wide; else several that overlap by half."""
    short = min(height, width)
    tall, wide = (min(side, LONGEST_WINDOW * short) for side in (height, width))
    tops, lefts = _starts(height, tall, max(1, tall // 2)), _starts(width, wide, max(1, wide // 2))
    return [(top, left, top + tall, left + wide) for top in tops for left in lefts]


def window_boxes(height: int, width: int, size: int, stride: int) -> list[Box]:
    """Cover an image with square windows.

    Args:
        height, width: of the picture, in pixels; each at least `size`.
        size: side of a window, in pixels.
        stride: step from one window to the next, in pixels, in 1..size.

    Returns:
        Boxes (y1, x1, y2, x2), ends exclusive, rows outer, columns inner.

    Raises:
        ValueError: a side is smaller than a window, or the stride leaves gaps.
    """
    if min(height, width) < size:
        raise ValueError(f"a picture of {height}x{width} does not hold a window of {size}")
    if not 1 <= stride <= size:
        raise ValueError(f"a stride of {stride} must lie in 1..{size}")
    tops, lefts = _starts(height, size, stride), _starts(width, size, stride)
    return [(top, left, top + size, left + size) for top in tops for left in lefts]


def _starts(side: int, size: int, stride: int) -> list[int]:
    # The ceiling of the quotient in whole numbers.
    count = -(-(side - size) // stride) + 1
    return [min(i * stride, side - size) for i in range(count)]


def stitch(windows: Tensor, boxes: Sequence[Box], height: int, width: int, feathered: bool = False) -> Tensor:
    """Average overlapping windows.

    Args:
        windows: (n, C, h, w), one per box.
        boxes: n boxes that cover the picture.
        height, width: of the picture, in pixels.
        feathered: a window counts less towards its ends, so that no edge of a window shows.

    Returns:
        (C, height, width), the mean over the windows that saw each pixel.

    Raises:
        ValueError: the number of boxes differs, or a pixel belongs to no window.
    """
    if len(windows) != len(boxes):
        raise ValueError(f"{len(windows)} windows for {len(boxes)} boxes")
    total = windows.new_zeros(windows.shape[1], height, width)
    visits = windows.new_zeros(height, width)
    for window, (top, left, bottom, right) in zip(windows, boxes, strict=True):
        rows, columns = _fade(bottom - top, height, feathered), _fade(right - left, width, feathered)
        weight = torch.outer(rows, columns).to(windows)  # (h, w)
        total[:, top:bottom, left:right] += window * weight
        visits[top:bottom, left:right] += weight
    if not bool((visits > 0).all()):
        raise ValueError("the boxes leave a part of the picture uncovered")
    return total.div_(visits)


def _fade(side: int, whole: int, feathered: bool) -> Tensor:
    """(side,) weights of a window's pixels: 1, or a linear ramp down to both ends where windows overlap."""
    if not feathered or side == whole:
        return torch.ones(side)
    # Half a pixel keeps every weight above 0, as `stitch` divides by their sum.
    distance = torch.arange(side) + 0.5
    return torch.minimum(distance, side - distance) / (side / 2)


def stitch_grids(grids: Tensor, boxes: Sequence[Box], height: int, width: int, patch: int) -> Tensor:
    """Resample the patch grids of all windows to one grid over the whole picture.

    Windows need not start on a multiple of the patch, so each cell of the picture's grid reads every window that
    holds its centre, bilinearly between patch centres, and takes the mean.

    Args:
        grids: (n, h, w, D), one map of patch features per box.
        boxes: n boxes that cover the picture, in pixels.
        height, width: of the picture, in pixels.
        patch: side of a patch, in pixels.

    Returns:
        (round(height / patch), round(width / patch), D).
    """
    rows, columns = max(1, round(height / patch)), max(1, round(width / patch))
    total = grids.new_zeros(rows, columns, grids.shape[3])
    visits = grids.new_zeros(rows, columns)
    for grid, (top, left, bottom, right) in zip(grids, boxes, strict=True):
        down = _bilinear_weights(rows, height, top, bottom, grid.shape[0]).to(grids)  # (rows, h)
        across = _bilinear_weights(columns, width, left, right, grid.shape[1]).to(grids)  # (columns, w)
        total += torch.einsum("ih,jw,hwd->ijd", down, across, grid)  # (rows, columns, D)
        visits += torch.outer(down.sum(1), across.sum(1))
    return total / visits[..., None]


def _bilinear_weights(cells: int, side: int, start: int, end: int, patches: int) -> Tensor:
    """Bilinear weights (cells, patches) of a window's patches; a cell's row sums to 1, outside the window to 0."""
    centers = (torch.arange(cells, dtype=torch.float64) + 0.5) * side / cells
    inside = (centers >= start) & (centers < end)
    # Patch i has its centre at i + 0.5; beyond the outermost centres the outermost patch counts alone.
    place = ((centers - start) * patches / (end - start) - 0.5).clamp(0, patches - 1)
    distance = (place[:, None] - torch.arange(patches)).abs()
    return (1 - distance).clamp(min=0) * inside[:, None]


def window_scores(
    logits: Tensor,
    boxes: Sequence[Box],
    resized: tuple[int, int],
    photo: tuple[int, int],
    synonym_counts: Sequence[int],
    feathered: bool = False,
) -> npt.NDArray[np.float32]:
    """Merge the logits of all windows into scores of the photo.

    In this order only: upsample to the window, sigmoid, mean over windows, resize to the photo, best synonym. One
    synonym at a time: nothing but the result is ever large, and no map depends on the others by a bit.

    Args:
        logits: (n, S, h, w), one map per box and synonym.
        boxes: n boxes that cover the resized picture.
        resized: its height and width, in pixels.
        photo: height and width of the photo, in pixels.
        synonym_counts: how many of the S synonyms each of the K classes has, in order.
        feathered: as in `stitch`.

    Returns:
        (K, H, W), in 0..1.
    """
    owners = np.repeat(np.arange(len(synonym_counts)), synonym_counts)
    scores = np.zeros((len(synonym_counts), *photo), dtype=np.float32)
    for owner, synonym in zip(owners, logits.unbind(1), strict=True):
        score = synonym_scores(synonym, boxes, resized, photo, feathered)
        np.maximum(scores[owner], score, out=scores[owner])
    return scores


def synonym_scores(
    logits: Tensor, boxes: Sequence[Box], resized: tuple[int, int], photo: tuple[int, int], feathered: bool
) -> npt.NDArray[np.float32]:
    """Scores (H, W) of one synonym, in 0..1, of its logits (n, h, w); other arguments as in `window_scores`."""
    top, left, bottom, right = boxes[0]
    shape = (bottom - top, right - left)
    # (n, h, w) -> (n, 1, H, W)
    windows = F.interpolate(logits[:, None], shape, mode="bilinear", align_corners=False).sigmoid_()
    # One window that is the whole picture, and a picture of the photo's own size, are the result to the last bit.
    whole = windows[0] if len(boxes) == 1 else stitch(windows, boxes, *resized, feathered)
    if resized == photo:
        return whole[0].cpu().numpy()
    # The clamp takes back what rounding adds: scores must lie in 0..1.
    score = F.interpolate(whole[None], photo, mode="bilinear", align_corners=False)[0, 0].clamp_(0, 1)
    return score.cpu().numpy()
