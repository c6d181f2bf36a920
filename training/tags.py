"""What is said of whole photos, as a loss on patches: some patch shows each name, and none an absent one."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from training.data.photos import Photo
from training.data.splits import SETS, class_names
from training.text_targets import TextTargets

_RARE = 100  # photos of a name; what is rarer is not drawn more often still, for it would be learnt by heart
_SHOWN = 0.1  # share of a crop's patches that a name which is said of the photo must win at least


class TagTable:
    """Names asked in each set, and those said of each photo.

    A photo is compared with the names of its own set alone, since only those are known to be absent elsewhere.

    Args:
        photos: the pool; "SET/ID" keys of labelled sets say which names a photo could have.
        targets: where each name lies.
    """

    def __init__(self, photos: Sequence[Photo], targets: TextTargets) -> None:
        row = targets.index()
        sets = sorted({_set_of(photo) for photo in photos if photo.names} & set(SETS))
        asked = {one: [name for name in class_names(one) if name in row] for one in sets}
        columns = [(one, name) for one in sets for name in asked[one]]
        self.vectors = torch.from_numpy(targets.vectors[[row[name] for _, name in columns]])  # (C, D)
        self.said = torch.zeros(len(photos), len(columns), dtype=torch.bool)
        self.possible = torch.zeros_like(self.said)
        for index, photo in enumerate(photos):
            if photo.names and (own := _set_of(photo)) in asked:
                self.possible[index] = torch.tensor([one == own for one, _ in columns])
                self.said[index] = torch.tensor([one == own and name in photo.names for one, name in columns])

    def rarity(self) -> np.ndarray:
        """How often each photo should be drawn, so that frequent names do not take all: (G,), 0 for untagged photos.

        It is the mean over the photo's names of one over the root of how many photos show it, at least 100.
        """
        rare = self.said.sum(0).clamp(min=_RARE).float().rsqrt()  # (C,)
        return np.asarray((self.said * rare).sum(1) / self.said.sum(1).clamp(min=1))

    def loss(self, patches: Tensor, sure: Tensor, photo: Tensor, temperature: float) -> Tensor:
        """Sum of two cross-entropies over tagged photos: no absent name anywhere, each present one somewhere.

        Args:
            patches: (B, N, D) unit vectors.
            sure: (B, N) how much each patch counts in the first.
            photo: (B,) rows of the pool.
            temperature: of the softmax over the names of a photo's set.
        """
        tagged = self.said[photo].any(1)
        if not tagged.any():
            return patches.new_zeros(())
        patches, sure, photo = patches[tagged], sure[tagged], photo[tagged]
        said, possible = self.said[photo], self.possible[photo]  # (B, C)
        logits = (patches @ self.vectors.T / temperature).masked_fill(~possible[:, None], -torch.inf)
        shares = logits.softmax(-1)  # (B, N, C)
        present = (shares * said[:, None]).sum(-1)
        absent = -(present.clamp(min=1e-6).log() * sure).sum() / sure.sum().clamp(min=1e-6)
        best = shares.topk(max(1, round(_SHOWN * shares.shape[1])), dim=1).values.mean(1)  # (B, C)
        return absent - best[said].clamp(min=1e-6).log().mean()


def _set_of(photo: Photo) -> str:
    return photo.key.split("/")[0]
