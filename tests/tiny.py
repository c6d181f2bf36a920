"""A backbone and heads small enough to build in every test; untrained, the same at every call."""

import dataclasses
from pathlib import Path
from typing import Any

import torch

from zsseg.models import Backbone, MethodConfig, SegmentationModel, build_clip, build_model, method_of
from zsseg.weights.backbone import load_backbone, save_backbone
from zsseg.weights.checkpoint import save_checkpoint
from zsseg.weights.metadata import Metadata

SIDE = 64
GRID = (4, 4)
CLIP_CONFIG: dict[str, Any] = {
    "model_cfg": {
        "embed_dim": 16,
        "vision_cfg": {"image_size": SIDE, "layers": 2, "width": 32, "head_width": 16, "patch_size": 16},
        "text_cfg": {"context_length": 16, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1},
    },
    "preprocess_cfg": {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]},
}


def tiny_config(method: str, **changes: object) -> MethodConfig:
    """Sizes of a tiny head."""
    regions = 4 if method == "clip_rc" else 0
    sizes: dict[str, Any] = {"prompts": 3, "regions": regions, "decoder_heads": 2, "decoder_ffn": 32}
    config = method_of(method).config
    own = {field.name for field in dataclasses.fields(config)}  # a method need not have all of these sizes
    return config(**{**{name: size for name, size in sizes.items() if name in own}, **changes})


def tiny_backbone(tmp_path: Path, stem: bool = False) -> Path:
    """Write a tiny backbone and return its folder, `tmp_path`/tiny-clip."""
    folder = tmp_path / "tiny-clip"
    config = {**CLIP_CONFIG, "stem": [8, 8, 16]} if stem else CLIP_CONFIG
    with torch.random.fork_rng():
        torch.manual_seed(0)
        save_backbone(build_clip(config), config, folder)
    return folder


def tiny_checkpoint(tmp_path: Path, method: str, **changes: object) -> Path:
    """Write a tiny head, and its backbone where `tmp_path` has none, and return the head's path.

    `changes` are fields of the metadata, `name` among them; "config" changes the head itself.
    """
    folder = tmp_path / "tiny-clip"
    backbone = load_backbone(folder if folder.exists() else tiny_backbone(tmp_path))
    metadata = tiny_metadata(backbone, method, **changes)
    path = tmp_path / f"{metadata.name}.safetensors"
    save_checkpoint(tiny_model(backbone, metadata.config), metadata, path)
    return path


def tiny_model(backbone: Backbone, config: MethodConfig) -> SegmentationModel:
    """A head whose outputs differ from class to class and patch to patch; evaluation mode."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        model = build_model(config, backbone).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim == 2:
                parameter.mul_(2.5)  # the usual initial values make all classes score nearly alike
    return model


def tiny_metadata(backbone: Backbone, method: str, **changes: object) -> Metadata:
    """Complete metadata for a tiny head."""
    fields: dict[str, Any] = {
        "name": f"{method}-tiny-inductive",
        "method": method,
        "setting": "inductive",
        "config": tiny_config(method),
        "backbone": "tiny-clip",
        "backbone_sha256": backbone.sha256,
        "templates": ("a photo of a {}",),
        "mean": (123.675, 116.28, 103.53),
        "std": (58.395, 57.12, 57.375),
        "size": SIDE,
        "stride": 48,
        "seen": ("dog", "person"),
        "unseen": ("cow", "sheep"),
        "seen_penalty": 0.1,
        "threshold": 0.0,
        "recovery_target": "clip" if method == "clip_rc" else None,
        "data": ("none",),
        "recipe": "untrained",
        "scores": {},
    }
    return Metadata(**{**fields, **changes})
