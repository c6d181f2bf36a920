"""What each setting makes of the labels: which ids the loss sees, and pseudo labels for unseen classes.

Inductive: only seen classes are asked, and everything else is ignored. Transductive: all names are known, so all are
asked; the model's own best unseen class labels the pixels that have no seen label, anew at each step.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from training.core.losses import IGNORE

UNLABELLED = -1

PseudoLabelWhere = Literal["unseen_pixels", "unlabelled_pixels"]


def inductive_table(seen: Sequence[int]) -> npt.NDArray[np.int16]:
    """From a data set's id to the loss's, (256,): a seen id to its place in `seen`, all others to `IGNORE`."""
    table = np.full(256, IGNORE, np.int16)
    table[list(seen)] = np.arange(len(seen))
    return table


def transductive_table(seen: Sequence[int]) -> npt.NDArray[np.int16]:
    """From a data set's id to the loss's, (256,): seen ids and `IGNORE` stay, all others become `UNLABELLED`."""
    table = np.full(256, UNLABELLED, np.int16)
    table[list(seen)] = list(seen)
    table[IGNORE] = IGNORE
    return table


def remap(labels: Tensor, table: npt.NDArray[np.int16]) -> Tensor:
    """Apply a table to labels (B, H, W) of 0..255; int64."""
    return torch.from_numpy(table.astype(np.int64)).to(labels.device)[labels.long()]


@torch.no_grad()
def pseudo_labels(
    labels: Tensor,
    logits: Tensor,
    unseen: Sequence[int],
    where: PseudoLabelWhere = "unseen_pixels",
    threshold: float = 0.0,
) -> Tensor:
    """Give pixels without a seen label the unseen class that the model itself finds likeliest there.

    Args:
        labels: (B, H, W) as `transductive_table` leaves them.
        logits: (B, K, H, W) of all classes, at the labels' resolution.
        unseen: ids of the unseen classes, 0..K-1.
        where: "unseen_pixels" as the published code, which looks up in the ground truth where the true class is
            unseen; "unlabelled_pixels" for every pixel without a seen label, background and void included, which
            needs nothing of the ground truth but asks for a threshold.
        threshold: sigmoid, 0..1, under which a pixel gets no pseudo label.

    Returns:
        (B, H, W) int64, 0..K-1 or `IGNORE`.
    """
    ids = torch.as_tensor(list(unseen), device=labels.device)
    score, best = logits[:, ids].max(1)
    open_pixels = labels == UNLABELLED
    if where == "unlabelled_pixels":
        open_pixels = open_pixels | (labels == IGNORE)
    confident = score.sigmoid() >= threshold
    resolved = labels.masked_fill(labels == UNLABELLED, IGNORE)
    return torch.where(open_pixels & confident, ids[best], resolved)
