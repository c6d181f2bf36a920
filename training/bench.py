"""Speed of a training step, one part of ``zsseg bench``: python -m training.bench training REPEATS

Forward, backward and optimiser of both methods on random pixels, with the losses of the papers' recipes for PASCAL VOC.
"""

import dataclasses
import json
import sys
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from training.core.objective import Objective
from training.core.optim import build_optimizer
from training.recipes import Recipe, load_recipe
from training.runtime.devices import flush_denormals
from zsseg.bench.machine import describe_machine, peak_memory_gb
from zsseg.bench.models import MODELS
from zsseg.bench.timing import Clock, Row
from zsseg.models import SegmentationModel

PART = "training"
# The 15 names that VOC's inductive setting trains on.
_CLASSES, _BATCH = 15, 2
_METHODS = ("zegclip", "clip_rc")


def measure_steps(clock: Clock) -> Iterator[Row]:
    """A step of each method over the embedded backbone and over ViT-B/16 with random weights."""
    for size, make in MODELS.items():
        for method in _METHODS:
            predictor = make(method)
            # The recipe's losses and optimizer, over the head at hand.
            recipe = dataclasses.replace(load_recipe(f"{method}_voc_inductive"), model=predictor.model.config)
            side = predictor.metadata.size
            step = make_step(predictor.model, recipe, side)
            yield clock.measure(PART, f"{size} {method}, {side} px", step, items=_BATCH)


def make_step(model: SegmentationModel, recipe: Recipe, side: int) -> Callable[[], None]:
    """One optimiser step on a fixed random batch of squares of `side` pixels."""
    # Random pixels: how long a step takes depends on sizes alone.
    pixels = torch.randn(_BATCH, 3, side, side)
    labels = torch.randint(0, _CLASSES, (_BATCH, side, side), dtype=torch.uint8)  # (B, S, S)
    text = torch.nn.functional.normalize(torch.randn(_CLASSES, model.backbone.joint_dim), dim=-1)  # (K, D)
    objective, optimizer = Objective(model.train(), recipe, autocast=False), build_optimizer(model, recipe)

    def step() -> None:
        losses: dict[str, Tensor] = objective(pixels, labels, text, _CLASSES, False)
        optimizer.zero_grad(set_to_none=True)
        torch.stack(list(losses.values())).sum().backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    return step


def main() -> None:
    """Measure, and write JSON to stdout as `zsseg.bench.parts.measure_part` does."""
    # As in training: tiny gradients would make steps slow by chance.
    flush_denormals()
    # argv[1] is the part, as for `zsseg.bench`; here there is one only.
    clock = Clock(int(sys.argv[2]))
    rows = [row.as_dict() for row in measure_steps(clock)]
    memory = {"all steps": peak_memory_gb()}
    found = {"rows": rows, "memory_gb": memory, "gflops": clock.gflops, "machine": describe_machine()}
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main()
