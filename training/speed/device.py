"""Clocks, memory, precisions and matrix products of one device."""

import platform
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

import torch

from zsseg.bench.machine import describe_machine, peak_memory_gb

StepPrecision = Literal["fp32", "tf32", "bf16"]
"""fp32 everywhere; products with factors of 10 bits, on NVIDIA GPUs; bf16 autocast of the network."""

_DTYPES: dict[StepPrecision, torch.dtype] = {"fp32": torch.float32, "tf32": torch.float32, "bf16": torch.bfloat16}
_TRIES = 8


def precisions(device: torch.device) -> tuple[StepPrecision, ...]:
    """The precisions that a device has."""
    return ("fp32", "tf32", "bf16") if device.type == "cuda" else ("fp32", "bf16")


def describe(device: torch.device) -> dict[str, object]:
    """Name and versions of a device, for the record beside the figures."""
    if device.type != "cuda":
        return describe_machine()
    card = torch.cuda.get_device_properties(device)
    return {
        "card": card.name,
        "memory_gb": round(card.total_memory / 1e9, 1),
        "torch": torch.__version__,
        "cuda": torch.version.cuda,
        "python": platform.python_version(),
    }


def synchronize(device: torch.device) -> None:
    """Wait until the device has finished its work; a CPU always has."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def seconds_on(device: torch.device, call: Callable[[], object]) -> float:
    """Wall time of a call, up to the end of its work on the device."""
    synchronize(device)
    began = time.perf_counter()
    call()
    synchronize(device)
    return time.perf_counter() - began


@contextmanager
def product_precision(precision: StepPrecision) -> Iterator[None]:
    """Allow factors of 10 bits in fp32 products and convolutions inside the block for "tf32", and forbid them else."""
    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    before = matmul.allow_tf32, cudnn.allow_tf32
    matmul.allow_tf32 = cudnn.allow_tf32 = precision == "tf32"
    try:
        yield
    finally:
        matmul.allow_tf32, cudnn.allow_tf32 = before


def product_gflops(device: torch.device, side: int) -> dict[str, float]:
    """GFLOP/s of the product of two square random matrices, the best of several, by precision.

    Args:
        device: where.
        side: of the matrices; large enough that the device is busy.
    """
    found: dict[str, float] = {}
    for precision in precisions(device):
        left, right = (torch.randn(side, side, device=device, dtype=_DTYPES[precision]) for _ in range(2))
        with product_precision(precision):
            # The first also loads the kernel, so the least of all is taken.
            seconds = min(seconds_on(device, lambda a=left, b=right: a @ b) for _ in range(_TRIES))  # type: ignore[misc]
        found[precision] = 2 * side**3 / seconds / 1e9
    return found


def forget_peak(device: torch.device) -> None:
    """Count the memory peak from here on; a CPU's counts from the start of the process."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)


def peak_gb(device: torch.device) -> float | None:
    """The most memory in use at a time, in GB of 10^9 bytes: of tensors on a GPU, of the process on a CPU."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e9
    return peak_memory_gb()
