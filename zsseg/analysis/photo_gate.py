"""The photo-level gate: a class that the whole photo does not speak for scores lower in every pixel.

Patches of a sheep may look like those of a dog; the [CLS] token sometimes knows better. Neither paper has this: it is
a switch, off unless asked for. It helps on some photos and costs accuracy on others (training/LOG.md).
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from zsseg.errors import UserError
from zsseg.scores import GatedMaps
from zsseg.segmentation import Segmentation, check_fraction

GATE = 0.25
"""Strength of the page's switch, the best of .25, .5 and 1 on development photos; see training/LOG.md."""


def photo_scores(cls_tokens: Tensor, text: Tensor, synonyms: Sequence[int], scale: float) -> tuple[float, ...]:
    """How strongly the whole photo speaks for each class, as a ratio to the class that it speaks for most, in 0..1.

    The ratio of two probabilities of CLIP's own classification: exp(scale * (cosine - largest cosine)).

    Args:
        cls_tokens: (n, D) unit norm, of the photo's windows; their mean cosine counts.
        text: (S, D) unit norm, one row per synonym, class after class.
        synonyms: how many rows each of the K classes has; the best one counts.
        scale: inverse temperature of the backbone.
    """
    cosines = torch.split((cls_tokens @ text.T).mean(0), list(synonyms))  # K tensors, S values in all
    best = torch.stack([cosine.max() for cosine in cosines])  # (K)
    # Less the largest before exp, so that nothing overflows and the best class gets exactly 1.
    return tuple((scale * (best - best.max())).exp().tolist())


def apply_photo_gate(seg: Segmentation, strength: float = GATE) -> Segmentation:
    """Lower the logit of each class by the logarithm of its photo score.

    Args:
        seg: an answer that has not been gated yet.
        strength: what the logarithm is multiplied with, 0 (no change) to 1.

    Raises:
        UserError: the strength is outside 0..1, or the answer has no photo scores.
        ValueError: the answer has been gated already.
    """
    check_fraction(strength, "The photo-level gate")
    if strength == 0:
        return seg
    if seg.photo_gate:
        raise ValueError("the answer has been gated already")
    if not seg.photo_scores:
        raise UserError(f"{seg.model} does not say what the whole photo shows: leave the photo-level gate out.")
    # exp(strength * log(score)) is score ** strength, and a score of 0 needs no logarithm.
    factors = (np.asarray(seg.photo_scores) ** strength).astype(np.float32)  # (K,)
    gated = GatedMaps(seg.maps, factors)
    return dataclasses.replace(seg, scores=gated, photo_gate=strength)  # type: ignore[arg-type]
