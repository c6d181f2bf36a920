"""What captions say of the patches of drawn scenes, and the loss that compares a patch with captions."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, permutations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

WORDS = 3
"""Of a full name: texture, colour, shape."""

_COLOUR = 1  # place of the colour among them
_OTHER_ORDERS = tuple(np.array(order) for order in permutations(range(3)))[1:]


@dataclass(frozen=True)
class Captions:
    """P different captions, and (K, P) 1 where one is said of a name; one for each name; whether they say a colour."""

    phrases: tuple[str, ...]
    says: Tensor
    coloured: bool


def captions_of(names: Sequence[str]) -> list[Captions]:
    """Full names first, then a set for each choice of fewer of their words; a name of one word is always said whole."""
    sets = []
    for count in (WORDS, *range(1, WORDS)):
        for chosen in combinations(range(WORDS), count):
            said = [_part_of(name, chosen) for name in names]
            phrases = tuple(dict.fromkeys(said))
            rows = torch.tensor([phrases.index(phrase) for phrase in said])
            sets.append(Captions(phrases, F.one_hot(rows, len(phrases)).float(), _COLOUR in chosen))
    return sets


def _part_of(name: str, chosen: Sequence[int]) -> str:
    words = name.split()
    return " ".join(words[i] for i in chosen) if len(words) == WORDS else name


def cell_shares(labels: Tensor, names: int, patch: int) -> Tensor:
    """Share of each name in each patch: labels (B, S, S) uint8 -> (B, N, K), 0..1; what has no label has no share."""
    step = patch // 4  # every fourth of a patch's side says enough
    sampled = labels[:, step // 2 :: step, step // 2 :: step].long()
    batch, side = len(sampled), sampled.shape[1] // 4
    cells = sampled.view(batch, side, 4, side, 4).transpose(2, 3).reshape(batch, side * side, 16)  # (B, N, 16)
    counts = torch.zeros(*cells.shape[:2], names + 1)
    counts.scatter_add_(2, cells.clamp(max=names), torch.ones(cells.shape))
    return counts[..., :names] / 16


def recolour(pixels: Tensor, share: float, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Let the channels of some crops (B, 3, S, S) change places; return all, and (B,) 1 for those left as they were."""
    kept = rng.random(len(pixels)) >= share
    orders = [np.arange(3) if keep else _OTHER_ORDERS[rng.integers(len(_OTHER_ORDERS))] for keep in kept]
    index = torch.from_numpy(np.stack(orders)).to(pixels.device)[:, :, None, None]
    changed = pixels.gather(1, index.expand_as(pixels))
    return changed, torch.from_numpy(kept).to(pixels)


def cross_entropy(logits: Tensor, shares: Tensor) -> Tensor:
    """Mean over what has a share: logits and shares (..., P)."""
    return -(shares * logits.log_softmax(-1)).sum() / shares.sum().clamp(min=1)
