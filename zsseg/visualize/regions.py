"""Pictures of CLIP-RC's region tokens: blocks on the photo, attention, and logits."""

from typing import TYPE_CHECKING

import cv2
import numpy as np

from zsseg.errors import UserError
from zsseg.image.load import Pixels
from zsseg.segmentation import FloatArray, cells_of_pixels
from zsseg.visualize.maps import colormap_table

if TYPE_CHECKING:  # these pictures need no torch
    from zsseg.analysis.regions import RegionView
    from zsseg.image.windows import Box

MASK_SIDE = 850
"""Side of the attention mask's picture in pixels, about; at least one pixel per token."""

_DARK, _LIGHT, _BORDER = (38, 42, 56), (226, 230, 238), (230, 159, 0)
_WHITE, _BLACK, _HIGHLIGHT = (255, 255, 255), (0, 0, 0), (240, 228, 66)
_FONT = cv2.FONT_HERSHEY_SIMPLEX


def draw_regions(image: Pixels, view: "RegionView", window: int) -> Pixels:
    """Outline and number the blocks of one window's regions on the photo; what lies outside the window is darker.

    Args:
        image: (H,W,3) RGB, the photo.
        view: of the photo.
        window: 0..n-1.

    Returns:
        (H,W,3) RGB; regions are numbered from 1, row by row.

    Raises:
        ValueError: the photo is not the view's.
        UserError: there is no such window.
    """
    _check(image, view, window)
    y1, x1, y2, x2 = view.boxes[window]
    picture = image // 3
    picture[y1:y2, x1:x2] = image[y1:y2, x1:x2]
    blocks = [view.block_in_photo(window, region) for region in range(view.regions)]
    for block in blocks:
        _outline(picture, block, _WHITE)
    for region, block in enumerate(blocks):
        _number(picture, block, region + 1)
    return picture


def draw_attention(image: Pixels, view: "RegionView", window: int, region: int) -> Pixels:
    """Show which patches one region token may attend to: those stay bright, all others are darkened.

    Args:
        image: (H,W,3) RGB, the photo.
        view: of the photo.
        window: 0..n-1.
        region: 0..M-1.

    Returns:
        (h,w,3) RGB, the window alone; the block that the region owns is outlined in yellow.

    Raises:
        ValueError: the photo is not the view's.
        UserError: there is no such window or region.
    """
    _check(image, view, window)
    _check_index(region, view.regions, "region")
    top, left, bottom, right = view.boxes[window]
    patches = view.attended(region)
    sides = (bottom - top, right - left)
    rows, cols = (cells_of_pixels(side, count) for side, count in zip(sides, patches.shape, strict=True))
    part = image[top:bottom, left:right]
    picture = np.where(patches[np.ix_(rows, cols)][..., None], part, part // 4)
    y1, x1, y2, x2 = view.block_in_photo(window, region)
    _outline(picture, (y1 - top, x1 - left, y2 - top, x2 - left), _HIGHLIGHT, 4)
    return picture


def _check(image: Pixels, view: "RegionView", window: int) -> None:
    if image.shape != (*view.photo, 3):
        raise ValueError(f"a photo of {image.shape} does not match a view of {view.photo}")
    _check_index(window, len(view.boxes), "window")


def _check_index(index: int, count: int, what: str) -> None:
    if not 0 <= index < count:
        raise UserError(f"There is no {what} {index}: choose one from 0 to {count - 1}.")


def _outline(picture: Pixels, block: "Box", color: tuple[int, int, int], weight: int = 1) -> None:
    """A coloured line within a black one, seen on any photo."""
    y1, x1, y2, x2 = block
    thin = max(1, min(picture.shape[:2]) // 240)
    for shade, thickness in ((_BLACK, (weight + 2) * thin), (color, weight * thin)):
        cv2.rectangle(picture, (x1, y1), (x2 - 1, y2 - 1), shade, thickness)


def _number(picture: Pixels, block: "Box", number: int) -> None:
    """A number in the middle of its block, as large as a third of it."""
    y1, x1, y2, x2 = block
    text = str(number)
    (width, height), _ = cv2.getTextSize(text, _FONT, 1, 1)
    scale = min((y2 - y1) / 3 / height, (x2 - x1) / 2 / width, 1.2)
    corner = int((x1 + x2 - width * scale) / 2), int((y1 + y2 + height * scale) / 2)
    for shade, thickness in ((_BLACK, 4), (_WHITE, 1)):
        cv2.putText(picture, text, corner, _FONT, scale, shade, thickness, cv2.LINE_AA)


def draw_mask(view: "RegionView") -> Pixels:
    """Draw the encoder's attention mask: light where the token of the row may attend to that of the column.

    Returns:
        (S,S,3) RGB, each token a block of pixels, with an orange line between groups; tokens in the order of
        `view.groups` from the top and from the left.
    """
    cell = max(1, MASK_SIDE // len(view.attention))
    line = max(2, cell // 2)
    cells = view.attention.repeat(cell, 0).repeat(cell, 1)
    picture = np.where(cells[..., None], np.array(_LIGHT, dtype=np.uint8), np.array(_DARK, dtype=np.uint8))
    for group in reversed(view.groups[1:]):  # from the end, so that earlier places stay where they are
        border = np.array(_BORDER, dtype=np.uint8)
        for axis in (0, 1):
            picture = np.insert(picture, [group.start * cell] * line, border, axis=axis)
    return picture


def region_ramp() -> Pixels:
    """The colours of `region_maps` from the lower to the upper end, (8,256,3) RGB, for a scale."""
    return region_maps(np.linspace(-1, 1, 256, dtype=np.float32)[None, None].repeat(8, axis=1))[0]


def region_maps(logits: FloatArray) -> list[Pixels]:
    """Draw the logits of each region for one class, all on one scale that is symmetric about 0.

    Args:
        logits: (M,h,w) of one window and class; less their mean over M, to see where regions differ.

    Returns:
        M pictures (h,w,3) RGB: orange below 0, white at 0, violet above, ends at the largest absolute value of all.
    """
    bound = max(float(np.abs(logits).max()), 1e-12)
    table = colormap_table("PuOr", np.arange(256))
    # Symmetric about 0, so that white is 0 in every map and maps of one scale can be compared.
    level = (logits / (2 * bound) + 0.5) * 255 + 0.5
    return list(table[np.clip(level, 0, 255).astype(np.uint8)])
