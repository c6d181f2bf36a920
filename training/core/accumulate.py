"""Gradients of one batch, taken in pieces that fit the memory one by one.

The mask losses divide by a count of the whole batch, so that count is taken first; the losses of the pieces then add up
to those of the batch, and their gradients to its gradients. Only the order of sums and the dropout masks differ.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from training.core.objective import Objective, mean_over_devices
from training.data.batches import Batch, Part

_PIECE_SEEDS = 1 << 40  # far more than the seeds of all iterations and devices


def add_gradients(
    objective: nn.Module, batch: Batch, text: Tensor, source: Part, *, pieces: int, seed: int
) -> dict[str, Tensor]:
    """Add the gradients of a batch to those of the parameters, and return its losses without graph.

    Args:
        objective: an `Objective`, or the DistributedDataParallel around one.
        batch: this device's share, on its device.
        text: (K, D), those of the seen names first.
        source: the batch's data set.
        pieces: forward and backward passes to take the batch in.
        seed: of dropout; every piece has one of its own, derived from it.
    """
    # DistributedDataParallel hides the methods of the module it wraps, and `count` is needed below.
    inner = objective.module if isinstance(objective, DistributedDataParallel) else objective
    assert isinstance(inner, Objective)
    pairs = zip(batch.inputs.tensor_split(pieces), batch.labels.tensor_split(pieces), strict=True)
    # tensor_split gives empty pieces where there are more pieces than photos.
    taken = [pair for pair in pairs if len(pair[0])]
    # One piece is the whole batch: the objective counts it in its own pass, and no second pass is needed.
    divisor = None if len(taken) == 1 else _divisor(inner, taken, text, len(source.seen), seed)
    sums: dict[str, Tensor] = {}
    for index, (inputs, labels) in enumerate(taken):
        torch.manual_seed(seed + index * _PIECE_SEEDS)
        with _waiting(objective, index + 1 < len(taken)):
            losses = objective(inputs, labels, text, len(source.seen), source.void_ignored, divisor)
            if "recovery" in losses and len(taken) > 1:  # a mean over photos, unlike the other terms
                losses["recovery"] = losses["recovery"] * (len(inputs) / len(batch.inputs))
            # Backward of each piece frees its graph before the next is built: that is where the memory is saved.
            torch.stack(list(losses.values())).sum().backward()  # type: ignore[no-untyped-call]
        for name, loss in losses.items():
            sums[name] = sums[name] + loss.detach() if name in sums else loss.detach()
    return sums


def _divisor(
    objective: Objective, taken: Sequence[tuple[Tensor, Tensor]], text: Tensor, seen: int, seed: int
) -> Tensor:
    """Count the whole batch, with the dropout masks that its pieces will have."""
    counts = []
    for index, (inputs, labels) in enumerate(taken):
        # The seed of `add_gradients`: in self-training the count depends on pseudo-labels, and they on dropout.
        torch.manual_seed(seed + index * _PIECE_SEEDS)
        counts.append(objective.count(inputs, labels, text, seen))
    return mean_over_devices(torch.stack(counts).sum())


def _waiting(objective: nn.Module, waits: bool) -> AbstractContextManager[None]:
    """Devices exchange gradients after the last piece only."""
    if waits and isinstance(objective, DistributedDataParallel):
        return objective.no_sync()
    return nullcontext()
