"""Device, rank and number of processes, and whether bf16 is faster than fp32 there."""

import os
import time
from dataclasses import dataclass
from functools import cache
from typing import Literal

import torch
import torch.distributed as dist

from zsseg.engines.devices import find_device

Precision = Literal["auto", "bf16", "fp32"]


@dataclass(frozen=True)
class DeviceContext:
    """The device and the rank of this process.

    Attributes:
        device: of all tensors.
        autocast: run the network in bf16.
        rank: of this process, 0..world_size-1.
        world_size: number of processes.
    """

    device: torch.device
    autocast: bool
    rank: int = 0
    world_size: int = 1

    @property
    def is_main(self) -> bool:
        """Whether this process writes files and draws the progress bar."""
        return self.rank == 0


def available_cores() -> int:
    """Processor cores that this process may use, at least 1; only Linux says if it is fewer than all."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def flush_denormals() -> None:
    """Let the CPU round numbers below 1e-38 to zero. Call it before the first parallel operation.

    Threads inherit the setting from the thread that starts them. Gradients of that size occur in every run and carry
    no information, but arithmetic on them made a step up to 20 times slower (training/LOG.md).
    """
    torch.set_flush_denormal(True)


def setup_device(precision: Precision, device: str | None = None) -> DeviceContext:
    """Choose CUDA if available, else the CPU. Under torchrun, join the process group.

    Args:
        precision: "auto" selects bf16 if the device computes it natively.
        device: overrides the automatic choice.

    Raises:
        UserError: there is no such device here.
    """
    flush_denormals()
    # Set by torchrun.
    rank, world_size = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
    kind = device or ("cuda" if torch.cuda.is_available() else "cpu")
    if kind == "cuda":
        # One process per GPU; LOCAL_RANK counts within one machine.
        kind = f"cuda:{os.environ.get('LOCAL_RANK', '0')}"
    chosen = find_device(kind)
    if world_size > 1 and not dist.is_initialized():
        dist.init_process_group("nccl" if kind.startswith("cuda") else "gloo")
    # What is called "cuda" without a number is this process's GPU from here on.
    if chosen.type == "cuda":
        torch.cuda.set_device(chosen)
    return DeviceContext(
        chosen, precision == "bf16" or (precision == "auto" and bf16_is_faster(chosen)), rank, world_size
    )


def teardown(context: DeviceContext) -> None:
    """Barrier, then destroy the process group. Does nothing in a single process."""
    if context.world_size > 1:
        # No process may exit while another one waits for it.
        dist.barrier()
        dist.destroy_process_group()


@cache
def bf16_is_faster(device: torch.device) -> bool:
    """Whether bf16 matrix products are faster than fp32 on this device.

    A CPU can support the instructions and still be slower with them (training/LOG.md), so a CPU is timed.
    """
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    if device.type != "cpu" or not torch.cpu._is_avx512_bf16_supported():
        return False
    # Clearly faster or not at all: at equal speed bf16 would only cost precision.
    return _seconds_of_product(torch.bfloat16) < 0.8 * _seconds_of_product(torch.float32)


def _seconds_of_product(dtype: torch.dtype, side: int = 1024, tries: int = 5) -> float:
    matrix = torch.ones(side, side, dtype=dtype)
    # The best of several: other processes can only slow it down, and the first try warms up.
    best = float("inf")
    for _ in range(tries):
        began = time.perf_counter()
        torch.mm(matrix, matrix)
        best = min(best, time.perf_counter() - began)
    return best
