"""A backbone's folder: the only reader and writer of backbones' files.

A folder holds `open_clip_config.json` and `open_clip_model.safetensors`, and `trunks.safetensors` where the patch
embedding is made of pretrained networks. Matrices may be packed: 8-bit rows, each with a scale of its own.

The configuration is open_clip's own ("model_cfg", "preprocess_cfg") plus, where they differ from a plain CLIP:
"stem", the inner channels of a convolutional patch embedding, and "stem_dilations" of the residual layers after it;
"trunks", the arguments of `zsseg.layers.TrunkStem`; "window", the short side in pixels that photos are resized to;
"layout", how windows lie (`zsseg.image.windows`); "antialias", true where photos are downscaled with area averaging.
"""

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from zsseg.documents import load_json
from zsseg.errors import UserError
from zsseg.files import file_sha256
from zsseg.image import Layout
from zsseg.layers.imagenet import Triple
from zsseg.models.backbone import Backbone, build_clip
from zsseg.weights import packing
from zsseg.weights.backbone_config import check_config
from zsseg.weights.metadata import damaged
from zsseg.weights.search import CONFIG_FILE

WEIGHTS_FILE = "open_clip_model.safetensors"
TRUNKS_FILE = "trunks.safetensors"
# The frozen networks of a TrunkStem have a file of their own, to stay below a host's limit on file sizes.
_TRUNKS = ("visual.conv1.lite2.", "visual.conv1.vit.", "visual.conv1.reduce_")
_TRUNKS_SHA256 = "trunks_sha256"


def load_backbone(folder: Path) -> Backbone:
    """Read a backbone from its folder; half-precision weights are widened to fp32, and every tensor must match.

    Raises:
        UserError: a file is missing, damaged, or does not fit the others.
    """
    # Missing files are named; whatever else goes wrong below means that the folder is damaged.
    weights = folder / WEIGHTS_FILE
    for path in (folder / CONFIG_FILE, weights):
        if not path.is_file():
            raise UserError(f"The backbone {folder} has no {path.name}: copy the whole folder again.")
    try:
        # The model is built before the tensors are read: a configuration that makes no model fails quickly.
        config: Any = load_json((folder / CONFIG_FILE).read_bytes())
        check_config(config, sum(path.stat().st_size for path in folder.glob("*.safetensors")))
        clip = build_clip(config)
        tensors = packing.unpack(load_file(weights) | _read_trunks(weights))
        packing.check_values(tensors, clip.state_dict())
        # Strict: an entry too many is as suspicious as one that is missing.
        clip.load_state_dict(tensors)
        # The hash of the stored file and not of the tensors, so that a head can be matched without reading them.
        return Backbone(clip, folder.name, file_sha256(weights))
    except UserError:
        raise
    except Exception as error:  # foreign files fail in every way there is
        raise UserError(damaged("backbone", folder, error, "copy the whole folder again")) from error


def _read_trunks(weights: Path) -> dict[str, Tensor]:
    """The tensors of the trunks' file, if `weights` says that there is one; it names the sha256 that it must have."""
    with safe_open(weights, framework="pt") as file:
        # The header alone is read here, which takes no time in a file of any size.
        wanted = (file.metadata() or {}).get(_TRUNKS_SHA256)
    if wanted is None:
        return {}
    # Both files are one backbone: a stray trunks file from another folder would load without an error.
    trunks = weights.with_name(TRUNKS_FILE)
    if not trunks.is_file():
        raise UserError(f"The backbone {weights.parent} has no {TRUNKS_FILE}: copy the whole folder again.")
    if file_sha256(trunks) != wanted:
        raise ValueError(f"{TRUNKS_FILE} is not the one that {WEIGHTS_FILE} was saved with")
    return load_file(trunks)


def save_backbone(
    clip: nn.Module,
    config: Mapping[str, Any],
    folder: Path,
    dtype: torch.dtype = torch.float16,
    pack: bool = False,
) -> str:
    """Write a backbone's folder and return the sha256 of its weights file, which pins the trunks' file as well.

    The files are written elsewhere and then moved here, the weights last; earlier weights go first. A folder whose
    writing was stopped halfway is as it was, or has no weights: it is never a mixture of two backbones.

    Args:
        clip: an open_clip.CLIP, as `build_clip` makes it.
        config: what goes into `open_clip_config.json`.
        folder: made where it does not exist.
        dtype: of the stored weights; fp32 for an exact copy.
        pack: store large matrices in 8 bits; each value moves by at most 1/254 of its row's largest.
    """
    state = {name: value.detach().cpu() for name, value in clip.state_dict().items()}
    tensors = packing.pack(state, dtype) if pack else {n: packing.stored(v, dtype) for n, v in state.items()}
    folder.mkdir(parents=True, exist_ok=True)
    # On the same file system as the folder, so that moving the files there is a rename.
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as partial:
        _write(tensors, config, Path(partial))
        # Without weights a folder is refused: that holds until the new ones arrive, which come last.
        (folder / WEIGHTS_FILE).unlink(missing_ok=True)
        for name in (CONFIG_FILE, TRUNKS_FILE, WEIGHTS_FILE):
            if (Path(partial) / name).exists():
                (Path(partial) / name).replace(folder / name)
    return file_sha256(folder / WEIGHTS_FILE)


def _write(tensors: Mapping[str, Tensor], config: Mapping[str, Any], folder: Path) -> None:
    (folder / CONFIG_FILE).write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")
    trunks = {name: value for name, value in tensors.items() if name.startswith(_TRUNKS)}
    header = {}
    if trunks:
        save_file(trunks, folder / TRUNKS_FILE, {})
        # The trunks are written first, since the header of the weights holds their hash.
        header = {_TRUNKS_SHA256: file_sha256(folder / TRUNKS_FILE)}
    save_file({name: value for name, value in tensors.items() if name not in trunks}, folder / WEIGHTS_FILE, header)


@dataclass(frozen=True)
class BackboneDefaults:
    """The preprocessing of photos that a backbone's folder names.

    Attributes:
        mean: subtracted from red, green, blue, 0..255.
        std: then divided by.
        size: side of a window in pixels: the one that the folder names, else that of the image encoder.
        antialias: photos are downscaled with area averaging; see `zsseg.image.load.resize`.
        layout: how windows lie; see `zsseg.image.windows`.
    """

    mean: Triple
    std: Triple
    size: int
    antialias: bool
    layout: Layout


def read_defaults(folder: Path) -> BackboneDefaults:
    """Read the preprocessing of photos from a backbone's folder; open_clip's file has mean and std in 0..1.

    Raises:
        UserError: the folder has no mean or std, or values of a wrong type.
    """
    try:
        return _defaults(folder)
    except UserError:
        raise
    except Exception as error:  # any field may be of any type
        raise UserError(damaged("backbone", folder, error, "copy the whole folder again")) from error


def _defaults(folder: Path) -> BackboneDefaults:
    config: Any = load_json((folder / CONFIG_FILE).read_bytes())
    photos = config.get("preprocess_cfg", {})
    if not {"mean", "std"} <= photos.keys():
        raise UserError(f"{folder / CONFIG_FILE} has no preprocess_cfg with mean and std: add them.")
    # Our photos stay in 0..255 until they are normalised; open_clip divides by 255 first.
    mean, std = ([255 * float(v) for v in photos[key]] for key in ("mean", "std"))
    return BackboneDefaults(
        (mean[0], mean[1], mean[2]),
        (std[0], std[1], std[2]),
        int(config.get("window", config["model_cfg"]["vision_cfg"]["image_size"])),  # a plain CLIP's folder names none
        bool(config.get("antialias", False)),
        config.get("layout", "sliding"),
    )


def read_normalisation(folder: Path) -> tuple[Triple, Triple]:
    """Mean and std of a backbone, RGB, 0..255.

    Raises:
        UserError: the folder has none.
    """
    defaults = read_defaults(folder)
    return defaults.mean, defaults.std
