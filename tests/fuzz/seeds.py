"""Good inputs, made by code: a fuzzer changes them a little, so that most of a reader's code is reached."""

import atexit
import hashlib
import io
import json
import pickle
import re
import shutil
import struct
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from tests.tiny import CLIP_CONFIG, tiny_checkpoint
from tests.weights.test_official import SMALL, entries

METHODS = ("zegclip", "clip_rc")
# Smaller still than the small models of the importer's tests: an input of 100 kB, not of 30 MB.
TINY = {**SMALL, 49408: 96, 77: 16, 768: 64, 3072: 256, 2304: 192}


def _photo(height: int = 23, width: int = 31) -> Image.Image:
    pixels = np.random.default_rng(7).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def _saved(image: Image.Image, kind: str, **options: Any) -> bytes:  # noqa: ANN401
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


@cache
def images() -> Sequence[bytes]:
    """Photos of every kind that is read, in most of the modes and compressions there are."""
    photo, grey = _photo(), _photo().convert("L")
    exif = Image.Exif()
    exif[0x0112] = 6
    made = [
        _saved(photo, kind) for kind in ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "PPM", "AVIF", "JPEG2000", "ICO", "TGA")
    ]
    made += [_saved(photo.convert(mode), "PNG") for mode in ("1", "L", "LA", "P", "RGBA", "I;16")]
    made += [_saved(photo, "PNG", interlace=1), _saved(photo, "PNG", exif=exif, icc_profile=b"\x00" * 200)]
    made += [
        _saved(photo, "JPEG", exif=exif, progressive=True),
        _saved(photo.convert("CMYK"), "JPEG"),
        _saved(grey, "JPEG"),
    ]
    made += [_saved(photo, "TIFF", compression=how) for how in ("tiff_lzw", "tiff_deflate", "packbits", "jpeg")]
    made += [_saved(Image.fromarray(np.arange(600, dtype=np.uint16).reshape(20, 30)), "TIFF")]
    made += [_saved(Image.fromarray(np.linspace(0, 1, 600, dtype=np.float32).reshape(20, 30)), "TIFF")]
    made += [_saved(photo, "GIF", save_all=True, append_images=[photo.rotate(90)], duration=5)]
    made += [_saved(photo, "WEBP", lossless=True), _saved(photo.convert("RGBA"), "TGA", compression="tga_rle")]
    return made


@cache
def masks() -> Sequence[bytes]:
    """Ids and colours, in every kind that keeps them."""
    ids = np.random.default_rng(3).integers(0, 4, (24, 32)).astype(np.uint8)
    palette = Image.fromarray(ids)
    palette.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0, 0, 0, 255])
    colors = Image.fromarray(np.where(ids[..., None] > 1, [255, 0, 0], [0, 0, 0]).astype(np.uint8))
    made = [_saved(Image.fromarray(ids), kind) for kind in ("PNG", "BMP", "TIFF", "PPM", "TGA", "GIF")]
    made += [_saved(image, "PNG") for image in (palette, colors, colors.convert("RGBA"), Image.fromarray(ids > 1))]
    made += [_saved(Image.fromarray(ids.astype(np.uint16)), kind) for kind in ("PNG", "TIFF")]
    return [*made, _saved(Image.fromarray(ids.astype(np.int32)), "TIFF"), _saved(colors, "JPEG")]


@cache
def manifests() -> Sequence[bytes]:
    """Answers of one and of two methods."""
    step = {
        "folder": "zegclip", "method": "zegclip", "checkpoint": "tiny", "sha256": "0" * 64, "backbone": "clip",
        "backbone_sha256": "f" * 64, "seen_penalty": 0.1, "threshold": 0.5, "opacity": 0.6,
    }  # fmt: skip
    photo = {"file_name": "cat.jpg", "height": 23, "width": 31, "pixels_sha256": "a" * 64}
    whole = {"format_version": 1, "version": "0.1", "photo": photo, "seen": ["cat | kitten"], "unseen": ["猫"]}
    methods = ([step], [step, {**step, "folder": "clip_rc", "method": "clip_rc", "sha256": ""}])
    return [json.dumps({**whole, "methods": steps}, indent=2).encode() for steps in methods]


@cache
def links() -> Sequence[bytes]:
    """Addresses after their question mark."""
    return [
        b"seen=cat+%7C+kitten&unseen=%E7%8C%AB&model=photos&opacity=0.6&threshold-zegclip=0.5&penalty-zegclip=-0.1",
        b"seen=&unseen=cow&scene=123&threshold-clip_rc=1e-3&penalty-clip_rc=nan&threshold-=0.1",
        b"",
    ]


@cache
def names() -> Sequence[bytes]:
    """The two boxes, with the separator of units between them."""
    return [
        "cat | kitten, dog; traffic light\nhot-dog\x1f猫, neko | Katze".encode(),
        '1. "cat", 2) dog\u2026 (animal)\u3001\u732b\uff0ca\u060cb\tc\x1fde\u0301a, \u200bx\u202e'.encode(),
        b"a,b,c,d,e,f,g,h | i | j\x1f",
    ]


@cache
def tables() -> Sequence[bytes]:
    """Every way to write a label table."""
    return [
        "1: cat | kitten\n#ff0000: dog\n255,0,0 = dog\n(0, 128, 0): 猫".encode(),
        b'{"1": "cat", "#00ff00": "dog"}',
        b'["background", "cat", "dog"]',
        b"background\ncat\ndog",
        b"voc20",
    ]


@cache
def weights_folder() -> Path:
    """A folder with a tiny backbone, deleted when the process ends."""
    folder = Path(tempfile.mkdtemp(prefix="zsseg-fuzz-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@cache
def headers() -> Sequence[bytes]:
    """Whole files of tiny heads, and such files whose header is all that is good."""
    whole = [tiny_checkpoint(weights_folder(), method).read_bytes() for method in ("zegclip", "clip_rc")]
    return [*whole, *map(_header_only, whole)]


def _header_only(data: bytes) -> bytes:
    """No tensors, so that a mutation hits the metadata."""
    (length,) = struct.unpack("<Q", data[:8])
    header = json.dumps({"__metadata__": json.loads(data[8 : 8 + length])["__metadata__"]}).encode()
    return struct.pack("<Q", len(header)) + header


@cache
def tensor_bytes() -> bytes:
    """What follows the header in a file of a tiny ZegCLIP."""
    data = headers()[0]
    return data[8 + struct.unpack("<Q", data[:8])[0] :]


@cache
def documents() -> Sequence[bytes]:
    """That header as one document."""
    data = headers()[0]
    header = json.loads(data[8 : -len(tensor_bytes())])
    return [json.dumps({"zsseg": json.loads(header.pop("__metadata__")["zsseg"]), "tensors": header}).encode()]


@cache
def configs() -> Sequence[bytes]:
    """The configuration of the tiny backbone, plain and with every entry of ours."""
    headers()  # writes the backbone
    whole = {**CLIP_CONFIG, "window": 64, "layout": "whole", "antialias": True}
    return [json.dumps(config).encode() for config in (CLIP_CONFIG, whole)]


@cache
def _released_state(method: str) -> dict[str, torch.Tensor]:
    """A state dict of the layout that ZegCLIP and CLIP-RC were released in; of the encoders two blocks each."""
    names = [(n, shape) for n, shape, _ in entries(method) if not re.search(r"resblocks\.([2-9]|1\d)\.", n)]
    chance = torch.Generator().manual_seed(0)
    return {n: torch.rand([TINY.get(size, size) for size in shape], generator=chance) for n, shape in names}


@cache
def released() -> Sequence[bytes]:
    """Such files in both of torch's file formats."""
    made = []
    for method in METHODS:
        file, is_new = io.BytesIO(), method == "clip_rc"
        content = {"state_dict": _released_state(method), "meta": {"epoch": 1}}
        torch.save(content, file, _use_new_zipfile_serialization=is_new)
        made.append(file.getvalue())
    return made


@cache
def jittor() -> Sequence[bytes]:
    """Files as Jittor writes them, with the checksum and without, so that a mutation need not guess it."""
    content = {
        "meta": {"epoch": 3, "rate": np.float64(0.5)},
        "model": {"a": np.zeros((2, 3), np.float32), "b": np.ones(2)},
    }
    data = pickle.dumps(content, 4)
    return [data, data + hashlib.sha1(data).digest() + b"HCAJSLHD", pickle.dumps(content["model"], 4)]


@cache
def steps() -> Sequence[bytes]:
    """Lists of what to change in a state dict: kind, entry, and a value; see `changed_state`."""
    lists = [
        [["method", 0, "zegclip"]],
        [["method", 0, "clip_rc"], ["drop", 3, None]],
        [["shape", 1, [2, 3]], ["shape", 0, [1]], ["rename", 5, "backbone.transformer.resblocks.7.ln_1.weight"]],
        [["expand", 2, [100000, 100000]], ["type", 4, "int8"], ["fill", 6, "nan"], ["value", 7, "text"]],
    ]
    return [json.dumps(made).encode() for made in lists]


def changed_state(changes: Any) -> dict[str, Any]:  # noqa: ANN401
    """A released state dict after these changes; what is no change is left out.

    Args:
        changes: a list of [kind, which entry, value], of which a fuzzer may have made anything.
    """
    lists = [c for c in changes if isinstance(c, list) and len(c) == 3] if isinstance(changes, list) else []
    first = [value for kind, _, value in lists if kind == "method" and value in METHODS]
    state: dict[str, Any] = dict(_released_state((first or [METHODS[0]])[0]))
    for kind, which, value in lists:
        if isinstance(kind, str) and isinstance(which, int) and kind in _CHANGES and state:
            name = list(state)[which % len(state)]
            with suppress(TypeError, ValueError, RuntimeError, OverflowError, AttributeError):
                _CHANGES[kind](state, name, value)
    return state


def _shape(value: Any) -> list[int]:  # noqa: ANN401
    return [min(abs(int(side)), 64) for side in value][:6]


_CHANGES: dict[str, Callable[[dict[str, Any], str, Any], object]] = {
    "drop": lambda state, name, _: state.pop(name),
    "shape": lambda state, name, value: state.update({name: torch.zeros(_shape(value))}),
    "expand": lambda state, name, value: state.update({name: torch.zeros(1).expand([abs(int(n)) for n in value])}),
    "rename": lambda state, name, value: state.update({str(value): state.pop(name)}),
    "type": lambda state, name, value: state.update({name: state[name].to(getattr(torch, value))}),
    "fill": lambda state, name, value: state.update({name: torch.full_like(state[name], float(value))}),
    "value": lambda state, name, value: state.update({name: value}),
}
