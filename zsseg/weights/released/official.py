"""Released ZegCLIP and CLIP-RC files as our checkpoints: explicit renames, folds and drops, then a strict load.

Two things are folded: the first layer's prompts and the deeper layers' become one tensor, and the class token's second
addition (the published code adds the class embedding twice) goes into the first row of the position embedding.
"""

import math
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from zsseg.errors import UserError, reason_of
from zsseg.files import check_file, safe_name
from zsseg.layers.imagenet import MEAN_255, STD_255
from zsseg.models import Backbone, ClipRCConfig, ModelConfig, SegmentationModel, ZegCLIPConfig, build_clip, build_model
from zsseg.text.class_lists import DATASETS
from zsseg.text.templates import SCENE_TEMPLATES, SINGLE_TEMPLATE
from zsseg.weights.backbone import save_backbone
from zsseg.weights.backbone_config import check_config
from zsseg.weights.checkpoint import save_checkpoint
from zsseg.weights.metadata import Metadata, Setting
from zsseg.weights.released.jittor import read_jittor
from zsseg.weights.released.official_names import clip_name, head_name, is_dropped
from zsseg.weights.search import SUFFIX

_FIRST_PROMPTS, _DEEP_PROMPTS = "backbone.prompt_embeddings", "backbone.deep_prompt_embeddings"
_CLASS_TOKEN, _RECOVERY = "backbone.class_embedding", "recovery."
_HEAD_WIDTH = 64  # channels per attention head, in both encoders and in the decoder
_MOST_SHARED = 2  # tensors may share what is stored; in the released files none do
_LOGIT_SCALE = math.log(100)  # CLIP's; the released files do not hold it, and neither method uses it


@dataclass(frozen=True)
class ConvertedOfficial:
    """A released state dict in our names.

    Attributes:
        config: sizes of the head, read off the shapes.
        clip_config: what goes into the backbone's `open_clip_config.json`.
        backbone: state dict of the open_clip model, fp32.
        head: state dict of the head, fp32.
        dropped: names of entries that are known to change no output.
        folded: names of entries that went into another tensor.
        unknown: names of entries that this program does not know; they were left out.
    """

    config: ModelConfig
    clip_config: dict[str, Any]
    backbone: dict[str, Tensor]
    head: dict[str, Tensor]
    dropped: tuple[str, ...]
    folded: tuple[str, ...]
    unknown: tuple[str, ...]

    @property
    def has_recovery(self) -> bool:
        """False where the file has no recovery decoder: ZegCLIP's never has, CLIP-RC's is not needed for masks."""
        return any(name.startswith(_RECOVERY) for name in self.head)


def convert_state_dict(state: Mapping[str, Tensor]) -> ConvertedOfficial:
    """Rename, fold and drop; the method and all sizes are read off names and shapes.

    Raises:
        UserError: neither method's state dict, or weights that are not finite or no fractions.
    """
    try:
        # Missing entries fail in here, so that a file of another program is refused before anything is built.
        config, clip_config = _head_config(state), _clip_config(state)
        head = {"encoder.prompts.embeddings": torch.cat([state[_FIRST_PROMPTS], state[_DEEP_PROMPTS]]).float()}
        positions = state["backbone.positional_embedding"].float().clone()
        # Upstream's [CLS] enters as 2 * class_embedding + positions[0]; ours adds the embedding once. Region tokens
        # have a tensor of their own in the file and are not touched.
        positions[0] += state[_CLASS_TOKEN]
    except (KeyError, IndexError, ValueError, RuntimeError) as error:
        raise UserError(f"This is no checkpoint of ZegCLIP or CLIP-RC ({error}): give a released .pth file.") from error
    # Of ZegCLIP's last layer only the attention's queries and keys act on the masks.
    scores_layer = config.decoder_layers - 1 if config.method == ZegCLIPConfig.method else None
    backbone, dropped, unknown = {"logit_scale": torch.tensor(_LOGIT_SCALE)}, [], []
    for name, value in state.items():
        if target := clip_name(name):
            backbone[target] = _weights(name, value)
        elif is_dropped(name, scores_layer):
            dropped.append(name)
        elif target := head_name(name, scores_layer):
            head[target] = _weights(name, value)
        elif name not in (_FIRST_PROMPTS, _DEEP_PROMPTS):
            unknown.append(name)
    backbone["visual.positional_embedding"] = positions
    folded = (_CLASS_TOKEN, _FIRST_PROMPTS, _DEEP_PROMPTS)
    return ConvertedOfficial(config, clip_config, backbone, head, tuple(dropped), folded, tuple(unknown))


def _weights(name: str, value: Tensor) -> Tensor:
    try:
        is_good = value.is_floating_point() and bool(value.float().isfinite().all())
    except RuntimeError:  # kinds of tensors that know no such function
        is_good = False
    if not is_good:
        raise UserError(f"The file is damaged ({name} has values that are not finite fractions): download it again.")
    return value.float()


def build_official(converted: ConvertedOfficial, name: str = "official", sha256: str = "") -> SegmentationModel:
    """Build the model and load every tensor strictly; evaluation mode, fp32.

    A missing recovery decoder, which masks do not need, becomes zeros: it then recovers nothing, visibly.

    Raises:
        UserError: an entry that inference needs is missing, or one has another shape.
    """
    try:
        check_config(converted.clip_config, sum(value.nbytes for value in converted.backbone.values()))
        clip = build_clip(converted.clip_config)
        clip.load_state_dict(converted.backbone)
        model = build_model(converted.config, Backbone(clip, name, sha256))
        # Zeros, not a random start: what is shown must not look like something that was learned.
        absent = {} if converted.has_recovery else _zeros_like(model.state_dict(), _RECOVERY)
        model.load_state_dict({**absent, **converted.head})
    except (RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())[:300]
        raise UserError(f"The checkpoint is incomplete or of another shape ({reason}): download it again.") from error
    return model.eval()


def import_official(
    path: Path,
    out: Path,
    *,
    name: str | None = None,
    setting: Setting = "inductive",
    vocabulary: str | None = None,
    dtype: torch.dtype = torch.float32,
) -> Path:
    """Turn a released file into a checkpoint and, beside it, a backbone folder; return the checkpoint's path.

    Args:
        path: the released file: .pth of PyTorch, or .pkl of Jittor.
        out: folder for the results; heads with the same CLIP weights share one backbone folder there.
        name: of the checkpoint; without it the file's own, without its ending.
        setting: how it was trained, which no file says; the published seen penalty is 0.1, and 0 unless inductive.
        vocabulary: key of `zsseg.text.class_lists.DATASETS`; without it the one whose configurations have as many
            prompts as the file: 10 for PASCAL VOC, 100 for COCO-Stuff.
        dtype: of the stored tensors; fp16 halves the size and moves scores a little.

    Raises:
        UserError: the file cannot be read, is no released checkpoint, or the name cannot be that of a file.
    """
    if name is not None and name != safe_name(name):
        raise UserError(f"{name!r:.60} cannot be the name of a file: call the checkpoint {safe_name(name)!r}, say.")
    return write_imported(path, out, name or safe_name(path.stem), setting, vocabulary, dtype)


def write_imported(
    path: Path, out: Path, name: str, setting: Setting, vocabulary: str | None, dtype: torch.dtype = torch.float32
) -> Path:
    """As `import_official`, under any name: one that begins with a dot is not listed among the checkpoints."""
    state = _read_state_dict(path)
    converted = convert_state_dict(state)
    model = build_official(converted)
    out.mkdir(parents=True, exist_ok=True)
    backbone, sha256 = _write_backbone(model.backbone, converted.clip_config, out, dtype)
    metadata = _metadata(converted, name, setting, vocabulary)
    metadata = replace(metadata, backbone=backbone, backbone_sha256=sha256, recipe=f"imported from {path.name}")
    target = out / f"{metadata.name}{SUFFIX}"
    save_checkpoint(model, metadata, target, dtype)
    return target


def _read_state_dict(path: Path) -> Mapping[str, Tensor]:
    if path.suffix == ".pkl":
        return read_jittor(path)
    try:
        check_file(path)
        # Never more than tensors and plain containers: an unpickled file could run anything.
        content = torch.load(path, map_location="cpu", weights_only=True)
    except UserError:
        raise
    except FileNotFoundError as error:
        raise UserError(f"There is no file {path}: check the name.") from error
    except Exception as error:  # on a foreign file torch's reader fails in every way there is, KeyError included
        raise UserError(f"{path} cannot be read as a checkpoint ({reason_of(error)}): download it again.") from error
    state = content.get("state_dict", content) if isinstance(content, Mapping) else None
    if not isinstance(state, Mapping) or not all(isinstance(value, Tensor) for value in state.values()):
        raise UserError(f"{path} holds no state dict: give a released .pth file.")
    _check_stored(state, path)
    return state


def _check_stored(state: Mapping[str, Tensor], path: Path) -> None:
    """Refuse tensors larger than their stored data: strides can repeat a few bytes to any size.

    Raises:
        UserError: there are such, or tensors of a kind that no released file has.
    """
    kinds = {(value.layout, value.device.type, value.is_quantized, value.is_complex()) for value in state.values()}
    if kinds - {(torch.strided, "cpu", False, False)}:
        raise UserError(f"{path} holds tensors of a rare kind: download it again.")
    if sum(value.numel() * value.element_size() for value in state.values()) > _MOST_SHARED * path.stat().st_size:
        raise UserError(f"{path} declares larger tensors than it holds: download it again.")


def _write_backbone(backbone: Backbone, config: dict[str, Any], out: Path, dtype: torch.dtype) -> tuple[str, str]:
    """Write both encoders into a folder that is named by its content; return (folder's name, sha256)."""
    with tempfile.TemporaryDirectory(dir=out) as partial:
        sha256 = save_backbone(backbone.clip, config, Path(partial) / "backbone", dtype)
        folder = out / f"clip-{sha256[:12]}"
        if not folder.exists():
            (Path(partial) / "backbone").rename(folder)
    return folder.name, sha256


def _metadata(converted: ConvertedOfficial, name: str, setting: Setting, vocabulary: str | None) -> Metadata:
    """What the published configurations say and the file does not."""
    # The published recipes have 10 prompts on VOC and 100 on COCO-Stuff; the file says nothing else of its data.
    few_prompts = converted.config.prompts <= 10
    seen, unseen = DATASETS[vocabulary or ("voc20-papers" if few_prompts else "coco171")]
    if setting == "fully-supervised":  # every class had masks, so none is unseen and none has to be held back
        seen, unseen = (*seen, *unseen), ()
    return Metadata(
        name=name,
        method=converted.config.method,
        setting=setting,
        config=converted.config,
        backbone="",
        backbone_sha256="",
        templates=SINGLE_TEMPLATE if few_prompts else SCENE_TEMPLATES,
        # ImageNet's, not CLIP's, as in the published configurations.
        mean=MEAN_255,
        std=STD_255,
        size=512,
        stride=426,
        seen=seen,
        unseen=unseen,
        seen_penalty=0.1 if setting == "inductive" else 0.0,
        recovery_target="prompted" if converted.has_recovery else None,
        pseudo_label_where="unseen_pixels" if setting == "transductive" else None,
    )


def _head_config(state: Mapping[str, Tensor]) -> ModelConfig:
    # Only CLIP-RC has region tokens: the entry decides which method the file is of.
    regions = len(state.get("backbone.region_level_bridge", ()))
    stack = "decode_head.decoder_q" if regions else "decode_head.decoder_1"
    ffn, dim = state[f"{stack}.layers.0.linear1.weight"].shape
    kind = ClipRCConfig if regions else ZegCLIPConfig
    return kind(
        prompts=state[_FIRST_PROMPTS].shape[1],
        regions=regions,
        decoder_layers=_count(state, stack + ".layers"),
        decoder_heads=dim // _HEAD_WIDTH,
        decoder_ffn=ffn,
    )


def _clip_config(state: Mapping[str, Tensor]) -> dict[str, Any]:
    width, _, _, patch = state["backbone.conv1.weight"].shape
    # The first row is the class token's; the released files have 1025 rows, a grid of 32 x 32.
    side = math.isqrt(len(state["backbone.positional_embedding"]) - 1)
    vocabulary, text_width = state["text_encoder.token_embedding.weight"].shape
    vision = {
        "image_size": side * patch,
        "layers": _count(state, "backbone.transformer.resblocks"),
        "width": width,
        "head_width": _HEAD_WIDTH,
        "patch_size": patch,
    }
    text = {
        "context_length": len(state["text_encoder.positional_embedding"]),
        "vocab_size": vocabulary,
        "width": text_width,
        "heads": text_width // _HEAD_WIDTH,
        "layers": _count(state, "text_encoder.transformer.resblocks"),
    }
    dim = state["backbone.proj"].shape[1]
    model = {"embed_dim": dim, "quick_gelu": True, "vision_cfg": vision, "text_cfg": text}
    mean, std = ([value / 255 for value in values] for values in (MEAN_255, STD_255))
    return {"model_cfg": model, "preprocess_cfg": {"mean": mean, "std": std}}


def _count(state: Mapping[str, Tensor], prefix: str) -> int:
    """Number of layers whose entries begin with `prefix`."""
    pattern = re.compile(re.escape(prefix) + r"\.(\d+)\.")
    return 1 + max((int(match[1]) for name in state if (match := pattern.match(name))), default=-1)


def _zeros_like(state: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name: torch.zeros_like(value) for name, value in state.items() if name.startswith(prefix)}
