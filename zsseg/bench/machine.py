"""Describes the machine that was measured."""

import os
import platform
import sys
from pathlib import Path
from typing import Any

import torch

from zsseg.version import __version__


def describe_machine() -> dict[str, Any]:
    """Processor, cores, threads, memory, system and versions, for the record beside the figures."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "memory_gb": _memory_gb(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "zsseg": __version__,
    }


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text(encoding="utf-8").splitlines() if cpuinfo.is_file() else []
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(models, platform.processor() or platform.machine())


def _memory_gb() -> float | None:
    meminfo = Path("/proc/meminfo")
    if not meminfo.is_file():
        return None
    # The first line is MemTotal, in kB.
    return round(int(meminfo.read_text(encoding="utf-8").split()[1]) / 2**20, 1)


def peak_memory_gb() -> float | None:
    """The most memory that this process has held so far, in GB of 10^9 bytes; None where the system does not tell."""
    try:
        import resource  # POSIX only
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # macOS counts bytes, Linux kB.
    return round(peak * (1 if sys.platform == "darwin" else 1024) / 1e9, 3)
