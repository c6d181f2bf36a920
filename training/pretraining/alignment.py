"""A loss on patches from image-level labels: the names of whole photos align patch tokens with words.

For each photo, the score of a name is the mean of its patches' scores, weighted by their own softmax: the patches that
fit a name best speak for it. A softmax over the names of the photo's own vocabulary then shares the mass among those it
shows (TagAlign, Liu et al. 2023, uses the same target). Nothing says where anything is. The class token learns the same
labels, since the relationship descriptor of both methods is made of it.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from training.data.splits import class_names
from training.pretraining.photos import ANY, LabelledPhoto

# CLIP's own limit of the inverse temperature.
_MAX_SCALE = 100.0
# Near CLIP's own start, log(1 / 0.07) = 2.66.
_START_SCALE = 2.5  # log of the softmax's inverse temperature
# Not -inf: its product with a share of 0 would be nan.
_ABSENT = -1e4


class NameVectors(NamedTuple):
    """All names of a run.

    Attributes:
        names: V of them.
        vectors: (V, D) unit norm, their embeddings.
    """

    names: Sequence[str]
    vectors: Tensor


class ImageLabels:
    """Which names each photo shows, and which it is known not to show.

    Args:
        photos: G photos.
        vocabulary: V names.
    """

    def __init__(self, photos: Sequence[LabelledPhoto], vocabulary: Sequence[str]) -> None:
        index = {name: i for i, name in enumerate(vocabulary)}
        self._rows = [[index[name] for name in photo.names] for photo in photos]
        sets = sorted({photo.vocabulary for photo in photos})
        self._set = torch.tensor([sets.index(photo.vocabulary) for photo in photos])  # (G,)
        self._candidates = torch.ones(len(sets), len(vocabulary), dtype=torch.bool)  # (sets, V)
        for row, name in enumerate(sets):
            if name != ANY:
                own = {n for n in class_names(name) if n is not None}
                self._candidates[row] = torch.tensor([n in own for n in vocabulary])
        shares = torch.zeros_like(self._candidates, dtype=torch.float32)
        # A photo with three names counts as a third of a photo for each, as it does in the loss.
        for own_set, own_names in zip(self._set, self._rows, strict=True):
            shares[own_set, own_names] += 1 / len(own_names)
        # A name that no photo of its vocabulary shows counts as a tenth of a photo: rare, not impossible.
        self._log_prior = ((shares + 0.1) / (shares + 0.1).sum(1, keepdim=True)).log()  # (sets, V)
        # Names of the labelled sets: photos are known not to show them, so every step compares with them.
        self.closed = self._candidates[[i for i, name in enumerate(sets) if name != ANY]].any(0)  # (V,)

    def shares(self, photos: Sequence[int]) -> Tensor:
        """(B, V) the share of each name in its photo's labels; rows sum to 1."""
        shares = torch.zeros(len(photos), self._candidates.shape[1])
        for row, photo in enumerate(photos):
            shares[row, self._rows[photo]] = 1 / len(self._rows[photo])
        return shares

    def candidates(self, photos: Sequence[int]) -> Tensor:
        """(B, V) bool: the names that each photo is compared with."""
        return self._candidates[self._set[list(photos)]]

    def log_prior(self, photos: Sequence[int]) -> Tensor:
        """(B, V) log of how often each name is a label in the photos of the same vocabulary."""
        return self._log_prior[self._set[list(photos)]]


class AlignmentLoss(nn.Module):
    """Cross-entropy of image-level labels, from patches and from the class token; owns the two temperatures."""

    def __init__(self) -> None:
        super().__init__()
        self.patch_scale = nn.Parameter(torch.tensor(_START_SCALE))
        self.cls_scale = nn.Parameter(torch.tensor(_START_SCALE))

    def forward(
        self,
        cls_token: Tensor,
        patch_tokens: Tensor,
        text: Tensor,
        shares: Tensor,
        candidates: Tensor,
        offset: Tensor | float = 0.0,
    ) -> dict[str, Tensor]:
        """Compute both terms.

        Args:
            cls_token: (B, D) unit norm.
            patch_tokens: (B, N, D) unit norm.
            text: (V, D) unit norm.
            shares: (B, V) the share of each name in a photo's labels.
            candidates: (B, V) bool, the names that the softmax is over.
            offset: (B, V) added to the logits here and not in inference. With the log prior of each name, frequent
                names need no high cosine to be likely (logit adjustment, Menon et al., ICLR 2021).

        Returns:
            Scalars "patches" and "cls".
        """
        scores = self.patch_logits(patch_tokens, text)
        # Detached: the gradient changes the scores of patches, not how they are weighted.
        pooled = (scores.detach().softmax(1) * scores).sum(1)  # (B, V)
        whole = self.cls_scale.exp().clamp(max=_MAX_SCALE) * (cls_token @ text.T)  # (B, V)
        terms = {"patches": pooled + offset, "cls": whole + offset}
        return {name: _cross_entropy(logits, shares, candidates) for name, logits in terms.items()}

    def patch_logits(self, patch_tokens: Tensor, text: Tensor) -> Tensor:
        """Scaled cosines (B, N, V) of patches and names."""
        return (self.patch_scale.exp().clamp(max=_MAX_SCALE) * (patch_tokens @ text.T)).float()  # (B, N, V)


def _cross_entropy(logits: Tensor, shares: Tensor, candidates: Tensor) -> Tensor:
    return -(shares * logits.masked_fill(~candidates, _ABSENT).log_softmax(1)).sum(1).mean()


def saliency_loss(
    logits: Tensor, shares: Tensor, candidates: Tensor, saliency: Tensor, bounds: tuple[float, float]
) -> Tensor:
    """Dense pseudo-labels of photos with one label: its salient patches show that name, the others do not.

    Without the second half a name is also learnt from what surrounds it: cats lie on sofas.

    Args:
        logits: (B, N, V) from `AlignmentLoss.patch_logits`.
        shares, candidates: as in `AlignmentLoss`.
        saliency: (B, N) in 0..1, of each patch.
        bounds: patches below the first value do not show the name, those above the second do.

    Returns:
        A scalar: the mean cross-entropy inside plus the mean of -log(1 - share of the name) outside; 0 where no photo
        has one label alone.
    """
    log_shares = logits.masked_fill(~candidates[:, None], _ABSENT).log_softmax(-1)
    # A share of 1 leaves nothing for a second label: (B,).
    single = (shares == 1).any(1)
    # The column of each photo's first label; photos with several are left out by `single` below.
    own = log_shares.gather(2, shares.argmax(1)[:, None, None].expand(-1, log_shares.shape[1], 1))[..., 0]  # (B, N)
    inside, outside = single[:, None] & (saliency > bounds[1]), single[:, None] & (saliency < bounds[0])
    # Where no photo has one label alone, the sum of nothing is divided by 1.
    shown = -own[inside].sum() / inside.sum().clamp(min=1)
    # log1p(-1) is -inf; with .999 a patch costs at most 6.9.
    absent = -torch.log1p(-own[outside].exp().clamp(max=0.999)).sum() / outside.sum().clamp(min=1)
    return shown + absent


def self_training_loss(
    logits: Tensor, teacher: Tensor, shares: Tensor, candidates: Tensor, confident: float = 0.5
) -> Tensor:
    """Dense pseudo-labels of photos with several labels: each patch shows the one that a teacher sees there.

    The labels bound what the teacher can get wrong: a patch never counts as a name that the photo does not show.

    Args:
        logits: (B, N, V) from `AlignmentLoss.patch_logits`.
        teacher: (B, N, V) the same of the teacher.
        shares, candidates: as in `AlignmentLoss`.
        confident: patches are left out where the teacher's softmax over all candidates gives the label less, 0..1.

    Returns:
        A scalar: the mean cross-entropy, each patch weighted by the teacher's probability; 0 where no patch counts.
    """
    target = teacher.masked_fill(shares[:, None] == 0, _ABSENT).argmax(-1, keepdim=True)  # (B, N, 1)
    sure = teacher.masked_fill(~candidates[:, None], _ABSENT).softmax(-1).gather(2, target)[..., 0]  # (B, N)
    several = (shares > 0).sum(1) > 1  # (B,)
    weight = sure * ((sure > confident) & several[:, None])
    log_shares = logits.masked_fill(~candidates[:, None], _ABSENT).log_softmax(-1).gather(2, target)[..., 0]
    return -(weight * log_shares).sum() / weight.sum().clamp(min=1)
