"""What is said of whole photos, as a loss on places: some place shows each name, and none an absent one."""

from collections.abc import Container, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from training.data.splits import SETS, class_names
from training.pretraining.photos import PretrainingPhoto
from training.pretraining.text_targets import TextTargets

_RARE = 100  # photos of a name; what is rarer is not drawn more often still, for it would be learnt by heart
_SHOWN = 0.1  # share of a photo's places that a name which is said of it must win at least
_OTHERWISE = "voc2012"  # whose names a photo of no labelled set is compared with


class ImageLabels:
    """Names asked in each set, and those said of each photo.

    A photo is compared with the names of its own set alone, since only those are known to be absent elsewhere.

    Args:
        photos: the pre-training set; "SET/ID" keys of labelled sets say which names a photo could have.
        targets: where each name lies.

    Attributes:
        vectors: (C, D) of the names.
        positives: (G, C) bool, the names said of each photo.
        candidates: (G, C) bool, the names that each photo is compared with: its own set's, and VOC's for a photo of no
            such set. Only where something is said of a photo is it known which of them are absent.
    """

    def __init__(self, photos: Sequence[PretrainingPhoto], targets: TextTargets) -> None:
        row = targets.index()
        sets = sorted({photo.key.split("/")[0] for photo in photos if photo.names} & set(SETS))
        candidates = {one: [name for name in class_names(one) if name in row] for one in sets}
        columns = [(one, name) for one in sets for name in candidates[one]]
        self.vectors = torch.from_numpy(targets.vectors[[row[name] for _, name in columns]])  # (C, D)
        self.positives = torch.zeros(len(photos), len(columns), dtype=torch.bool)
        self.candidates = torch.zeros_like(self.positives)
        for index, photo in enumerate(photos):
            own, candidate_set = photo.key.split("/")[0], _candidate_set(photo.key, candidates)
            self.candidates[index] = torch.tensor([one == candidate_set for one, _ in columns])
            self.positives[index] = torch.tensor([one == own and name in photo.names for one, name in columns])

    def rarity(self) -> np.ndarray:
        """How often each photo should be drawn, so that frequent names do not take all: (G,), 0 for untagged photos.

        It is the mean over the photo's names of one over the root of how many photos show it, at least 100.
        """
        rare = self.positives.sum(0).clamp(min=_RARE).float().rsqrt()  # (C,)
        return np.asarray((self.positives * rare).sum(1) / self.positives.sum(1).clamp(min=1))

    def loss(self, logits: Tensor, photo: Tensor) -> Tensor:
        """Sum of two cross-entropies over tagged photos: no absent name anywhere, each present one somewhere.

        Any place may show none of the names. What is common to photos of many names, grass or walls, becomes that.

        Args:
            logits: (B, N, C+1) at N places of each photo, the last for none of the names.
            photo: (B,) rows of the pre-training set.
        """
        positives = self.positives[photo]  # (B, C)
        labelled = positives.any(1)
        if not labelled.any():
            return logits.new_zeros(())
        logits, positives, candidates = logits[labelled], positives[labelled], or_none(self.candidates[photo[labelled]])
        shares = logits.masked_fill(~candidates[:, None], -torch.inf).softmax(-1)  # (B, N, C+1)
        possible = (shares * or_none(positives)[:, None]).sum(-1)
        absent = -possible.clamp(min=1e-6).log().mean()
        best = shares[..., :-1].topk(max(1, round(_SHOWN * shares.shape[1])), dim=1).values.mean(1)  # (B, C)
        return absent - best[positives].clamp(min=1e-6).log().mean()


def or_none(names: Tensor) -> Tensor:
    """(B, C) bool -> (B, C+1): a place may always show none of the names."""
    return F.pad(names, (0, 1), value=True)


def _candidate_set(key: str, labelled: Container[str]) -> str:
    """The labelled set whose names a photo of the pre-training set is compared with."""
    own = "ccp" if key.startswith("pretrain/ccp") else key.split("/")[0]
    return own if own in labelled else _OTHERWISE
