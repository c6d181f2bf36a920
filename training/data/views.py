"""Views: a square part of a photo, perhaps mirrored, on a grid of cells. Its frozen features are kept.

The networks of a `TrunkStem` are never trained and cost more than all that is trained above them, so a photo is shown
to them in a few fixed views, once, instead of in a new crop at every step.
"""

import io
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from zsseg.errors import UserError
from zsseg.layers.trunk_stem import PATCH

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class PhotoFile:
    """Where a photo's bytes lie.

    Attributes:
        path: the file; a tar archive where `size` is not None.
        offset: first byte of the photo in it.
        size: number of bytes, or None for the whole file.
    """

    path: str
    offset: int = 0
    size: int | None = None

    def open(self) -> Image.Image:
        """The photo as RGB.

        Raises:
            UserError: it cannot be read.
        """
        try:
            with Path(self.path).open("rb") as file:
                # Read whole, so that no file stays open: PIL would decode later.
                file.seek(self.offset)
                return Image.open(io.BytesIO(file.read(-1 if self.size is None else self.size))).convert("RGB")
        except (OSError, ValueError, Image.DecompressionBombError) as error:
            raise UserError(f"{self.path} is not a readable picture: remove it, or copy it again.") from error


@dataclass(frozen=True)
class View:
    """One view of one photo.

    Attributes:
        key: of the photo.
        photo: where it lies.
        box: left, top, right, bottom in pixels of the photo.
        mirrored: left and right change places, after the crop.
        grid: rows and columns of cells that the box is resized to.
    """

    key: str
    photo: PhotoFile
    box: Box
    mirrored: bool
    grid: tuple[int, int]

    def rgb(self) -> np.ndarray:
        """The view as (16 rows, 16 columns, 3) uint8, resized bicubically with antialiasing."""
        # PIL's bicubic widens its kernel as it shrinks: that is the antialiasing.
        return np.asarray(self._cut(self.photo.open(), PATCH, Image.Resampling.BICUBIC))

    def labels(self, labels: np.ndarray, per_cell: int = PATCH) -> np.ndarray:
        """The same part of labels (H, W) uint8 of the photo, nearest neighbour: (rows, columns) times `per_cell`."""
        return np.asarray(self._cut(Image.fromarray(labels), per_cell, Image.Resampling.NEAREST))

    def _cut(self, picture: Image.Image, per_cell: int, how: Image.Resampling) -> Image.Image:
        rows, columns = (cells * per_cell for cells in self.grid)  # pixels
        # `box` has fractions of pixels; PIL resamples from there directly, so nothing is rounded twice.
        resized = picture.resize((columns, rows), how, box=self.box)
        return resized.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if self.mirrored else resized

    def to_json(self) -> list[Any]:
        """A row of a cache's list."""
        # A whole file is written without offset and size, so lists of plain files stay short.
        place = [self.photo.path] if self.photo.size is None else [self.photo.path, self.photo.offset, self.photo.size]
        return [self.key, place, list(self.box), int(self.mirrored), *self.grid]

    @staticmethod
    def from_json(row: Sequence[Any]) -> "View":
        """Read a row of a cache's list."""
        key, place, (left, top, right, bottom), mirrored, rows, columns = row
        photo = PhotoFile(*place) if len(place) == 3 else PhotoFile(place[0])
        return View(key, photo, (left, top, right, bottom), bool(mirrored), (rows, columns))


@dataclass(frozen=True)
class ViewPlan:
    """How views are drawn.

    Attributes:
        grid: cells a side.
        views: of each photo.
        scale: range of the side of a view, as a share of the photo's short side.
        min_side: of a photo's short side in pixels, for every view but its first.
        seed: of the choice.
    """

    grid: int
    views: int
    scale: tuple[float, float]
    min_side: int = 0
    seed: int = 0


def draw_views(photos: Iterable[tuple[str, PhotoFile]], plan: ViewPlan) -> list[View]:
    """Draw the views of photos (key, place), in random order; each depends on the plan, the key and its number only."""
    views = []
    for key, photo in photos:
        # Only the header is read here.
        with photo.open() as picture:
            size = picture.size
        # Parts of a small photo would only be enlarged.
        count = plan.views if min(size) >= plan.min_side else 1
        views += [_draw(key, photo, size, number, plan) for number in range(count)]
    order = np.random.default_rng(plan.seed).permutation(len(views))
    return [views[i] for i in order]


def _draw(key: str, photo: PhotoFile, size: tuple[int, int], number: int, plan: ViewPlan) -> View:
    rng = np.random.default_rng([plan.seed, zlib.crc32(key.encode()), number])
    side = min(size) * rng.uniform(*plan.scale)
    # (width, height) as PIL's sizes, hence left before top.
    left, top = (float(rng.uniform(0, length - side)) for length in size)
    return View(key, photo, (left, top, left + side, top + side), bool(rng.random() < 0.5), (plan.grid, plan.grid))
