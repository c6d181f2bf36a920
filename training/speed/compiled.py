"""Steps with blocks under torch.compile, in a process of their own, which is stopped if the compiler takes minutes."""

import multiprocessing
import time
from multiprocessing.connection import Connection
from typing import Any

import torch

from training.speed.measure import METHODS, seconds_per_step
from training.speed.sizes import build_bench
from training.speed.step import Step, StepSpec
from zsseg.engines.compiled import CompiledBlocks
from zsseg.engines.devices import find_device
from zsseg.layers import blocks_run_by


def measure_compiled(device: str, tiny: bool, limit: float) -> list[dict[str, Any]]:
    """Seconds of a step of each method under bf16, with compiled blocks and as it is.

    Each kind of transformer block and decoder layer is compiled once: a whole model takes the compiler minutes.

    Args:
        device: name of the device.
        tiny: as in `build_bench`.
        limit: seconds after which the process is ended, the start of Python and the building of the model included.

    Returns:
        "recipe", "compile_seconds", "seconds" and "eager_seconds" of each method; or "recipe" and "failed", a sentence.
    """
    return [_in_own_process(method, device, tiny, limit) for method in METHODS]


def _in_own_process(method: str, device: str, tiny: bool, limit: float) -> dict[str, Any]:
    name = f"{method}_voc_inductive"
    # spawn: a process that has used CUDA must not be forked.
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe(duplex=False)
    child = context.Process(target=_measure, args=(name, device, tiny, there), daemon=False)
    child.start()
    # Only the child writes, so that its end is noticed here.
    there.close()
    try:
        found: dict[str, Any] = here.recv() if here.poll(limit) else {"failed": f"not compiled within {limit:.0f} s"}
    except EOFError:
        found = {"failed": "the process ended without a result"}
    finally:
        child.kill()
        child.join()
        here.close()
    return {"recipe": name, **found}


def _measure(name: str, device: str, tiny: bool, results: Connection) -> None:
    try:
        bench = build_bench(find_device(device), tiny, deadline=0.0)
        step = Step(StepSpec(bench.recipe(name)), bench.backbone, autocast=True)
        eager = seconds_per_step(step, 2, 5)
        with blocks_run_by(CompiledBlocks(torch.compile).run):
            began = time.perf_counter()
            step.run()
            first = time.perf_counter() - began
            seconds = seconds_per_step(step, 2, 5)
        results.send({"compile_seconds": first, "seconds": seconds, "eager_seconds": eager})
    except Exception as error:  # a compiler fails in many ways; what it says is the result
        results.send({"failed": f"{type(error).__name__}: {str(error).strip().splitlines()[0][:200]}"})
