"""CLIP-RC's region tokens one by one: block of patches, attention, and logits for each class."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from zsseg.errors import UserError
from zsseg.image.windows import Box, Windows
from zsseg.layers import region_attention_mask, region_of_patch
from zsseg.models import MaskOutput, SegmentationModel
from zsseg.segmentation import FloatArray, cells_of_pixels
from zsseg.text.vocabulary import Vocabulary

MAX_REGION_LOGITS = 2**26
"""Logits of all regions of one photo, at most: 256 MiB."""

PATCHES, REGIONS = "patches", "regions"
"""Names of two groups of tokens."""


@dataclass(frozen=True)
class TokenGroup:
    """A run of tokens of one kind in the encoder's sequence.

    Attributes:
        name: for people.
        start, stop: the first token, and the one after the last.
    """

    name: str
    start: int
    stop: int


@dataclass(frozen=True, eq=False)
class RegionView:
    """The blocks, attention and logits of the region tokens of every window.

    Dims: n windows, M regions, K classes, (h,w) patches of a window, T tokens of the encoder.

    Attributes:
        names: K class names.
        photo: height and width in pixels.
        boxes: n windows in pixels of the photo, (y1, x1, y2, x2), ends exclusive.
        side: regions per row and per column; M is its square.
        owner: (h,w) the region, 0..M-1 row-major, that owns each patch; the same in every window.
        logits: (n,M,K,h,w) the logits of each region alone for each class, any real. A class with several synonyms is
            shown by its first: the model takes the best synonym only after the mean over regions, where single
            regions are gone. The other synonyms still take part, as patches attend to every descriptor.
        attention: (T,T) True where the token of the row may attend to that of the column.
        groups: class token, prompts, patches and regions, in order; together all T tokens.
    """

    names: tuple[str, ...]
    photo: tuple[int, int]
    boxes: tuple[Box, ...]
    side: int
    owner: npt.NDArray[np.int64]
    logits: FloatArray
    attention: npt.NDArray[np.bool_]
    groups: tuple[TokenGroup, ...]

    @property
    def regions(self) -> int:
        """The number of regions M."""
        return self.side**2

    @property
    def mask_logits(self) -> FloatArray:
        """(n,K,h,w) the mean over regions: the model's own logits, before upsampling and sigmoid."""
        return np.asarray(self.logits.mean(1), dtype=np.float32)

    @property
    def blocks(self) -> tuple[Box, ...]:
        """The block of patches that each of the M regions owns, (row1, col1, row2, col2), ends exclusive."""
        # `nonzero` goes row by row, so rows come sorted and columns do not.
        places = (np.nonzero(self.owner == region) for region in range(self.regions))
        return tuple((int(r[0]), int(c.min()), int(r[-1]) + 1, int(c.max()) + 1) for r, c in places)

    def attended(self, region: int) -> npt.NDArray[np.bool_]:
        """(h,w) True where a region token may attend to the patch, read from the attention mask itself."""
        tokens = {group.name: group for group in self.groups}
        row = self.attention[tokens[REGIONS].start + region]  # (T,)
        patches: npt.NDArray[np.bool_] = row[tokens[PATCHES].start : tokens[PATCHES].stop]
        return patches.reshape(self.owner.shape)

    def block_in_photo(self, window: int, region: int) -> Box:
        """A region's block in pixels of the photo, (y1, x1, y2, x2), ends exclusive."""
        top, left, bottom, right = self.boxes[window]
        row1, col1, row2, col2 = self.blocks[region]
        rows, cols = self.owner.shape
        y1, y2 = (top + _edge(row, bottom - top, rows) for row in (row1, row2))
        x1, x2 = (left + _edge(col, right - left, cols) for col in (col1, col2))
        return y1, x1, y2, x2


def _edge(patch: int, side: int, patches: int) -> int:
    """The first of `side` pixels whose centre lies in `patch` or beyond."""
    # Pixel i has its centre at (2i + 1) / (2 * side): the ceiling of the bound in whole numbers, as `cells_of_pixels`
    # rounds, so that outlines and labels agree to the pixel.
    return -((patches - 2 * side * patch) // (2 * patches))


def check_regions(places: int, names: int) -> None:
    """Refuse a view of `places` (windows * regions * patches) times `names` logits before any is made.

    Raises:
        UserError: it would exceed `MAX_REGION_LOGITS`.
    """
    if places * names > MAX_REGION_LOGITS:
        raise UserError(f"The regions of {names} names need too much memory: ask for fewer classes or synonyms.")


def view_regions(
    model: SegmentationModel, photo: Windows, outputs: Iterable[MaskOutput], vocabulary: Vocabulary
) -> RegionView:
    """Put a `RegionView` together.

    Args:
        model: of a method that has region tokens.
        photo: the windows that were segmented.
        outputs: its answers for all windows in order, in any batches, for every synonym of the vocabulary.
        vocabulary: the K classes.
    """
    lengths = [len(group) for group in vocabulary.synonyms]
    firsts = np.cumsum([0, *lengths[:-1]]).tolist()  # where each class's first synonym stands
    logits = torch.cat([model.region_logits(output)[:, :, firsts] for output in outputs])  # (n, M, K, h, w)
    grid, regions, prompts = (logits.shape[-2], logits.shape[-1]), model.config.regions, model.config.prompt_tokens
    owner = region_of_patch(grid, regions)
    return RegionView(
        vocabulary.names,
        photo.photo,
        tuple(_in_photo(box, photo) for box in photo.boxes),
        round(regions**0.5),
        owner.numpy().reshape(grid),
        logits.float().cpu().numpy(),
        region_attention_mask(grid, prompts, regions).numpy(),
        _groups(prompts, len(owner), regions),
    )


def _in_photo(box: Box, photo: Windows) -> Box:
    """A box of the resized photo in pixels of the photo itself."""
    down, across = (side / resized for side, resized in zip(photo.photo, photo.resized, strict=True))
    y1, y2 = (min(photo.photo[0], int(value * down + 0.5)) for value in (box[0], box[2]))
    x1, x2 = (min(photo.photo[1], int(value * across + 0.5)) for value in (box[1], box[3]))
    return y1, x1, y2, x2


def _groups(prompts: int, patches: int, regions: int) -> tuple[TokenGroup, ...]:
    """The order is that of `zsseg.layers.region_attention_mask`."""
    ends = np.cumsum([0, 1, prompts, patches, regions]).tolist()
    names = ("class token", "prompts", PATCHES, REGIONS)
    return tuple(TokenGroup(*group) for group in zip(names, ends[:-1], ends[1:], strict=True))


def region_of(view: RegionView, y: int, x: int) -> tuple[int, int]:
    """The window and the region that a pixel of the photo belongs to.

    Of the windows that cover it, the one whose centre is nearest, the first at ties.

    Raises:
        UserError: the pixel lies outside the photo.
    """
    if not (0 <= y < view.photo[0] and 0 <= x < view.photo[1]):
        raise UserError(f"The point ({x}, {y}) lies outside the photo: choose one inside.")

    def distance(window: int) -> float:
        y1, x1, y2, x2 = view.boxes[window]
        covered = y1 <= y < y2 and x1 <= x < x2
        # The centre of a pixel lies half a pixel from its corner.
        return (y + 0.5 - (y1 + y2) / 2) ** 2 + (x + 0.5 - (x1 + x2) / 2) ** 2 if covered else np.inf

    window = min(range(len(view.boxes)), key=distance)
    y1, x1, y2, x2 = view.boxes[window]
    rows, cols = view.owner.shape
    row, col = cells_of_pixels(y2 - y1, rows)[y - y1], cells_of_pixels(x2 - x1, cols)[x - x1]
    return window, int(view.owner[row, col])
