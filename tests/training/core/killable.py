"""Trains a toy head in a process that stops at a named point, to be killed there. Arguments: data, run, where.

`where` is "end"; "step N", to wait for the killer before iteration N; or "write N", to wait inside the N-th write of
the state, when the new file is written and the old one is still there.
"""

import os
import sys
import time
from pathlib import Path

import torch

from tests.training.core.test_engine import make_recipe
from training.core.assemble import assemble
from training.core.engine import STATE_FILE, RunOptions, Trainer
from training.data.batches import Batch
from training.runtime.devices import DeviceContext


def wait() -> None:
    sys.stdout.write("waiting\n")
    sys.stdout.flush()
    time.sleep(600)


class Waiting(Trainer):
    """A trainer that waits before one iteration."""

    stop = -1

    def _step(self, batch: Batch) -> None:
        if self.progress.iteration == self.stop:
            wait()
        super()._step(batch)


def wait_in_write(number: int) -> None:
    writes = 0
    sync = os.fsync

    def fsync(file: int) -> None:
        nonlocal writes
        writes += 1
        if writes == number:
            wait()
        sync(file)

    os.fsync = fsync


def main(data: Path, out: Path, where: str) -> None:
    changes = {"setting": "transductive", "pseudo_label_threshold": 0.0, "iters": 10, "warmup": 1, "eval_every": 4}
    recipe = make_recipe("clip_rc", **changes)
    torch.set_num_threads(1)
    experiment = assemble(recipe, data, data / "tiny-clip")
    context = DeviceContext(torch.device("cpu"), autocast=False)
    options = RunOptions(out, resume=(out / STATE_FILE).exists(), accumulate=2, save_seconds=0)
    trainer = Waiting(experiment, options, context)
    kind, _, number = where.partition(" ")
    if kind == "step":
        trainer.stop = int(number)
    if kind == "write":
        wait_in_write(int(number))
    trainer.run()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
