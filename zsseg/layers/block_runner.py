"""Blocks of a network that an engine may run in its own way, such as compiled; all others run as they are written."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import ParamSpec, Protocol, TypeVar

import torch

_P = ParamSpec("_P")
_R = TypeVar("_R")


class BlockRunner(Protocol):
    """Runs a block function with its arguments, and returns what it returns."""

    def __call__(self, block: Callable[_P, _R], *inputs: _P.args, **options: _P.kwargs) -> _R:
        """Run it."""


# Of this thread's call alone, as torch keeps its own modes: other threads may use the same blocks meanwhile.
_RUNNER: ContextVar[BlockRunner | None] = ContextVar("zsseg block runner", default=None)


def block_function(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Mark a function or a method as a block: many layers call it with tensors of the same kind, and nothing else."""

    @wraps(function)
    def run(*inputs: _P.args, **options: _P.kwargs) -> _R:
        # A compiler that reads a whole model, as in training, must find the plain function here.
        runner = None if torch.compiler.is_compiling() else _RUNNER.get()
        return function(*inputs, **options) if runner is None else runner(function, *inputs, **options)

    return run


@contextmanager
def blocks_run_by(runner: BlockRunner) -> Iterator[None]:
    """In the block of this statement, and in this thread, `runner` runs all blocks."""
    token = _RUNNER.set(runner)
    try:
        yield
    finally:
        _RUNNER.reset(token)
