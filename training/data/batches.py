"""Batches drawn from several data sets. Batch i is a pure function of (seed, i).

No random generator has a state, so a resumed run draws exactly the batches of an uninterrupted run. Each batch comes
from one data set, chosen at random by the sets' weights: an unlabelled pixel is known to be none of the classes of
its own set, but may well be a class of another set. Within a set, photos come in shuffled epochs.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from training.data.datasets import Item, PhotoSet, read_mask, read_photo
from training.data.labels import label_table
from training.data.transforms import Augmentation, augment
from zsseg.errors import UserError

CACHE_BYTES = 3 << 30
"""Decoded photos and labels that one process keeps in memory, at most."""


@dataclass(frozen=True)
class Part:
    """One data set of a training run.

    Attributes:
        photos: the training photos.
        seen: class names with labels; training labels are indices into them.
        unseen: class names without labels; they follow the seen ones and are used in self-training only.
        weight: sampling weight of the set relative to the others.
        void_ignored: leave unlabelled pixels out of the loss instead of making them negatives of every class.
        reveal_hidden: mark the pixels of unseen classes as `HIDDEN`; see `training.data.labels`.
        repeats: how often each photo occurs in an epoch; empty means once each.
    """

    photos: PhotoSet
    seen: tuple[str, ...]
    unseen: tuple[str, ...]
    weight: float = 1.0
    void_ignored: bool = False
    reveal_hidden: bool = False
    repeats: tuple[int, ...] = ()


@dataclass(frozen=True)
class Batch:
    """B samples of one data set.

    Attributes:
        inputs: (B, 3, S, S) float32, normalised pixels; or (B, F, h, w), cached features of the frozen networks.
        labels: (B, S, S) uint8: index into the part's seen classes, 254 hidden, 255 unlabelled.
        part: index of the data set.
    """

    inputs: Tensor
    labels: Tensor
    part: int


class BatchStream(Dataset[Batch]):
    """All batches of a run: item i is batch i.

    Args:
        parts: the data sets.
        how: augmentation.
        batch: photos per batch, summed over all devices.
        batches: number of batches.
        seed: of all random choices in this class.
        rank: of this process, 0..world_size-1; it makes the slots rank, rank + world_size, ... of every batch.
        world_size: number of processes.
        cache_bytes: decoded photos are kept in memory up to this size.
    """

    def __init__(
        self,
        parts: Sequence[Part],
        how: Augmentation,
        batch: int,
        batches: int,
        *,
        seed: int,
        rank: int = 0,
        world_size: int = 1,
        cache_bytes: int = CACHE_BYTES,
    ) -> None:
        self.parts, self.how, self.batch, self.seed = tuple(parts), how, batch, seed
        self.slots = range(rank, batch, world_size)
        shares = np.cumsum([p.weight for p in parts])
        # Stream 0: which set each batch is of. All at once, so that batch i costs no walk through the earlier ones.
        draws = np.random.default_rng([seed, 0]).random(batches)
        # side="right", so that a set of weight 0 is never drawn.
        self.choices = np.searchsorted(shares / shares[-1], draws, side="right")
        # Number of earlier batches of the same set: the position of batch i in that set's epochs.
        self.turns = np.zeros(batches, np.int64)
        for part in range(len(self.parts)):
            own = self.choices == part
            # 0, 1, 2, ... among this set's batches.
            self.turns[own] = np.arange(own.sum())
        # Row numbers of an epoch; a repeated photo has several.
        self._epochs = [np.repeat(np.arange(len(p.photos.items)), p.repeats or 1) for p in self.parts]
        self._tables = [label_table(p.photos.raw_names, p.seen, p.reveal_hidden) for p in self.parts]
        self._cache: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        self._room = cache_bytes

    def __len__(self) -> int:
        return len(self.choices)

    def __getitem__(self, index: int) -> Batch:
        part = int(self.choices[index])
        samples = [self._sample(part, index, slot) for slot in self.slots]
        inputs = torch.from_numpy(np.stack([s[0] for s in samples]))  # (B, 3, S, S)
        return Batch(inputs, torch.from_numpy(np.stack([s[1] for s in samples])), part)

    def _item(self, part: int, index: int, slot: int) -> Item:
        """The photo of one place of one batch."""
        # Every draw has a generator of its own, seeded by what it decides: 1 the order of an epoch, 2 one sample.
        rows = self._epochs[part]
        # Batches of a set follow each other through its epochs, across the end of one into the next.
        epoch, place = divmod(int(self.turns[index]) * self.batch + slot, len(rows))
        order = np.random.default_rng([self.seed, 1, part, epoch]).permutation(len(rows))
        item: Item = self.parts[part].photos.items[int(rows[order[place]])]
        return item

    def _sample(self, part: int, index: int, slot: int) -> tuple[np.ndarray, np.ndarray]:
        rgb, labels = self._decoded(self._item(part, index, slot), self._tables[part])
        return augment(rgb, labels, self.how, np.random.default_rng([self.seed, 2, index, slot]))

    def _decoded(self, item: Item, table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        # A key names its set, so it always comes with the same table.
        if item.key in self._cache:
            return self._cache[item.key]
        rgb, labels = read_photo(item), table[read_mask(item)]
        if rgb.shape[:2] != labels.shape:
            raise UserError(f"{item.photo} and {item.mask} have different sizes: give masks of the photos' size.")
        # When full it takes no more: an epoch visits all photos, so no choice of what to drop would be better.
        if rgb.nbytes + labels.nbytes <= self._room:
            self._room -= rgb.nbytes + labels.nbytes
            self._cache[item.key] = (rgb, labels)
        return rgb, labels
