"""Both methods' losses: focal and dice on independent sigmoids ("non-exclusive loss"), and the recovery loss.

Beside them the loss that the non-exclusive one is compared with, the cross-entropy of a softmax over the names.

Kept from the published code (ZiqinZhou66/ZegCLIP at 9ba4bb5, models/losses/criterion.py), and tested: ignored pixels
are not masked out but negatives of every class, and both terms are divided by the (picture, present class) pairs of
the batch, not by its maps.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from zsseg.models import Recovery

IGNORE = 255
_POSITIVE_SHARE = 0.25  # focal loss's alpha; negatives count the rest
_FOCUS = 2  # focal loss's gamma


@dataclass(frozen=True)
class LossWeights:
    """How much each term counts.

    Attributes:
        focal: of the focal term; 100 in the published recipes, 200 for CLIP-RC on COCO-Stuff.
        dice: of the dice term.
        recovery: of both recovery terms; 0 for ZegCLIP.
    """

    focal: float = 100.0
    dice: float = 1.0
    recovery: float = 0.0


class MaskLoss(NamedTuple):
    """Scalars, unweighted."""

    focal: Tensor
    dice: Tensor

    def weighted(self, weights: LossWeights) -> Tensor:
        """The sum that is minimised."""
        return weights.focal * self.focal + weights.dice * self.dice


class RecoveryLoss(NamedTuple):
    """Scalars, unweighted."""

    queries: Tensor
    patches: Tensor

    def weighted(self, weights: LossWeights) -> Tensor:
        """The sum that is minimised."""
        return weights.recovery * (self.queries + self.patches)


def nel_loss(logits: Tensor, labels: Tensor, pairs: Tensor | None = None) -> MaskLoss:
    """Focal and dice loss of one batch.

    Args:
        logits: (B, K, H, W), at the labels' resolution.
        labels: (B, H, W) integers, 0..K-1 or `IGNORE`.
        pairs: the divisor, taken as 1 where it is less; without it `count_pairs(labels, K)`. With several devices, the
            mean of theirs.
    """
    classes = torch.arange(logits.shape[1], device=labels.device)
    targets = labels[:, None] == classes[None, :, None, None]  # (B, K, H, W)
    present = targets.flatten(2).any(-1)  # (B, K)
    divisor = (present.sum() if pairs is None else pairs).clamp(min=1)
    logits = logits.float()
    focal = _focal(logits, targets).flatten(2).mean(-1).sum() / divisor
    # Dice takes part only for classes that are there: an absent one has no overlap to maximise.
    dice = _dice(logits.sigmoid()[present], targets[present].float()).sum() / divisor
    return MaskLoss(focal, dice)


def softmax_loss(logits: Tensor, labels: Tensor, pixels: Tensor | None = None) -> Tensor:
    """Cross-entropy of a softmax over the names asked, in place of both terms of the non-exclusive loss; a scalar.

    A softmax shares every pixel out among the names. There is none for what has no label, so `IGNORE` pixels are left
    out: they cannot be negatives of every name, as they are in `nel_loss`.

    Args:
        logits: (B, K, H, W), at the labels' resolution.
        labels: (B, H, W) integers, 0..K-1 or `IGNORE`.
        pixels: the divisor, taken as 1 where it is less; without it `count_labelled(labels)`. With several devices,
            the mean of theirs.
    """
    divisor = count_labelled(labels) if pixels is None else pixels
    return F.cross_entropy(logits.float(), labels, ignore_index=IGNORE, reduction="sum") / divisor.clamp(min=1)


def count_labelled(labels: Tensor) -> Tensor:
    """Number of pixels of labels (B, H, W) that have a name: the divisor of `softmax_loss`."""
    return (labels != IGNORE).sum()


def count_pairs(labels: Tensor, classes: int) -> Tensor:
    """Number of (picture, present class) pairs of labels (B, H, W): the divisor of both terms."""
    ids = torch.arange(classes, device=labels.device)
    return (labels.flatten(1)[:, None] == ids[None, :, None]).any(-1).sum()


def recovery_loss(recovery: Recovery) -> RecoveryLoss:
    """Mean absolute error of recovered descriptors and patches; no gradient reaches their targets."""
    return RecoveryLoss(
        F.l1_loss(recovery.queries.float(), recovery.target_queries.detach().float()),
        F.l1_loss(recovery.patches.float(), recovery.target_patches.detach().float()),
    )


def _focal(logits: Tensor, targets: Tensor) -> Tensor:
    """Focal loss of each pixel and class, (B, K, H, W)."""
    signed = torch.where(targets, logits, -logits)  # large where right
    share = torch.where(targets, _POSITIVE_SHARE, 1 - _POSITIVE_SHARE)
    return -share * torch.sigmoid(-signed) ** _FOCUS * F.logsigmoid(signed)


def _dice(scores: Tensor, targets: Tensor) -> Tensor:
    """Dice loss of each map: scores and targets (maps, H, W), 0..1; a smoothing of one pixel keeps it finite."""
    scores, targets = scores.flatten(1), targets.flatten(1)
    return 1 - (2 * (scores * targets).sum(1) + 1) / (scores.sum(1) + targets.sum(1) + 1)
