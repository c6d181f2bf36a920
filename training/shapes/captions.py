"""Captions of the patches of synthetic scenes, and the loss between patches and captions."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, permutations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

WORDS = 3
"""Words of a full class name: texture, colour, shape."""

_COLOUR = 1  # index of the colour among the words
# Without the first: permutations begin with the order that changes nothing.
_OTHER_ORDERS = tuple(np.array(order) for order in permutations(range(3)))[1:]


@dataclass(frozen=True)
class Captions:
    """P different captions of K class names, one per name.

    Attributes:
        phrases: the P captions.
        says: (K, P) float, one-hot rows: the caption of each name.
        coloured: whether the captions contain the colour.
    """

    phrases: tuple[str, ...]
    says: Tensor
    coloured: bool


def captions_of(names: Sequence[str]) -> list[Captions]:
    """Return captions of the full names, then of every proper subset of their words; one-word names stay whole."""
    sets = []
    # `ShapesRun` relies on the order: full names, single words, pairs.
    for count in (WORDS, *range(1, WORDS)):
        for chosen in combinations(range(WORDS), count):
            captions = [_part_of(name, chosen) for name in names]
            # Different captions in order of appearance; several names can share one.
            phrases = tuple(dict.fromkeys(captions))
            rows = torch.tensor([phrases.index(caption) for caption in captions])
            sets.append(Captions(phrases, F.one_hot(rows, len(phrases)).float(), _COLOUR in chosen))  # (K, P)
    return sets


def _part_of(name: str, chosen: Sequence[int]) -> str:
    words = name.split()
    return " ".join(words[i] for i in chosen) if len(words) == WORDS else name


def cell_shares(labels: Tensor, names: int, patch: int) -> Tensor:
    """Return the share of each class in each patch: labels (B, S, S) uint8 -> (B, N, K), 0..1.

    Unlabelled pixels count for no class, so the shares of a patch may sum to less than 1.
    """
    step = patch // 4  # 4 x 4 samples per patch are exact enough
    sampled = labels[:, step // 2 :: step, step // 2 :: step].long()  # (B, 4n, 4n)
    batch, side = len(sampled), sampled.shape[1] // 4
    cells = sampled.view(batch, side, 4, side, 4).transpose(2, 3).reshape(batch, side * side, 16)  # (B, N, 16)
    # One column more takes every label beyond the names: unlabelled and hidden pixels.
    counts = torch.zeros(*cells.shape[:2], names + 1)
    counts.scatter_add_(2, cells.clamp(max=names), torch.ones(cells.shape))
    return counts[..., :names] / 16  # (B, N, K)


def recolour(pixels: Tensor, share: float, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Permute the colour channels of a random `share` of crops (B, 3, S, S).

    Returns:
        All crops, and (B,) 1 for unchanged crops, 0 for permuted ones.
    """
    kept = rng.random(len(pixels)) >= share
    orders = [np.arange(3) if keep else _OTHER_ORDERS[rng.integers(len(_OTHER_ORDERS))] for keep in kept]
    index = torch.from_numpy(np.stack(orders)).to(pixels.device)[:, :, None, None]  # (B, 3, 1, 1)
    changed = pixels.gather(1, index.expand_as(pixels))
    return changed, torch.from_numpy(kept).to(pixels)


def cross_entropy(logits: Tensor, shares: Tensor) -> Tensor:
    """Cross-entropy of logits (..., P) against shares (..., P), divided by the sum of all shares."""
    # Where every crop is recoloured there is no share: 0, not nan.
    return -(shares * logits.log_softmax(-1)).sum() / shares.sum().clamp(min=1)
