"""The parts of a benchmark, each measured in a process of its own, and all of them as one report."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from typing import Any

from zsseg.errors import UserError

EMBEDDED = ("embedded-zegclip", "embedded-clip_rc")
VIT_B16 = ("vit-b16-zegclip", "vit-b16-clip_rc")
START = "start"
TRAINING = "training"
PARTS = (*EMBEDDED, *VIT_B16, START, TRAINING)


def measure_part(part: str, repeats: int) -> dict[str, Any]:
    """Measure a part in this process.

    Args:
        part: one of `PARTS`, but for the training, which is not a part of this package.
        repeats: how often each step is timed, at least 1.

    Returns:
        "rows" of `zsseg.bench.timing.Row`, "memory_gb", "gflops" of the matrix products, and the "machine".
    """
    # Here, so that the process that only starts others loads no torch.
    from zsseg.bench.machine import describe_machine
    from zsseg.bench.models import MODELS, measure_model
    from zsseg.bench.start import measure_starts
    from zsseg.bench.timing import Clock

    clock = Clock(repeats)
    memory: dict[str, float | None] = {}
    if part == START:
        rows = list(measure_starts(clock))
    else:
        # From the right, since "vit-b16" has a dash of its own.
        size, _, method = part.rpartition("-")
        rows, memory = measure_model(part, MODELS[size](method), clock)
    found = {"rows": [row.as_dict() for row in rows], "memory_gb": memory}
    return {**found, "gflops": clock.gflops, "machine": describe_machine()}


def measure(parts: Sequence[str], repeats: int, report: Callable[[str], object]) -> dict[str, Any]:
    """Measure parts one after the other and put them together.

    Args:
        parts: some of `PARTS`; the training is left out where this installation has none.
        repeats: how often each step is timed, at least 1.
        report: called with a line before each part.

    Returns:
        "machine", "rows", and by part "gflops" and "memory_gb".

    Raises:
        UserError: a part failed.
    """
    whole: dict[str, Any] = {"machine": {}, "gflops": {}, "memory_gb": {}, "rows": []}
    for part, module in _modules(parts):
        report(f"{part} ...")
        found = _in_own_process(part, module, repeats)
        whole["machine"] = found["machine"]
        whole["gflops"][part] = found["gflops"]
        whole["memory_gb"][part] = found["memory_gb"]
        whole["rows"] += found["rows"]
    return whole


def _modules(parts: Sequence[str]) -> Iterator[tuple[str, str]]:
    for part in parts:
        if part != TRAINING:
            yield part, "zsseg.bench"
        elif find_spec("training") is not None and find_spec("training.bench") is not None:
            yield part, "training.bench"  # the training commands are beside the package in a clone, and not in a wheel


def _in_own_process(part: str, module: str, repeats: int) -> dict[str, Any]:
    # The module of the training has other uses too; that of the package has the parts.
    which = ["--rows"] if part == TRAINING else [part]
    command = [sys.executable, "-m", module, *which, str(repeats)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        reason = result.stderr.strip().splitlines() or [f"exit code {result.returncode}"]
        # The last line of a traceback says what happened.
        raise UserError(f"The part {part} could not be measured: {reason[-1]}")
    found: dict[str, Any] = json.loads(result.stdout)
    return found
