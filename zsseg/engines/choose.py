"""The engine "auto": times the candidates once on this machine, and remembers which was fastest."""

import json
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import ParamSpec, TypeVar

import torch

from zsseg.engines.base import Engine
from zsseg.files import cache_folder, write_text
from zsseg.models import Backbone
from zsseg.version import __version__

_P = ParamSpec("_P")
_R = TypeVar("_R")

GAIN = 0.9
"""A less exact engine is taken only where it needs at most this share of the time of a more exact one."""

_REPEATS = 2


class Auto(Engine):
    """Passes steps on to the fastest of several engines, chosen at the first step.

    Args:
        backbone: whose image encoder is timed.
        size: side in pixels of the square of noise that it is timed with.
        engines: the candidates by name, the most exact first.
    """

    def __init__(self, backbone: Backbone, size: int, engines: Mapping[str, Engine]) -> None:
        self._backbone = backbone
        self._size = size
        self._engines = engines
        self._chosen: Engine | None = None
        self._lock = threading.Lock()

    @property
    def name(self) -> str:  # type: ignore[override]
        """Name of the engine that was chosen."""
        return self.chosen.name

    @property
    def chosen(self) -> Engine:
        """The engine that all steps are passed to; measured first if this machine does not know it yet."""
        # Several threads can ask first: one measures, the others wait for its choice.
        with self._lock:
            if self._chosen is None:
                self._chosen = self._engines[self._choose()]
            return self._chosen

    @property
    def exact(self) -> Engine:
        """The exact engine of the chosen one."""
        return self.chosen.exact

    def run(self, step: Callable[_P, _R], *inputs: _P.args, **options: _P.kwargs) -> _R:
        """Run a step by the chosen engine; see `Engine.run`."""
        return self.chosen.run(step, *inputs, **options)

    def _choose(self) -> str:
        if len(self._engines) == 1:
            return next(iter(self._engines))
        return _memory().get(self._key(), tuple(self._engines), self._measure)

    def _key(self) -> str:
        """What the choice depends on: the machine, the libraries, the candidates, the size of the encoder and photo."""
        vit, flags = self._backbone, torch.backends.cpu.get_cpu_capability()
        machine = f"{_processor()} {flags} {torch.get_num_threads()} threads"
        encoder = f"{type(vit.visual.conv1).__name__} {vit.width}x{vit.depth} {self._size}px"
        return f"zsseg {__version__}, torch {torch.__version__}, {machine}, {encoder}, {' '.join(self._engines)}"

    def _measure(self) -> str:
        # The caller's random numbers stay as they are.
        with torch.random.fork_rng():
            torch.manual_seed(0)
            pixels = torch.randn(1, 3, self._size, self._size)
        return fastest({name: self._seconds(engine, pixels) for name, engine in self._engines.items()})

    @torch.inference_mode()
    def _seconds(self, engine: Engine, pixels: torch.Tensor) -> float:
        times, backbone = [], self._backbone
        # As `zsseg.image.encoder.ImageEncoder` does.
        first = engine.exact if backbone.has_exact_patches else engine
        for _ in range(1 + _REPEATS):  # the first also packs the weights
            start = time.perf_counter()
            engine.run(backbone.plain_tokens, first.run(backbone.embed_patches, pixels))
            times.append(time.perf_counter() - start)
        # The least: other processes only add time.
        return min(times[1:])


def fastest(seconds: Mapping[str, float]) -> str:
    """The name to choose, of seconds by name, the most exact first; at least one."""
    # Each has to beat the best so far, which is at least as exact.
    (chosen, least), *others = seconds.items()
    for name, taken in others:
        if taken < GAIN * least:
            chosen, least = name, taken
    return chosen


class Memory:
    """Choices in a file, for this user on this machine; where it cannot be written, until the process ends.

    Args:
        path: of the JSON file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._choices: dict[str, str] = {}
        self._lock = threading.Lock()

    def get(self, key: str, allowed: tuple[str, ...], measure: Callable[[], str]) -> str:
        """The remembered choice, if it is one of those allowed; else a measured one, which is then remembered."""
        with self._lock:
            found = self._choices.get(key) or self._read().get(key)
            # A file can hold anything: what is no candidate is measured again.
            if found not in allowed:
                found = measure()
                with suppress(OSError):
                    self._path.parent.mkdir(parents=True, exist_ok=True)
                    # Read once more, for another process may have written its choice meanwhile.
                    write_text(self._path, json.dumps({**self._read(), key: found}, indent=2) + "\n")
            self._choices[key] = found
            return found

    def _read(self) -> dict[str, str]:
        try:
            content = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError):  # not there yet, or damaged: measured again and replaced
            return {}
        return content if isinstance(content, dict) else {}


@cache
def _memory() -> Memory:
    return Memory(cache_folder() / "engines.json")


def _processor() -> str:
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    # No Linux, or a kernel without that line.
    import platform

    return platform.processor() or platform.machine()
