"""Import open_clip beside a CPU build of torch.

The registry's torchvision wheel is built against the CUDA build of torch. Next to a CPU build its
compiled operators do not load, and ``import torchvision`` (hence ``import open_clip``) stops with
"operator torchvision::nms does not exist". Nothing here calls those operators, so declaring their
schemas is enough for the import to go through.
"""

import importlib
from types import ModuleType
from typing import Any

import torch

# open_clip has no type annotations that hold: its models, encoders, blocks and tokenizer are typed as Any.
OpenClip = Any

_SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)


def import_open_clip() -> ModuleType:
    """Return the ``open_clip`` module, curing the missing-operator error when, and only when, it occurs.

    Raises:
        RuntimeError: any other failure of the import, unchanged.
    """
    try:
        return importlib.import_module("open_clip")
    except RuntimeError as error:
        if "operator torchvision::" not in str(error):
            raise
    library = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]
    for schema in _SCHEMAS:
        library.define(schema)  # type: ignore[no-untyped-call]
    module = importlib.import_module("open_clip")
    # The schemas live as long as the Library object that declared them.
    module._zsseg_torchvision_schemas = library  # type: ignore[attr-defined]
    return module


def import_timm() -> ModuleType:
    """Return the ``timm`` module, which open_clip depends on and which imports torchvision as well."""
    import_open_clip()
    return importlib.import_module("timm")
