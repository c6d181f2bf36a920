"""Losses of both methods; p is the sigmoid of an upsampled logit, t the label, 0 or 1, of one pixel and class.

- Non-mutually exclusive loss, NEL (ZegCLIP, section 3.4, equations 4 to 6): L = a * focal + b * dice, on one sigmoid
  per class, so classes do not compete and unseen classes are not suppressed by a softmax.
  focal = alpha_t * (1 - p_t)^2 * cross-entropy, with alpha 0.25 for positives; mean over pixels, sum over all maps.
  dice = 1 - (2 sum(p t) + 1) / (sum p + sum t + 1), for the classes that are present in an image.
- Recovery loss (CLIP-RC): L = c * (mean |q' - q| + mean |v' - v|), L1 between the recovered and the original
  relationship descriptors q and patch features v; the originals are detached.
- Softmax cross-entropy, the baseline that both papers compare NEL with.

Kept from the released code (ZiqinZhou66/ZegCLIP at 9ba4bb5, models/losses/criterion.py), and tested: ignored pixels
are negatives of every class, not masked out; focal and dice are divided by the number of (image, present class) pairs
of the batch, not by its number of masks. JSeg (c14696d), the port of CLIP-RC, has no loss for its head.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from zsseg.models import Recovery

# The same number as `training.data.labels.VOID`, and mmsegmentation's ignore index.
IGNORE = 255
_POSITIVE_SHARE = 0.25  # focal loss's alpha; negatives count the rest
_FOCUS = 2  # focal loss's gamma


@dataclass(frozen=True)
class LossWeights:
    """Weights of the loss terms.

    Attributes:
        focal: weight of the focal term; published: 100, for CLIP-RC on COCO-Stuff 200.
        dice: weight of the dice term; published: 1, for CLIP-RC on COCO-Stuff 3.
        recovery: weight of both recovery terms; 0 for ZegCLIP.
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
    """Non-mutually exclusive loss: focal and dice terms of one batch.

    Args:
        logits: (B, K, H, W), at the resolution of the labels.
        labels: (B, H, W) integers, 0..K-1 or `IGNORE`.
        pairs: divisor, at least 1; default `count_pairs(labels, K)`. With several devices, the mean of their counts.
    """
    classes = torch.arange(logits.shape[1], device=labels.device)
    targets = labels[:, None] == classes[None, :, None, None]  # (B, K, H, W)
    present = targets.flatten(2).any(-1)  # (B, K)
    divisor = (present.sum() if pairs is None else pairs).clamp(min=1)
    # fp32 even under autocast: the sums below run over whole masks.
    logits = logits.float()
    # (B, K, H, W) -> (B, K): mean over pixels. The sum is over all maps, those of absent classes included.
    focal = _focal(logits, targets).flatten(2).mean(-1).sum() / divisor
    # Dice is computed for present classes only: an absent class has no overlap to maximise.
    # The index keeps the M present maps: (B, K, H, W) -> (M, H, W).
    dice = _dice(logits.sigmoid()[present], targets[present].float()).sum() / divisor
    return MaskLoss(focal, dice)


def softmax_loss(logits: Tensor, labels: Tensor, pixels: Tensor | None = None) -> Tensor:
    """Softmax cross-entropy over the K classes, a scalar; replaces both terms of the non-mutually exclusive loss.

    `IGNORE` pixels are left out: a softmax gives every pixel to some class, so a pixel cannot be a negative of all
    classes as in `nel_loss`.

    Args:
        logits: (B, K, H, W), at the resolution of the labels.
        labels: (B, H, W) integers, 0..K-1 or `IGNORE`.
        pixels: divisor, at least 1; default `count_labelled(labels)`. With several devices, the mean of their counts.
    """
    divisor = count_labelled(labels) if pixels is None else pixels
    # The sum and a divisor of our own: pieces and devices must divide by the count of the whole batch.
    return F.cross_entropy(logits.float(), labels, ignore_index=IGNORE, reduction="sum") / divisor.clamp(min=1)


def count_labelled(labels: Tensor) -> Tensor:
    """Return the number of labelled pixels of labels (B, H, W): the divisor of `softmax_loss`."""
    return (labels != IGNORE).sum()


def count_pairs(labels: Tensor, classes: int) -> Tensor:
    """Return the number of (image, present class) pairs of labels (B, H, W): the divisor of `nel_loss`."""
    ids = torch.arange(classes, device=labels.device)
    # (B, K, H*W) -> (B, K)
    return (labels.flatten(1)[:, None] == ids[None, :, None]).any(-1).sum()


def recovery_loss(recovery: Recovery) -> RecoveryLoss:
    """Recovery loss of CLIP-RC: mean absolute error of queries and patch features; the targets get no gradient."""
    # Detached as in CLIP-RC's seg_loss.py:60-61: the decoder has to reach the targets, not the targets the decoder.
    return RecoveryLoss(
        F.l1_loss(recovery.queries.float(), recovery.target_queries.detach().float()),
        F.l1_loss(recovery.patches.float(), recovery.target_patches.detach().float()),
    )


def _focal(logits: Tensor, targets: Tensor) -> Tensor:
    """Sigmoid focal loss per pixel and class, (B, K, H, W) (Lin et al., ICCV 2017)."""
    signed = torch.where(targets, logits, -logits)  # large if right: p_t = sigmoid(signed)
    share = torch.where(targets, _POSITIVE_SHARE, 1 - _POSITIVE_SHARE)
    # logsigmoid, not log of sigmoid: finite for logits of any size.
    return -share * torch.sigmoid(-signed) ** _FOCUS * F.logsigmoid(signed)


def _dice(scores: Tensor, targets: Tensor) -> Tensor:
    """Dice loss per mask (M,) of scores and targets (M, H, W), 0..1; smoothed by one pixel to avoid 0 / 0."""
    scores, targets = scores.flatten(1), targets.flatten(1)  # (M, H*W)
    return 1 - (2 * (scores * targets).sum(1) + 1) / (scores.sum(1) + targets.sum(1) + 1)
