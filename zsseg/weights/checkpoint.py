"""The only reader and writer of heads' files: fp16 safetensors whose header says everything about them."""

from collections.abc import MutableMapping
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from zsseg.errors import UserError, check_type
from zsseg.files import atomic_path
from zsseg.models import Backbone, SegmentationModel, build_model
from zsseg.weights import packing
from zsseg.weights.backbone import load_backbone
from zsseg.weights.metadata import HEADER_KEY, Metadata, damaged, read_metadata, to_json
from zsseg.weights.search import find_backbone_of, find_checkpoint


def save_checkpoint(
    model: SegmentationModel, metadata: Metadata, path: Path, dtype: torch.dtype = torch.float16, pack: bool = False
) -> None:
    """Write a head; the write is atomic.

    Args:
        model: the head; its backbone is not written.
        metadata: goes into the header.
        path: ends in .safetensors.
        dtype: of the stored tensors; fp32 for an exact copy.
        pack: store large matrices in 8 bits; see `zsseg.weights.packing`.
    """
    state = {name: value.detach().cpu() for name, value in model.state_dict().items()}
    tensors = packing.pack(state, dtype) if pack else {n: packing.stored(v, dtype) for n, v in state.items()}
    _write(tensors, metadata, path)


def replace_metadata(path: Path, metadata: Metadata) -> None:
    """Replace a head's header; its stored tensors keep every bit."""
    _write(load_file(path), metadata, path)


def _write(tensors: dict[str, Tensor], metadata: Metadata, path: Path) -> None:
    # Another process may list checkpoints at this moment, and must never find half of one.
    with atomic_path(path) as partial:
        save_file(tensors, partial, {HEADER_KEY: to_json(metadata)})


def load_checkpoint(
    name_or_path: str | Path, backbones: MutableMapping[str, Backbone] | None = None
) -> tuple[SegmentationModel, Metadata]:
    """Read a head and its backbone, in evaluation mode, fp32, on the CPU.

    Args:
        name_or_path: as `find_checkpoint` takes it.
        backbones: backbones already read, by sha256; one that is missing is read and added, so that heads can share.

    Raises:
        UserError: a file is missing or damaged, or the backbone is not the one the head was trained on.
    """
    # The header first: it says which backbone is needed, and is read without the tensors.
    path = find_checkpoint(name_or_path)
    metadata = read_metadata(path)
    known = shared_backbones(backbones)
    if metadata.backbone_sha256 not in known:
        known[metadata.backbone_sha256] = _load_backbone_of(path, metadata)
    backbone = known[metadata.backbone_sha256]
    try:
        # Checked here, because the header alone does not know the patches of the backbone.
        if metadata.size % backbone.patch_size:
            raise ValueError(f"windows of {metadata.size} pixels do not hold whole patches of {backbone.patch_size}")
        model = build_model(metadata.config, backbone)
        tensors = packing.unpack(load_file(path))
        packing.check_values(tensors, model.state_dict())
        model.load_state_dict(tensors)
    except Exception as error:  # sizes that do not fit fail in torch in many ways
        raise UserError(damaged("checkpoint", path, error, "copy it again")) from error
    # Dropout would make every answer another one.
    return model.eval(), metadata


def shared_backbones(backbones: MutableMapping[str, Backbone] | None) -> MutableMapping[str, Backbone]:
    """The dictionary in which callers share backbones, or an empty one.

    Raises:
        UserError: it is something else.
    """
    check_type(backbones, MutableMapping | None, "backbones must be a dictionary, to be filled and shared")
    return {} if backbones is None else backbones


def _load_backbone_of(path: Path, metadata: Metadata) -> Backbone:
    folder = find_backbone_of(path, metadata)
    backbone = load_backbone(folder)
    if backbone.sha256 != metadata.backbone_sha256:
        raise UserError(
            f"The backbone {folder} is not the one that {path.name} was trained on (its sha256 differs): "
            "copy both from the same place again."
        )
    return backbone
