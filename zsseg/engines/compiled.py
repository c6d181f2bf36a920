"""The engine that compiles each kind of transformer block and decoder layer once, by torch's compiler for C++.

The compiler would read a whole model layer by layer, which takes it minutes. All layers of one shape share the code of
one block, and the parts between blocks take no time, so that they run as they are.
"""

import os
import shutil
import tempfile
import threading
import weakref
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import ParamSpec, TypeVar

import torch

from zsseg.engines.base import Engine
from zsseg.errors import UserError
from zsseg.files import cache_folder
from zsseg.layers import blocks_run_by

_P = ParamSpec("_P")
_R = TypeVar("_R")

CACHE_VARIABLE = "TORCHINDUCTOR_CACHE_DIR"
"""Environment variable by which torch's compiler finds the folder of what it compiled."""

# Programs of one block function: for each backbone, head and kind of mask, and apart for a single class. torch's own
# limit of 8 is too small for a process with several models.
_MOST_PROGRAMS = 64


class CompiledBlocks:
    """Compiles each block function at its first call.

    Args:
        compile_block: `torch.compile`, with other settings where they matter.
    """

    def __init__(self, compile_block: Callable[[Callable[..., object]], Callable[..., object]]) -> None:
        self._compile = compile_block
        self._compiled: dict[Callable[..., object], Callable[..., object]] = {}
        self._lock = threading.Lock()

    def run(self, block: Callable[_P, _R], *inputs: _P.args, **options: _P.kwargs) -> _R:
        """Run the compiled form of a block; see `zsseg.layers.blocks_run_by`."""
        with self._lock:
            if block not in self._compiled:
                self._compiled[block] = self._compile(block)
            compiled: Callable[_P, _R] = self._compiled[block]  # type: ignore[assignment]
        return compiled(*inputs, **options)


class Compiled(Engine):
    """Float32 by torch's compiler. Sizes are left open, so that a photo or a class list of another size costs nothing.

    What is compiled is kept in `~/.cache/zsseg/compile`, unless the environment names another folder.
    """

    name = "compile"

    def __init__(self) -> None:
        self._blocks = CompiledBlocks(
            partial(torch.compile, dynamic=True, fullgraph=True, options={"compile_threads": 1})
        )
        if (temporary := _keep_programs()) is not None:
            weakref.finalize(self, shutil.rmtree, temporary, ignore_errors=True)

    def run(self, step: Callable[_P, _R], *inputs: _P.args, **options: _P.kwargs) -> _R:
        """Run a step with compiled blocks; see `Engine.run`.

        Raises:
            UserError: a block cannot be compiled.
        """
        with torch.inference_mode(), blocks_run_by(self._run_block):
            return step(*inputs, **options)

    def _run_block(self, block: Callable[_P, _R], *inputs: _P.args, **options: _P.kwargs) -> _R:
        # Here and not above: it would load the compiler at every start.
        from torch._dynamo import config, exc

        try:
            with config.patch(recompile_limit=_MOST_PROGRAMS):
                return self._blocks.run(block, *inputs, **options)
        except (exc.TorchDynamoException, exc.FailOnRecompileLimitHit) as error:
            raise UserError(
                f"A part of this model cannot be compiled ({type(error).__name__}): choose another engine."
            ) from error


def _keep_programs() -> str | None:
    """Name the folder of compiled programs to torch; returns it where it is to be removed when the process ends."""
    if CACHE_VARIABLE in os.environ:
        return None
    folder, temporary = str(cache_folder() / "compile"), None
    try:
        # Programs are run: nobody else may write them.
        Path(folder).mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError:
        # The next process compiles again.
        folder = temporary = tempfile.mkdtemp(prefix="zsseg-compile-")
    os.environ[CACHE_VARIABLE] = folder
    return temporary


def has_compiler() -> bool:
    """Whether there is the C++ compiler that torch's compiler looks for: g++, or what the variable CXX names."""
    from torch._inductor.cpp_builder import get_cpp_compiler
    from torch._inductor.exc import InvalidCxxCompiler

    try:
        return bool(get_cpp_compiler())
    except (InvalidCxxCompiler, RuntimeError):
        return False
