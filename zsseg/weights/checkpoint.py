"""The only reader and writer of heads' files: fp16 safetensors whose header says everything about them."""

import dataclasses
import json
import os
import tempfile
from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file

from zsseg.errors import UserError
from zsseg.image.windows import Layout
from zsseg.models import Backbone, Method, ModelConfig, SegmentationModel, build_model
from zsseg.weights.backbone import CONFIG_FILE, load_backbone
from zsseg.weights.hub import weights_folder

Setting = Literal["inductive", "transductive", "training-free", "fully-supervised"]

FORMAT_VERSION = 1
SUFFIX = ".safetensors"
WEIGHTS_VARIABLE = "ZSSEG_WEIGHTS"
_HEADER_KEY = "zsseg"


@dataclass(frozen=True)
class Metadata:
    """Where a head comes from and how it wants to be asked.

    Attributes:
        name: the file's name without its ending.
        method: as in `config`.
        setting: what training knew of the unseen classes.
        config: sizes of the head.
        backbone: name of the backbone's folder, beside the file.
        backbone_sha256: of the backbone's weights file.
        templates: texts with one `{}` for the class name; their vectors are averaged.
        mean: subtracted from red, green, blue, 0..255.
        std: then divided by.
        size: side of a window in pixels.
        stride: step between windows in pixels.
        antialias: photos are downscaled with area averaging; without it as published, see `zsseg.image.load.resize`.
        layout: how windows lie; see `zsseg.image.windows`.
        seen: names whose masks training saw.
        unseen: names that training had no mask of, and that evaluation asks.
        seen_penalty: subtracted from the sigmoid of seen classes, -1..1.
        threshold: largest sigmoid below which a pixel is none of the classes, 0..1.
        recovery_target: "clip" or "prompted": whose patch tokens the recovery decoder learned; None for ZegCLIP.
        pseudo_label_where: which pixels were pseudo-labelled; None for anything but transductive.
        data: data sets of the training.
        recipe: name of the training recipe.
        commit: of the code that trained it.
        scores: measured scores, 0..1, by name.
        created: date, ISO 8601.
    """

    name: str
    method: Method
    setting: Setting
    config: ModelConfig
    backbone: str
    backbone_sha256: str
    templates: tuple[str, ...]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    size: int
    stride: int
    antialias: bool = False
    layout: Layout = "sliding"
    seen: tuple[str, ...] = ()
    unseen: tuple[str, ...] = ()
    seen_penalty: float = 0.0
    threshold: float = 0.0
    recovery_target: str | None = None
    pseudo_label_where: str | None = None
    data: tuple[str, ...] = ()
    recipe: str = ""
    commit: str = ""
    scores: dict[str, float] = field(default_factory=dict)
    created: str = ""

    def __post_init__(self) -> None:
        if self.method != self.config.method:
            raise ValueError(f"method is {self.method} but config says {self.config.method}")
        if self.setting not in get_args(Setting):
            raise ValueError(f"unknown setting {self.setting!r}")
        if self.layout not in get_args(Layout):
            raise ValueError(f"unknown layout of windows {self.layout!r}")
        if not self.templates or any("{}" not in template for template in self.templates):
            raise ValueError("each template needs a {} for the class name")
        if len(self.mean) != 3 or len(self.std) != 3 or self.size < 1 or self.stride < 1:
            raise ValueError("mean and std need three values, size and stride must be positive")


def to_json(metadata: Metadata) -> str:
    """The header's text."""
    return json.dumps({"format_version": FORMAT_VERSION, **dataclasses.asdict(metadata)})


def from_json(text: str) -> Metadata:
    """Read a header's text; missing optional fields take their defaults.

    Raises:
        ValueError: not JSON, another format version, an unknown or missing field, or a value out of range.
    """
    fields: dict[str, Any] = json.loads(text)
    version = fields.pop("format_version", None)
    if version != FORMAT_VERSION:
        raise ValueError(f"format version {version} where this program reads {FORMAT_VERSION}")
    known = {item.name for item in dataclasses.fields(Metadata)}
    if unknown := sorted(fields.keys() - known):
        raise ValueError(f"unknown fields {', '.join(unknown)}")
    lists = {name: tuple(value) for name, value in fields.items() if isinstance(value, list)}
    try:
        return Metadata(**{**fields, **lists, "config": ModelConfig(**fields["config"])})
    except (TypeError, KeyError) as error:
        raise ValueError(f"incomplete metadata: {error}") from error


def checkpoint_folders() -> list[Path]:
    """Folders searched for weights, in order: $ZSSEG_WEIGHTS where set, then `checkpoints` beside or in the package.

    Raises:
        UserError: what $ZSSEG_WEIGHTS names cannot be had; see `zsseg.weights.hub.weights_folder` for what it may be.
    """
    package = Path(__file__).resolve().parents[1]
    override = os.environ.get(WEIGHTS_VARIABLE)
    folders = [weights_folder(override)] if override else []
    return [*folders, package.parent / "checkpoints", package / "checkpoints"]


def _search_folders(weights: str | None) -> Iterator[Path]:
    """Every folder to search; one by one, so that what is found early does not wait for, or fail with, the rest."""
    if weights:
        yield weights_folder(weights)
    yield from checkpoint_folders()


def find_checkpoint(name: str | Path, weights: str | None = None) -> Path:
    """The file of a head, given by its path or by its name in one of the folders searched.

    Args:
        name: a path, or the file's name with or without its ending.
        weights: searched before `checkpoint_folders`; what `zsseg.weights.hub.weights_folder` takes.

    Raises:
        UserError: there is none, or a place to search cannot be had.
    """
    direct = Path(name)
    if direct.is_file():
        return direct
    file = direct if direct.suffix == SUFFIX else Path(f"{name}{SUFFIX}")
    searched = []
    for folder in _search_folders(weights):
        if (folder / file).is_file():
            return folder / file
        searched.append(str(folder))
    raise UserError(
        f"There is no checkpoint {file} in {' or '.join(searched[:2])}: "
        f"train it, copy it there, or set {WEIGHTS_VARIABLE} to the folder that has it."
    )


def find_backbone(name: str) -> Path:
    """The folder of a backbone given by its path or its name under the checkpoint folders.

    Raises:
        UserError: there is none.
    """
    folders = [Path(name), *(folder / name for folder in checkpoint_folders())]
    for folder in folders:
        if (folder / CONFIG_FILE).is_file():
            return folder
    raise UserError(
        f"There is no backbone {name!r}: make it with training.pretrain, or give its folder with --backbone."
    )


def list_checkpoints(weights: str | None = None) -> list[tuple[Path, Metadata | UserError]]:
    """Every head in the folders searched, by name; a file that cannot be read comes with the reason.

    Of two files of one name the one in the folder searched first counts.

    Args:
        weights: searched before `checkpoint_folders`; what `zsseg.weights.hub.weights_folder` takes.

    Raises:
        UserError: a place to search cannot be had.
    """
    found: dict[str, Path] = {}
    for folder in _search_folders(weights):
        for path in sorted(folder.glob(f"*{SUFFIX}")):
            found.setdefault(path.stem, path)
    entries: list[tuple[Path, Metadata | UserError]] = []
    for _, path in sorted(found.items()):
        try:
            entries.append((path, read_metadata(path)))
        except UserError as error:
            entries.append((path, error))
    return entries


def read_metadata(path: str | Path) -> Metadata:
    """Read a head's header, not its tensors.

    Raises:
        UserError: no such file, not safetensors, or a header that does not hold what it must.
    """
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
        return from_json(header[_HEADER_KEY])
    except FileNotFoundError as error:
        raise UserError(f"There is no file {path}: check the name.") from error
    except KeyError as error:
        raise UserError(f"{path} is no checkpoint of this program: its header has no {_HEADER_KEY} entry.") from error
    except (SafetensorError, ValueError, OSError) as error:
        raise UserError(f"The checkpoint {path} is damaged ({error}): copy it again.") from error


def save_checkpoint(
    model: SegmentationModel, metadata: Metadata, path: Path, dtype: torch.dtype = torch.float16
) -> None:
    """Write a head; the file appears whole or not at all.

    Args:
        model: the head; its backbone is not written.
        metadata: goes into the header.
        path: ends in .safetensors.
        dtype: of the stored tensors; fp32 for an exact copy.
    """
    tensors = {name: value.detach().to("cpu", dtype).contiguous() for name, value in model.state_dict().items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, partial = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-")
    os.close(handle)
    try:
        save_file(tensors, partial, {_HEADER_KEY: to_json(metadata)})
        Path(partial).chmod(0o644)
        Path(partial).replace(path)
    finally:
        Path(partial).unlink(missing_ok=True)


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
    path = find_checkpoint(name_or_path)
    metadata = read_metadata(path)
    known = {} if backbones is None else backbones
    if metadata.backbone_sha256 not in known:
        known[metadata.backbone_sha256] = _load_backbone_of(path, metadata)
    try:
        model = build_model(metadata.config, known[metadata.backbone_sha256])
        model.load_state_dict(load_file(path))
    except (SafetensorError, RuntimeError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"The checkpoint {path} is damaged ({reason}): copy it again.") from error
    return model.eval(), metadata


def _load_backbone_of(path: Path, metadata: Metadata) -> Backbone:
    folder = next((folder for folder in _backbone_folders(path, metadata) if (folder / CONFIG_FILE).is_file()), None)
    if folder is None:
        raise UserError(
            f"The checkpoint {path.name} needs the backbone folder {metadata.backbone} beside it: copy that folder too."
        )
    backbone = load_backbone(folder)
    if backbone.sha256 != metadata.backbone_sha256:
        raise UserError(
            f"The backbone {folder} is not the one that {path.name} was trained on (its sha256 differs): "
            "copy both from the same place again."
        )
    return backbone


def _backbone_folders(path: Path, metadata: Metadata) -> Iterator[Path]:
    # Beside the file comes before where it leads: in the Hugging Face cache every file is a link into one heap.
    yield path.absolute().parent / metadata.backbone
    yield path.resolve().parent / metadata.backbone
    yield from (folder / metadata.backbone for folder in checkpoint_folders())
