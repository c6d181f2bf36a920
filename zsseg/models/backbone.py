"""An open_clip model as a frozen pair of towers, and the folder it is kept in.

A folder holds `open_clip_config.json` (open_clip's own format: "model_cfg", "preprocess_cfg"; plus, for a
convolutional patch embedding, "stem": its inner channel counts, and "stem_dilations" of what follows; "window",
the side in pixels of what the tower sees best, where that is not its largest; and "antialias", true where photos are
to be shrunk by means over areas) and `open_clip_model.safetensors`, in
which matrices may be packed: 8-bit rows, each with a scale of its own.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from zsseg.compat import OpenClip, import_open_clip
from zsseg.errors import UserError
from zsseg.layers import ConvStem

CONFIG_FILE = "open_clip_config.json"
WEIGHTS_FILE = "open_clip_model.safetensors"
_TEXT_BATCH = 256
_ROWS, _SCALES = ".rows", ".scales"
_PACKED_FROM = 2**14  # numbers in a tensor that is worth packing


class Backbone(nn.Module):
    """The frozen image and text towers of one open_clip model; no gradient, evaluation mode.

    Args:
        clip: an open_clip.CLIP with its weights.
        name: the folder's name, for people.
        sha256: of the weights file, by which checkpoints recognise their backbone; empty for one that is in no file.
    """

    def __init__(self, clip: OpenClip, name: str, sha256: str = "") -> None:
        super().__init__()
        self.clip = clip.requires_grad_(False)
        self.name = name
        self.sha256 = sha256
        self.patch_size = int(clip.visual.patch_size[0])
        self.joint_dim = int(clip.visual.proj.shape[1])
        self.width = int(clip.visual.proj.shape[0])
        self.depth = len(clip.visual.transformer.resblocks)
        self.context_length = int(clip.context_length)
        self.eval()

    @property
    def visual(self) -> OpenClip:
        """The image tower, an open_clip VisionTransformer."""
        return self.clip.visual

    @torch.no_grad()
    def encode_text(self, texts: Sequence[str]) -> Tensor:
        """Unit-norm vectors (len(texts), D) of the texts as they are: no template is added, long ones are cut."""
        tokenize = _tokenizer()
        chunks = [texts[start : start + _TEXT_BATCH] for start in range(0, len(texts), _TEXT_BATCH)]
        device = self.visual.proj.device
        encoded = [self.clip.encode_text(tokenize(list(chunk), self.context_length).to(device)) for chunk in chunks]
        return F.normalize(torch.cat(encoded), dim=-1)

    def token_count(self, text: str) -> int:
        """Tokens of a text with its start and end marks; what exceeds `context_length` is cut by `encode_text`."""
        return self.piece_count(text) + 2

    def piece_count(self, text: str) -> int:
        """Pieces that the tokenizer breaks a text into; a common English word is one, a slip of the keys several."""
        return len(_tokenizer().encode(text))


@cache
def _tokenizer() -> OpenClip:
    return import_open_clip().tokenizer.SimpleTokenizer()


def build_clip(config: Mapping[str, Any]) -> OpenClip:
    """An untrained open_clip.CLIP.

    Args:
        config: what `open_clip_config.json` holds; "model_cfg" and, where there is one, "stem" are read.

    Raises:
        ValueError: the stem's patches are not as large as the tower's.
    """
    clip = import_open_clip().CLIP(**config["model_cfg"])
    if "stem" in config:
        side = 2 ** (len(config["stem"]) + 1)
        if (side, side) != tuple(clip.visual.patch_size):
            raise ValueError(f"the stem makes patches of {side} pixels, the tower wants {clip.visual.patch_size}")
        clip.visual.conv1 = ConvStem(config["stem"], clip.visual.transformer.width, config.get("stem_dilations", ()))
    return clip


def load_backbone(folder: Path) -> Backbone:
    """Read a backbone from its folder; half-precision weights are widened to fp32, and every tensor must match.

    Raises:
        UserError: a file is missing, damaged, or does not fit the other.
    """
    weights = folder / WEIGHTS_FILE
    for path in (folder / CONFIG_FILE, weights):
        if not path.is_file():
            raise UserError(f"The backbone {folder} has no {path.name}: copy the whole folder again.")
    try:
        clip = build_clip(json.loads((folder / CONFIG_FILE).read_text(encoding="utf-8")))
        clip.load_state_dict(_unpacked(load_file(weights)))
    except (SafetensorError, RuntimeError, ValueError, KeyError, TypeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(f"The backbone {folder} is damaged ({reason}): copy the whole folder again.") from error
    return Backbone(clip, folder.name, file_sha256(weights))


def save_backbone(
    clip: nn.Module,
    config: Mapping[str, Any],
    folder: Path,
    dtype: torch.dtype = torch.float16,
    pack: bool = False,
) -> str:
    """Write a backbone's folder and return the sha256 of its weights file.

    Args:
        clip: an open_clip.CLIP, as `build_clip` makes it.
        config: what goes into `open_clip_config.json`.
        folder: made where it does not exist.
        dtype: of the stored weights; fp32 for an exact copy.
        pack: store large matrices in 8 bits; each value moves by at most 1/254 of its row's largest.
    """
    folder.mkdir(parents=True, exist_ok=True)
    state = {name: value.detach().cpu() for name, value in clip.state_dict().items()}
    tensors: dict[str, Tensor] = {}
    for name, value in state.items():
        large = pack and value.ndim > 1 and value.numel() >= _PACKED_FROM
        tensors |= _packed(name, value) if large else {name: value.to(dtype).contiguous()}
    (folder / CONFIG_FILE).write_text(json.dumps(config, indent=1) + "\n", encoding="utf-8")
    partial = folder / (WEIGHTS_FILE + ".part")
    save_file(tensors, partial)
    partial.chmod(0o644)
    partial.replace(folder / WEIGHTS_FILE)
    return file_sha256(folder / WEIGHTS_FILE)


def _packed(name: str, matrix: Tensor) -> dict[str, Tensor]:
    """A tensor (R, ...) as int8 rows of the same shape and their fp32 scales (R,)."""
    rows = matrix.float().flatten(1)
    scales = rows.abs().amax(1).clamp(min=1e-12) / 127
    return {name + _ROWS: (rows / scales[:, None]).round().to(torch.int8).view_as(matrix), name + _SCALES: scales}


def _unpacked(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of a file, those whole again that were packed."""
    whole = {name: value for name, value in tensors.items() if not name.endswith((_ROWS, _SCALES))}
    for name in (key.removesuffix(_ROWS) for key in tensors if key.endswith(_ROWS)):
        rows = tensors[name + _ROWS].float()
        whole[name] = rows * tensors[name + _SCALES].view(-1, *[1] * (rows.ndim - 1))
    return whole


def file_sha256(path: Path) -> str:
    """The sha256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
