"""torch.compile: fuses the operations between matrix products; the first photo waits for the compiler."""

import threading
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar
from weakref import WeakKeyDictionary

import torch

from zsseg.engines.base import Engine

_P = ParamSpec("_P")
_R = TypeVar("_R")


class Compiled(Engine):
    """Compiles every step at its first use, for all sizes of photos and numbers of classes; on CPU, float32."""

    name = "compile"

    def __init__(self) -> None:
        # Weakly by model: what was compiled goes when the model goes.
        self._steps: WeakKeyDictionary[object, dict[str, Callable[..., Any]]] = WeakKeyDictionary()
        self._lock = threading.Lock()  # the compiler is not made for several threads

    def run(self, step: Callable[_P, _R], *inputs: _P.args, **options: _P.kwargs) -> _R:
        """Run a method compiled; see `Engine.run`."""
        owner, name = step.__self__, step.__name__  # type: ignore[attr-defined]
        with self._lock, torch.no_grad():
            steps = self._steps.setdefault(owner, {})
            if name not in steps:
                # Bound to the class: a compiled method would keep its model alive for ever.
                steps[name] = torch.compile(getattr(type(owner), name), dynamic=True)
            result: _R = steps[name](owner, *inputs, **options)
        return result
