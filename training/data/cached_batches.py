"""Batches of cached views: the frozen networks' features and the labels of the same part of the photo."""

from collections.abc import Sequence

import numpy as np

from training.data.batches import BatchStream, Part
from training.data.datasets import Item, read_mask
from training.data.feature_cache import FeatureCache
from training.data.transforms import Augmentation
from zsseg.errors import UserError


class CachedBatchStream(BatchStream):
    """All batches of a run over cached views; a photo's view is drawn by chance at each visit.

    Args:
        parts: the sets.
        how: has no say: views were drawn when they were cached.
        batch: photos per batch, over all devices together.
        batches: number of batches there may be.
        cache: features of views of all photos of the sets.
        share: `seed`, `rank`, `world_size` and `cache_bytes` as `BatchStream` takes them; labels are cached.

    Raises:
        UserError: a photo has no view in the cache.
    """

    def __init__(
        self,
        parts: Sequence[Part],
        how: Augmentation,
        batch: int,
        batches: int,
        cache: FeatureCache,
        **share: int,
    ) -> None:
        super().__init__(parts, how, batch, batches, **share)
        self.cache = cache
        self._views: dict[str, list[int]] = {}
        for index, view in enumerate(cache.views):
            self._views.setdefault(view.key, []).append(index)
        missing = [item.key for part in parts for item in part.photos.items if item.key not in self._views]
        if missing:
            raise UserError(
                f"{len(missing)} photos have no cached features ({missing[0]}): complete the cache, or name another."
            )
        self._labels: dict[str, np.ndarray] = {}

    def _sample(self, part: int, index: int, slot: int) -> tuple[np.ndarray, np.ndarray]:
        item = self._item(part, index, slot)
        views = self._views[item.key]
        # Seeded as in `BatchStream._sample`: a resumed run draws the same view.
        drawn = views[int(np.random.default_rng([self.seed, 2, index, slot]).integers(len(views)))]
        view = self.cache.views[drawn]
        # (F, h, w) features; labels keep 16 x 16 pixels of each cell.
        return self.cache.maps([drawn])[0].numpy(), view.labels(self._labels_of(item, part))

    def _labels_of(self, item: Item, part: int) -> np.ndarray:
        if item.key in self._labels:
            return self._labels[item.key]
        labels: np.ndarray = self._tables[part][read_mask(item)]
        if labels.nbytes <= self._room:
            self._room -= labels.nbytes
            self._labels[item.key] = labels
        return labels
