"""The two methods over a frozen open_clip backbone. Neither knows any word: text vectors are an input."""

from zsseg.models.backbone import Backbone, build_clip
from zsseg.models.base import SegmentationModel
from zsseg.models.clip_rc import ClipRC
from zsseg.models.config import Method, ModelConfig
from zsseg.models.cosine_init import init_from_cosine
from zsseg.models.outputs import ImageTokens, MaskOutput, Recovery
from zsseg.models.prompted_vit import plain_image_tokens, plain_tokens
from zsseg.models.zegclip import ZegCLIP


def build_model(config: ModelConfig, backbone: Backbone) -> SegmentationModel:
    """An untrained head of either method over `backbone`."""
    return {"zegclip": ZegCLIP, "clip_rc": ClipRC}[config.method](config, backbone)


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
