"""Builds an engine from its name."""

from functools import cache

import torch

from zsseg.engines import AUTO, EAGER, engine_name
from zsseg.engines.base import Eager, Engine
from zsseg.engines.choose import Auto
from zsseg.engines.compiled import Compiled, has_compiler
from zsseg.engines.graphs import PACKAGES, check_packages
from zsseg.engines.onnx import Onnx
from zsseg.engines.packed import Packed, has_bf16, has_onednn
from zsseg.errors import UserError
from zsseg.models import Backbone


def build_engine(name: str | Engine, backbone: Backbone, size: int, device: torch.device) -> Engine:
    """The engine with this name, for models over one backbone.

    Args:
        name: one of `zsseg.engines.ENGINES`, or an engine, which is returned as it is.
        backbone: what "auto" measures, when its first step is run.
        size: side in pixels of the square that it measures with.
        device: where the models run; all engines but "eager" need a CPU, and "auto" is "eager" elsewhere.

    Raises:
        UserError: there is no such engine, or it cannot run here.
    """
    if isinstance(name, Engine):
        return name
    chosen = engine_name(name)
    if device.type != "cpu":
        if chosen not in (AUTO, EAGER):
            raise UserError(f"The engine {chosen} runs on CPU only: choose eager or auto on {device.type}.")
        return Eager()
    if chosen == AUTO:
        return Auto(backbone, size, {name: engine_of(name) for name in candidates()})
    return engine_of(chosen)


def candidates() -> tuple[str, ...]:
    """Names of the engines that "auto" chooses between on this machine, the most exact first.

    Not `onnx` and `compile`: tracing or compiling a model first takes longer than many photos, and
    docs/performance.md says what they gain.
    """
    if not has_onednn():
        return (EAGER,)
    # `fastest` relies on the order: a later one has to win clearly.
    return (EAGER, "packed", "bf16") if has_bf16() else (EAGER, "packed")


@cache
def engine_of(name: str) -> Engine:
    """One engine for the whole process, so that models share what it prepares of their common backbone.

    Raises:
        UserError: it cannot run on this machine.
    """
    if name == EAGER:
        return Eager()
    if name == "onnx":
        check_packages((*PACKAGES, "onnxruntime"), "The engine onnx")
        return Onnx()
    if name == "compile":
        # First, because it names its cache folder to torch, and torch uses the first that is named.
        compiled = Compiled()
        _check(has_compiler(), name, "a C++ compiler such as g++")
        return compiled
    _check(has_onednn(), name, "a torch with oneDNN")
    if name == "packed":
        return Packed(name, torch.float32)
    _check(has_bf16(), name, "a processor with bfloat16 instructions")
    # The `packed` of the whole process, so its weights are packed once.
    return Packed(name, torch.bfloat16, exact=engine_of("packed"))


def _check(is_there: bool, engine: str, need: str) -> None:
    if not is_there:
        raise UserError(f"The engine {engine} needs {need}, which is not here: choose eager or auto.")
