"""OpenAI's ViT-B/16 as a backbone, and over it two models that need no training.

The file may be open_clip's (`open_clip_model.safetensors`), a state dict of PyTorch, or OpenAI's own archive, which is
opened only if it is the published one to the last byte: TorchScript has no reader that is made for strange files.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from zsseg.errors import UserError, reason_of
from zsseg.files import atomic_path, file_sha256
from zsseg.models import TrainingFreeConfig, build_clip
from zsseg.text.templates import SINGLE_TEMPLATE
from zsseg.weights.backbone import read_normalisation, save_backbone
from zsseg.weights.metadata import HEADER_KEY, Metadata, to_json
from zsseg.weights.released.listing import CLIP_FILES, CLIP_VIT_B16, VALUES_SUFFIX
from zsseg.weights.search import CONFIG_FILE, SUFFIX

BACKBONE = "ViT-B-16"
"""Name of the backbone's folder, which the papers' recipes look for."""

VIT_B16: dict[str, Any] = {
    "model_cfg": {
        "embed_dim": 512,
        "quick_gelu": True,
        "vision_cfg": {"image_size": 224, "layers": 12, "width": 768, "head_width": 64, "patch_size": 16},
        "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 512, "heads": 8, "layers": 12},
    },
    "preprocess_cfg": {"mean": [0.48145466, 0.4578275, 0.40821073], "std": [0.26862954, 0.26130258, 0.27577711]},
}
"""OpenAI's ViT-B/16, which both papers use: `open_clip_config.json`. Source: openai/CLIP and open_clip 3.3."""

_SIZE, _STRIDE = 512, 426  # as both papers and MaskCLIP see photos
_NUMBERS = ("input_resolution", "context_length", "vocab_size")  # of OpenAI's archive; no tensors of the model


@dataclass(frozen=True)
class ClipModels:
    """What `import_clip` wrote: the backbone's folder, and the two models over it."""

    backbone: Path
    plain: Path
    values: Path


def import_clip(source: Path, out: Path) -> ClipModels:
    """Write the backbone `ViT-B-16` and two models over it that need no training.

    `clip-vit-b16` is the cosine of patch tokens and text; `clip-vit-b16-values` replaces the last layer's attention by
    its values, as MaskCLIP does.

    Args:
        source: a file, or a folder with open_clip's files or OpenAI's.
        out: folder of the results.

    Raises:
        UserError: there are no weights, they are of another model, or their activation is not QuickGELU.
    """
    file, config = _weights_file(source), VIT_B16
    if (file.parent / CONFIG_FILE).is_file():
        _check_config(file.parent / CONFIG_FILE, config)
    clip = build_clip(config)
    try:
        # Strict: the tensors decide, whatever a configuration says. open_clip's names are OpenAI's, none changes.
        clip.load_state_dict(_state_dict(file))
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"{file} is not {CLIP_VIT_B16.title} ({reason}): download it again.") from error
    _check_finite(clip.state_dict(), file)
    # In fp32, so that the backbone is the published one to the last bit that the file had.
    sha256 = save_backbone(clip, config, out / BACKBONE, torch.float32)
    plain = _write_model(out, CLIP_VIT_B16.name, TrainingFreeConfig(), sha256)
    values = _write_model(out, CLIP_VIT_B16.name + VALUES_SUFFIX, TrainingFreeConfig(value_only=True), sha256)
    return ClipModels(out / BACKBONE, plain, values)


def _weights_file(source: Path) -> Path:
    """The file of weights that `source` is or holds."""
    if source.is_file():
        return source
    for name in CLIP_FILES:
        if (source / name).is_file():
            return source / name
    raise UserError(f"There is no file {source}, and no folder of that name with {' or '.join(CLIP_FILES)}.")


def _check_config(path: Path, expected: Mapping[str, Any]) -> None:
    """Compare the sizes and the activation that a folder states with those that the weights must have.

    Raises:
        UserError: another model, or an activation that these weights were not trained with.
    """
    try:
        stated = json.loads(path.read_text(encoding="utf-8"))["model_cfg"]
        encoders = {key: dict(stated[key]) for key in ("vision_cfg", "text_cfg")}
        quick_gelu, dim = stated.get("quick_gelu", False), stated["embed_dim"]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{path} is no configuration of open_clip ({error!r:.80}): download it again.") from error
    if quick_gelu is not True:
        raise UserError(
            f"{path} says quick_gelu {json.dumps(quick_gelu)}, but OpenAI trained these weights with QuickGELU: any "
            'other activation gives wrong answers. Take the "-quickgelu" variant of the model.'
        )
    wanted = expected["model_cfg"]
    different = [
        f"{encoder} {name}"
        for encoder, sizes in encoders.items()
        for name, value in sizes.items()
        if wanted[encoder].get(name, value) != value
    ]
    if different or dim != wanted["embed_dim"]:
        what = ", ".join(different) or "embed_dim"
        raise UserError(f"{path} is of another model than {CLIP_VIT_B16.title} ({what} differs).")


def _state_dict(file: Path) -> dict[str, Tensor]:
    """Read the tensors of a file in fp32.

    Raises:
        UserError: it cannot be read, or is an archive that is not the published one.
    """
    try:
        if file.suffix == ".safetensors":
            # Safetensors hold no code, so any such file may be opened.
            content: Any = load_file(file)
        elif file_sha256(file) in {place.sha256 for place in CLIP_VIT_B16.places if place.sha256}:
            # TorchScript can run code: this line sees only the archive that OpenAI published.
            content = torch.jit.load(file, map_location="cpu").state_dict()  # type: ignore[no-untyped-call]
        else:
            # `weights_only` refuses every object but tensors and plain containers.
            content = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # on a foreign file torch's readers fail in every way there is
        raise UserError(f"{file} cannot be read as weights of CLIP ({reason_of(error)}): download it again.") from error
    state = content.get("state_dict", content) if isinstance(content, Mapping) else {}
    if not state or not all(isinstance(value, Tensor) for value in state.values()):
        raise UserError(f"{file} holds no state dict: download it again.")
    if not all(value.is_floating_point() for name, value in state.items() if name not in _NUMBERS):
        raise UserError(f"{file} holds weights that are no fractions: download it again.")
    # OpenAI stores fp16; the encoders here run in fp32.
    return {name: value.float() for name, value in state.items() if name not in _NUMBERS}


def _check_finite(state: Mapping[str, Tensor], file: Path) -> None:
    bad = [name for name, value in state.items() if value.is_floating_point() and not value.isfinite().all()]
    # CLIP's attention mask of texts is a buffer that is not saved, so no infinity is legitimate here.
    if bad or not math.isfinite(float(state["logit_scale"])):
        raise UserError(f"{file} is damaged ({bad[0]} is not finite): download it again.")


def _write_model(out: Path, name: str, config: TrainingFreeConfig, sha256: str) -> Path:
    """Write a model without tensors: a header only."""
    mean, std = read_normalisation(out / BACKBONE)
    metadata = Metadata(
        name, config.method, "training-free", config, BACKBONE, sha256, SINGLE_TEMPLATE, mean, std, _SIZE, _STRIDE,
        recipe=f"{CLIP_VIT_B16.title}, not trained further",
    )  # fmt: skip
    path = out / f"{name}{SUFFIX}"
    with atomic_path(path) as partial:
        # A file like those of trained heads, so that lists and the loader need no special case.
        save_file({}, partial, {HEADER_KEY: to_json(metadata)})
    return path
