"""What is said of whole photos, as a loss on places: some place shows each name, and none an absent one."""

from collections.abc import Container, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from training.data.splits import SETS, class_names
from training.pretraining.photos import Photo
from training.pretraining.text_targets import TextTargets

_RARE = 100  # photos of a name; what is rarer is not drawn more often still, for it would be learnt by heart
_SHOWN = 0.1  # share of a photo's places that a name which is said of it must win at least
_OTHERWISE = "voc2012"  # whose names a photo of no labelled set is compared with


class TagTable:
    """Names asked in each set, and those said of each photo.

    A photo is compared with the names of its own set alone, since only those are known to be absent elsewhere.

    Args:
        photos: the pool; "SET/ID" keys of labelled sets say which names a photo could have.
        targets: where each name lies.

    Attributes:
        vectors: (C, D) of the names.
        said: (G, C) bool, the names said of each photo.
        asked: (G, C) bool, the names that each photo is compared with: its own set's, and VOC's for a photo of no
            such set. Only where something is said of a photo is it known which of them are absent.
    """

    def __init__(self, photos: Sequence[Photo], targets: TextTargets) -> None:
        row = targets.index()
        sets = sorted({photo.key.split("/")[0] for photo in photos if photo.names} & set(SETS))
        asked = {one: [name for name in class_names(one) if name in row] for one in sets}
        columns = [(one, name) for one in sets for name in asked[one]]
        self.vectors = torch.from_numpy(targets.vectors[[row[name] for _, name in columns]])  # (C, D)
        self.said = torch.zeros(len(photos), len(columns), dtype=torch.bool)
        self.asked = torch.zeros_like(self.said)
        for index, photo in enumerate(photos):
            own, asks = photo.key.split("/")[0], _set_to_ask(photo.key, asked)
            self.asked[index] = torch.tensor([one == asks for one, _ in columns])
            self.said[index] = torch.tensor([one == own and name in photo.names for one, name in columns])

    def rarity(self) -> np.ndarray:
        """How often each photo should be drawn, so that frequent names do not take all: (G,), 0 for untagged photos.

        It is the mean over the photo's names of one over the root of how many photos show it, at least 100.
        """
        rare = self.said.sum(0).clamp(min=_RARE).float().rsqrt()  # (C,)
        return np.asarray((self.said * rare).sum(1) / self.said.sum(1).clamp(min=1))

    def loss(self, logits: Tensor, photo: Tensor) -> Tensor:
        """Sum of two cross-entropies over tagged photos: no absent name anywhere, each present one somewhere.

        Any place may show none of the names. What is common to photos of many names, grass or walls, becomes that.

        Args:
            logits: (B, N, C+1) at N places of each photo, the last for none of the names.
            photo: (B,) rows of the pool.
        """
        said = self.said[photo]  # (B, C)
        tagged = said.any(1)
        if not tagged.any():
            return logits.new_zeros(())
        logits, said, asked = logits[tagged], said[tagged], or_none(self.asked[photo[tagged]])
        shares = logits.masked_fill(~asked[:, None], -torch.inf).softmax(-1)  # (B, N, C+1)
        possible = (shares * or_none(said)[:, None]).sum(-1)
        absent = -possible.clamp(min=1e-6).log().mean()
        best = shares[..., :-1].topk(max(1, round(_SHOWN * shares.shape[1])), dim=1).values.mean(1)  # (B, C)
        return absent - best[said].clamp(min=1e-6).log().mean()


def or_none(names: Tensor) -> Tensor:
    """(B, C) bool -> (B, C+1): a place may always show none of the names."""
    return F.pad(names, (0, 1), value=True)


def _set_to_ask(key: str, labelled: Container[str]) -> str:
    """The labelled set whose names a photo of the pool is compared with."""
    own = "ccp" if key.startswith("pretrain/ccp") else key.split("/")[0]
    return own if own in labelled else _OTHERWISE
