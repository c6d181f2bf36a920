"""Import open_clip beside a CPU build of torch, and without torch's compiler.

The registry's torchvision wheel is built against the CUDA build of torch. Next to a CPU build its
compiled operators do not load, and ``import torchvision`` (hence ``import open_clip``) stops with
"operator torchvision::nms does not exist". Nothing here calls those operators, so declaring their
schemas is enough for the import to go through.

One module of torchvision asks torch's compiler for a small function, and so loads all of it, which takes longer than
torch itself. Here the compiler is loaded when that function is called.
"""

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import torch

# open_clip has no type annotations that hold: its models, encoders, blocks and tokenizer are typed as Any.
OpenClip = Any

_COMPILER_UTILS = "torch._dynamo.utils"
_SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)


def import_open_clip() -> ModuleType:
    """Return the ``open_clip`` module; a missing-operator error of torchvision is worked around if it occurs.

    Raises:
        RuntimeError: any other failure of the import, unchanged.
    """
    with _compiler_later():
        return _import_with_operators()


def _import_with_operators() -> ModuleType:
    try:
        return importlib.import_module("open_clip")
    except RuntimeError as error:
        if "operator torchvision::" not in str(error):
            raise
    # Only after the first failure: where the operators exist, declaring them again is an error.
    library = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]
    for schema in _SCHEMAS:
        library.define(schema)  # type: ignore[no-untyped-call]
    module = importlib.import_module("open_clip")
    # The schemas live as long as the Library object that declared them.
    module._zsseg_torchvision_schemas = library  # type: ignore[attr-defined]
    return module


@contextmanager
def _compiler_later() -> Iterator[None]:
    """In the block, importing from `torch._dynamo.utils` gives a function that loads the real module when called."""
    stand_in: Any = ModuleType(_COMPILER_UTILS)
    stand_in.is_compile_supported = _is_compile_supported
    if sys.modules.setdefault(_COMPILER_UTILS, stand_in) is not stand_in:  # the compiler is loaded already
        yield
        return
    try:
        yield
    finally:
        del sys.modules[_COMPILER_UTILS]


def _is_compile_supported(device: Any) -> Any:  # noqa: ANN401
    # By now the stand-in is out of `sys.modules`, so this import finds the real module.
    return importlib.import_module(_COMPILER_UTILS).is_compile_supported(device)


def import_timm() -> ModuleType:
    """Return the ``timm`` module, which open_clip depends on and which imports torchvision as well."""
    import_open_clip()
    return importlib.import_module("timm")
