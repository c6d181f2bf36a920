"""The published code's label tables, ids of a data set to labels of the loss, made by the table that training uses."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from training.core.pseudo_labels import UNLABELLED
from training.data.labels import HIDDEN, VOID, label_table

_NAMES = [str(raw) for raw in range(VOID)]  # every id but 255 has a class


def inductive_table(seen: Sequence[int]) -> npt.NDArray[np.uint8]:
    """(256,): a seen id becomes its index in `seen`, every other one 255."""
    return label_table(_NAMES, [_NAMES[raw] for raw in seen])


def transductive_table(seen: Sequence[int]) -> npt.NDArray[np.int16]:
    """(256,): seen ids and 255 stay, every other one becomes `UNLABELLED`, as in `training.core.objective`."""
    table = label_table(_NAMES, [_NAMES[raw] for raw in seen], reveal_hidden=True)
    ids = np.full(256, VOID, np.int16)
    ids[: len(seen)], ids[HIDDEN] = list(seen), UNLABELLED
    return ids[table]


def remap(labels: Tensor, table: npt.NDArray[np.uint8 | np.int16]) -> Tensor:
    """Apply a table to labels of 0..255; int64."""
    return torch.from_numpy(table.astype(np.int64))[labels.long()]
