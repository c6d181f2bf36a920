"""The methods over a frozen open_clip backbone. No class list is built in: text vectors are an input.

A name is imported with its first use: a program that only reads configurations does not wait for torch.
"""

import importlib
from typing import TYPE_CHECKING

from zsseg.models.config import ClipRCConfig, MethodConfig, ModelConfig, TrainingFreeConfig, ZegCLIPConfig
from zsseg.models.method import Method
from zsseg.models.registry import METHODS, build_model, method_of, register, registered, shown_methods

# For type checkers and editors alone: `__getattr__` below imports these names when the program first asks for one.
if TYPE_CHECKING:
    from zsseg.models.backbone import Backbone, build_clip
    from zsseg.models.base import PromptedModel, SegmentationModel
    from zsseg.models.clip_rc import ClipRC
    from zsseg.models.cosine_init import init_from_cosine
    from zsseg.models.outputs import ImageTokens, MaskOutput, Recovery
    from zsseg.models.prompted_vit import plain_image_tokens, plain_tokens
    from zsseg.models.training_free import TrainingFree
    from zsseg.models.zegclip import ZegCLIP

__all__ = [
    "METHODS",
    "Backbone",
    "ClipRC",
    "ClipRCConfig",
    "ImageTokens",
    "MaskOutput",
    "Method",
    "MethodConfig",
    "ModelConfig",
    "PromptedModel",
    "Recovery",
    "SegmentationModel",
    "TrainingFree",
    "TrainingFreeConfig",
    "ZegCLIP",
    "ZegCLIPConfig",
    "build_clip",
    "build_model",
    "init_from_cosine",
    "method_of",
    "plain_image_tokens",
    "plain_tokens",
    "register",
    "registered",
    "shown_methods",
]

# Where each lazy name lives; a name of `__all__` that is missing here and above would fail on first use only.
_HOME = {
    "Backbone": "zsseg.models.backbone",
    "ClipRC": "zsseg.models.clip_rc",
    "ImageTokens": "zsseg.models.outputs",
    "MaskOutput": "zsseg.models.outputs",
    "PromptedModel": "zsseg.models.base",
    "Recovery": "zsseg.models.outputs",
    "SegmentationModel": "zsseg.models.base",
    "TrainingFree": "zsseg.models.training_free",
    "ZegCLIP": "zsseg.models.zegclip",
    "build_clip": "zsseg.models.backbone",
    "init_from_cosine": "zsseg.models.cosine_init",
    "plain_image_tokens": "zsseg.models.prompted_vit",
    "plain_tokens": "zsseg.models.prompted_vit",
}


def __getattr__(name: str) -> object:
    """Import a public name from its module on first use."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)
