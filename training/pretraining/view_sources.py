"""Where a run of the image encoder gets its views: features cached on disk, or photos that go through the networks.

Cached features cost nothing more, which suits a CPU, but the frozen networks stay as they are and a view never changes.
A GPU holds all photos in its memory instead: every step cuts new views, and the networks below can be trained as well.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

from training.data.feature_cache import FeatureCache
from training.data.views import PhotoFile
from training.pretraining.photos import LabelledPhoto
from zsseg.layers import TrunkStem
from zsseg.layers.imagenet import MEAN, STD
from zsseg.layers.trunk_stem import PATCH
from zsseg.open_clip_compat import OpenClip


class ViewFeatures(NamedTuple):
    """Features of one batch of views.

    Attributes:
        trained: (B, N, F) that the transformer sees; with gradients where the networks below are trained.
        frozen: (B, N, F) of the networks as they were at the start, for whatever supervises the run.
    """

    trained: Tensor
    frozen: Tensor


class ViewSource(Protocol):
    """Views of photos, by number.

    Attributes:
        owners: for each view, the index of its photo.
    """

    owners: Sequence[int]

    def features(self, rows: Sequence[int], rng: np.random.Generator) -> ViewFeatures:
        """Features of the views `rows`; `rng` decides whatever is drawn by chance."""
        ...


class CachedViews:
    """Views whose features were cached; each step sees some cells of each.

    Args:
        caches: features of views.
        photos: those that may be used; views of others are left out.
        tokens: cells of a view that a step sees, drawn by chance: cheaper, and no view is seen twice alike.
    """

    def __init__(self, caches: Sequence[FeatureCache], photos: Sequence[LabelledPhoto], tokens: int) -> None:
        index = {photo.key: i for i, photo in enumerate(photos)}
        items = [
            (cache, row, index[view.key])
            for cache in caches
            for row, view in enumerate(cache.views)
            if view.key in index
        ]
        self._places = [(cache, row) for cache, row, _ in items]
        self.owners: Sequence[int] = [owner for _, _, owner in items]
        self._tokens = tokens

    def features(self, rows: Sequence[int], rng: np.random.Generator) -> ViewFeatures:
        """(B, tokens, F) features of some cells of each view, twice the same: nothing below is trained."""
        drawn = []
        for cache, row in (self._places[i] for i in rows):
            view = cache.features(row)
            drawn.append(view[rng.permutation(len(view))[: self._tokens]])
        features = torch.from_numpy(np.stack(drawn)).float()
        return ViewFeatures(features, features)


class LivePhotos:
    """Photos in a device's memory, cut into new views at every step.

    Args:
        photos: all of them; 300 kB of memory each.
        visual: the image encoder, over a `TrunkStem` on the device.
        frozen: the stem's networks as they are now, if those of `visual` are trained; else None.
        side: the long side in pixels that photos are kept in.
        grid: cells of a view's side.
        scale: range of a view's side, as a share of the photo's short side.
        workers: processes that read the photos.
    """

    def __init__(
        self,
        photos: Sequence[LabelledPhoto],
        visual: OpenClip,
        frozen: TrunkStem | None,
        side: int = 288,
        grid: int = 16,
        scale: tuple[float, float] = (0.6, 1.0),
        workers: int = 0,
    ) -> None:
        self.owners: Sequence[int] = range(len(photos))
        self._visual, self._frozen, self._grid, self._scale = visual, frozen, grid, scale
        self._device = next(visual.parameters()).device
        files = _Canvases([photo.photo for photo in photos], side)
        canvases = torch.empty(len(photos), 3, side, side, dtype=torch.uint8, device=self._device)
        self._sizes = np.empty((len(photos), 2))
        at = 0
        for pixels, sizes in DataLoader(files, batch_size=64, num_workers=workers):
            canvases[at : at + len(pixels)] = pixels.to(self._device)
            self._sizes[at : at + len(pixels)] = sizes
            at += len(pixels)
        self._canvases, self._side = canvases, side

    def features(self, rows: Sequence[int], rng: np.random.Generator) -> ViewFeatures:
        """(B, grid * grid, F) features of new views of the photos."""
        rgb = self._cut(rows, rng)
        frozen = self._frozen
        with torch.no_grad():
            before = None if frozen is None else _tokens_of(frozen, _normalised(rgb))
        with torch.set_grad_enabled(frozen is not None and torch.is_grad_enabled()):
            trained = _tokens_of(self._visual.conv1, _normalised(_jitter(rgb, rng)))
        # Without a frozen copy nothing below is trained, so the features are those of the start.
        return ViewFeatures(trained, trained.detach() if before is None else before)

    def _cut(self, rows: Sequence[int], rng: np.random.Generator) -> Tensor:
        """(B, 3, 16 grid, 16 grid) in 0..1: a square part of each photo, perhaps mirrored."""
        sizes = self._sizes[list(rows)]  # (B, 2) width and height
        side = sizes.min(1) * rng.uniform(*self._scale, len(rows))  # (B,)
        corner = rng.random((len(rows), 2)) * (sizes - side[:, None])  # (B, 2) left and top
        centre = (corner + side[:, None] / 2) * 2 / self._side - 1  # in -1..1 of the canvas
        half = side / self._side
        theta = np.zeros((len(rows), 2, 3), np.float32)
        theta[:, 0, 0] = half * rng.choice((-1, 1), len(rows))  # a negative width mirrors
        theta[:, 1, 1], theta[:, :, 2] = half, centre
        pixels = self._canvases[torch.from_numpy(np.asarray(rows)).to(self._device)].float() / 255
        shape = (len(rows), 3, PATCH * self._grid, PATCH * self._grid)
        grid = F.affine_grid(torch.from_numpy(theta).to(self._device), list(shape), align_corners=False)
        return F.grid_sample(pixels, grid, mode="bilinear", padding_mode="border", align_corners=False)


class _Canvases(Dataset[tuple[np.ndarray, np.ndarray]]):
    """Photos in the upper left corner of a black square, as uint8, with their sizes."""

    def __init__(self, files: Sequence[PhotoFile], side: int) -> None:
        self._files, self._side = files, side

    def __len__(self) -> int:
        return len(self._files)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        photo, side = self._files[index].open(), self._side
        share = side / max(photo.size)
        width, height = (max(1, min(side, round(length * share))) for length in photo.size)
        canvas = np.zeros((3, side, side), np.uint8)
        canvas[:, :height, :width] = np.asarray(photo.resize((width, height), Image.Resampling.BICUBIC)).transpose(
            2, 0, 1
        )
        return canvas, np.array([width, height], np.float64)


def _tokens_of(stem: TrunkStem, pixels: Tensor) -> Tensor:
    return stem.trunk_features(pixels).flatten(2).transpose(1, 2)  # (B, F, h, w) -> (B, N, F)


def _normalised(rgb: Tensor) -> Tensor:
    mean, std = (torch.tensor(values, device=rgb.device).view(3, 1, 1) for values in (MEAN, STD))
    return (rgb - mean) / std


def _jitter(rgb: Tensor, rng: np.random.Generator) -> Tensor:
    """Brightness, contrast and saturation of each view times 0.7 to 1.3; the labels hold for any of them."""
    factors = torch.from_numpy(rng.uniform(0.7, 1.3, (3, len(rgb), 1, 1, 1)).astype(np.float32)).to(rgb.device)
    brightness, contrast, saturation = factors
    rgb = rgb * brightness
    rgb = rgb.mean((1, 2, 3), keepdim=True).lerp(rgb, contrast)
    return rgb.mean(1, keepdim=True).lerp(rgb, saturation).clamp(0, 1)
