"""Where the names said of photos are, as the teacher's features tell: a read-out that learns from the names alone.

Names said of 4,000 photos teach a tower from nothing to know those photos by heart. The teacher's features are
those of a million photos: a linear map from them to the names holds for other photos too, and answers at every
position. The tower then learns from its answers (`LabelTeacher.loss`), not from the names themselves. (Shown the same
photos too often it learns the answers by heart as well: training/LOG.md, fourth round.)
"""

import math

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from tqdm import trange

from training.pretraining.image_labels import ImageLabels, or_none

_STEPS, _BATCH, _LR, _DECAY = 800, 64, 3e-3, 0.1
_NEGATIVE_SHARE = 0.1  # what is left of a name's share where it is not said of the photo


class LabelTeacher(nn.Module):
    """Linear logits of the table's names, and of none of them, from the teacher's features.

    Args:
        labels: the names, and what is said of each photo.
        features: (G, 14, 14, F) float16 of the pre-training photos.
        unit: what those are divided by before they are asked here.
        seed: of the batches.
    """

    def __init__(self, labels: ImageLabels, features: np.ndarray, unit: float = 1.0, seed: int = 0) -> None:
        super().__init__()
        self.labels, self.unit = labels, unit
        self.weight = nn.Parameter(torch.zeros(len(labels.vectors) + 1, features.shape[-1]))
        self.bias = nn.Parameter(torch.zeros(len(labels.vectors) + 1))
        self.mean, self.scale = torch.zeros(features.shape[-1]), torch.ones(())
        if labels.positives.any():
            self._fit(features, np.random.default_rng(seed))
        self.requires_grad_(False)

    def forward(self, features: Tensor) -> Tensor:
        """(..., F) features in units of `unit` -> logits (..., C+1), the last of none of the names."""
        logits: Tensor = F.linear((features - self.mean) / self.scale, self.weight, self.bias)
        return logits

    def answers(self, features: Tensor, photo: Tensor) -> Tensor:
        """Return each name's share at each position, and last that of none, (B, N, C+1); they sum to 1.

        Names that the photo is not asked have a share of 0.

        Args:
            features: (B, N, F) in units of `unit`.
            photo: (B,) rows of the pre-training set; where a photo has positives, other names keep a tenth of their
                share.
        """
        shares = self(features).masked_fill(~or_none(self.labels.candidates[photo])[:, None], -torch.inf).softmax(-1)
        positives = self.labels.positives[photo]
        is_kept = or_none(positives | ~positives.any(1, keepdim=True))
        weighted = shares * torch.where(is_kept, 1.0, _NEGATIVE_SHARE)[:, None]  # (B, N, C+1)
        answers: Tensor = weighted / weighted.sum(-1, keepdim=True)
        return answers

    def loss(self, patches: Tensor, features: Tensor, photo: Tensor, temperature: float) -> Tensor:
        """Cross-entropy of the patches' softmax over the names against the answers; a scalar, 0 without any name.

        A place counts as much as it shows any name. (To ask for a low cosine with all of them elsewhere fights with the
        concepts: training/LOG.md, fifth round.)

        Args:
            patches: (B, N, D) unit vectors.
            features: (B, N, F) in units of `unit`, at the same places.
            photo: (B,) rows of the pre-training set.
            temperature: of the patches' softmax.
        """
        known = self.labels.candidates[photo].any(1)
        if not known.any():
            return patches.new_zeros(())
        patches, features, photo = patches[known], features[known], photo[known]
        logits = patches @ self.labels.vectors.T / temperature
        candidates = self.labels.candidates[photo][:, None].expand_as(logits)
        log_shares = logits.masked_fill(~candidates, -torch.inf).log_softmax(-1).masked_fill(~candidates, 0)
        answers = self.answers(features, photo)[..., :-1]
        return -(answers * log_shares).sum() / answers.sum().clamp(min=1e-6)

    def _fit(self, features: np.ndarray, rng: np.random.Generator) -> None:
        rows = np.flatnonzero(self.labels.positives.any(1).numpy())
        some = self._read(features, rows[:: math.ceil(len(rows) / 500)]).flatten(0, 1)
        self.mean, self.scale = some.mean(0), some.std(0).mean().clamp(min=1e-6)
        optimizer = torch.optim.AdamW(self.parameters(), _LR, weight_decay=_DECAY)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, _STEPS)
        favour = self.labels.rarity()[rows]
        for _ in trange(_STEPS, desc="names at places"):
            photo = rng.choice(rows, _BATCH, p=favour / favour.sum())
            self.labels.loss(self(self._read(features, photo)), torch.from_numpy(photo)).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            optimizer.zero_grad()
            schedule.step()

    def _read(self, features: np.ndarray, rows: np.ndarray) -> Tensor:
        return torch.from_numpy(features[rows]).float().flatten(1, 2) / self.unit  # (B, 196, F)
