"""The two methods over a frozen open_clip backbone. Neither knows any word: text vectors are an input.

A name is imported with its first use: a program that only reads `ModelConfig` does not wait for torch.
"""

import importlib
from typing import TYPE_CHECKING

from zsseg.models.config import Method, ModelConfig

if TYPE_CHECKING:
    from zsseg.models.backbone import Backbone, build_clip
    from zsseg.models.base import SegmentationModel
    from zsseg.models.clip_rc import ClipRC
    from zsseg.models.cosine_init import init_from_cosine
    from zsseg.models.outputs import ImageTokens, MaskOutput, Recovery
    from zsseg.models.prompted_vit import plain_image_tokens, plain_tokens
    from zsseg.models.zegclip import ZegCLIP

__all__ = [
    "Backbone",
    "ClipRC",
    "ImageTokens",
    "MaskOutput",
    "Method",
    "ModelConfig",
    "Recovery",
    "SegmentationModel",
    "ZegCLIP",
    "build_clip",
    "build_model",
    "init_from_cosine",
    "plain_image_tokens",
    "plain_tokens",
]

_HOME = {
    "Backbone": "zsseg.models.backbone",
    "ClipRC": "zsseg.models.clip_rc",
    "ImageTokens": "zsseg.models.outputs",
    "MaskOutput": "zsseg.models.outputs",
    "Recovery": "zsseg.models.outputs",
    "SegmentationModel": "zsseg.models.base",
    "ZegCLIP": "zsseg.models.zegclip",
    "build_clip": "zsseg.models.backbone",
    "init_from_cosine": "zsseg.models.cosine_init",
    "plain_image_tokens": "zsseg.models.prompted_vit",
    "plain_tokens": "zsseg.models.prompted_vit",
}


def __getattr__(name: str) -> object:
    """Import a public name from its module when it is first asked for."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)


def build_model(config: ModelConfig, backbone: "Backbone") -> "SegmentationModel":
    """An untrained head of either method over `backbone`."""
    from zsseg.models.clip_rc import ClipRC
    from zsseg.models.zegclip import ZegCLIP

    return {"zegclip": ZegCLIP, "clip_rc": ClipRC}[config.method](config, backbone)
