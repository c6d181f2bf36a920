"""What is fuzzed: every reader of bytes or text that a stranger may have made, and what must hold of its result.

A reader answers, or refuses with a `UserError`. Anything else that it raises is a finding.
"""

import json
import struct
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl

import numpy as np
import torch

from tests.fuzz import http_target, seeds
from zsseg.analysis.ground_truth import NO_CLASS, read_truth
from zsseg.analysis.label_table import MAX_ID, parse_table
from zsseg.demo.actions import DisplaySettings
from zsseg.demo.link import MAX_LINK_TEXT, PENALTY_RANGE, read_query, write_query
from zsseg.errors import UserError
from zsseg.export.manifest import Manifest
from zsseg.image.load import load_image
from zsseg.text.vocabulary import MAX_NAMES, build_vocabulary, format_names, parse_names
from zsseg.weights.backbone import load_backbone, read_defaults
from zsseg.weights.checkpoint import load_checkpoint
from zsseg.weights.metadata import HEADER_KEY, from_json, read_metadata, to_json
from zsseg.weights.released.jittor import read_jittor
from zsseg.weights.released.official import import_official
from zsseg.weights.search import CONFIG_FILE

MAX_SIDE = 96
"""Photos are shrunk to this, so that an input takes milliseconds."""


@dataclass(frozen=True)
class Target:
    """One reader.

    Attributes:
        name: as the shell calls it.
        read: reads one input and asserts what must hold of the result.
        seeds: good inputs to begin with.
    """

    name: str
    read: Callable[[bytes], None]
    seeds: Callable[[], Sequence[bytes]]


def _image(data: bytes) -> None:
    rgb = load_image(data, MAX_SIDE)
    assert rgb.dtype == np.uint8
    assert rgb.ndim == 3
    assert rgb.shape[2] == 3
    assert 1 <= min(rgb.shape[:2]) <= max(rgb.shape[:2]) <= MAX_SIDE
    assert rgb.flags.owndata or rgb.base is not None


_NAMES = ("dog", "猫", "traffic light")


def _mask(data: bytes) -> None:
    for table in (None, "1: dog\n#ff0000: 猫\n2 = traffic light"):
        try:
            truth = read_truth(data, _NAMES, table, size=(24, 32))
        except ValueError:
            if table is not None:
                raise
            continue
        assert truth.labels.shape == (24, 32)
        assert truth.labels.min() >= NO_CLASS
        assert truth.labels.max() < len(_NAMES)
        assert all(0 < share <= 1 for share in truth.unmatched.values())


def _manifest(data: bytes) -> None:
    manifest = Manifest.from_json(data)
    text = manifest.to_json()
    assert Manifest.from_json(text) == manifest
    assert text.encode()
    for step in manifest.methods:
        assert Path(step.folder).name == step.folder
        assert step.folder not in ("", ".", "..")


def _link(data: bytes) -> None:
    fields = dict(parse_qsl(data.decode("utf-8", "replace"), keep_blank_values=True))
    shared = read_query(fields)
    assert all(0 <= value <= 1 for value in shared.thresholds.values())
    assert all(PENALTY_RANGE[0] <= value <= PENALTY_RANGE[1] for value in shared.penalties.values())
    assert shared.opacity is None or 0 <= shared.opacity <= 1
    assert shared.scene is None or 0 <= shared.scene < 10**10
    texts = [text or "" for text in (shared.seen, shared.unseen, shared.model)]
    assert max(map(len, texts)) <= MAX_LINK_TEXT
    settings = {"zegclip": (shared.thresholds.get("zegclip", 0.5), shared.penalties.get("zegclip", 0.0))}
    given = {"scene": shared.scene, "example": shared.example, "photo": shared.photo}
    picture = {name: str(value) for name, value in given.items() if value is not None}
    display = DisplaySettings(settings, shared.opacity or 0.0)
    again = read_query(dict(parse_qsl(write_query(*texts, display, picture)[1:], keep_blank_values=True)))
    assert (again.seen, again.unseen, again.model) == tuple(texts)
    assert (again.scene, again.example, again.photo) == (shared.scene, shared.example, shared.photo)


def _names(data: bytes) -> None:
    seen, _, unseen = data.decode("utf-8", "surrogateescape" if data[:1] == b"\xed" else "replace").partition("\x1f")
    vocabulary = build_vocabulary(seen, unseen)
    assert len(vocabulary.names) == len(vocabulary.seen) == len(vocabulary.synonyms) <= MAX_NAMES
    assert len({name.casefold() for name in vocabulary.names}) == len(vocabulary.names)
    groups = list(vocabulary.synonyms)
    assert parse_names(format_names(groups)) == groups
    assert build_vocabulary(format_names(groups)).synonyms == vocabulary.synonyms


def _table(data: bytes) -> None:
    table = parse_table(data.decode("utf-8", "replace"))
    assert all(0 <= key <= MAX_ID and names and all(names) for key, names in table.ids.items())
    assert all(0 <= key <= 0xFFFFFF and names and all(names) for key, names in table.colors.items())


def _with_file(name: str, data: bytes, read: Callable[[Path], None]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(data)
        read(path)


def _header(data: bytes) -> None:
    def read(path: Path) -> None:
        metadata = read_metadata(path)
        assert from_json(to_json(metadata)) == metadata

    _with_file("head.safetensors", data, read)


def _head(data: bytes) -> None:
    folder = seeds.weights_folder()
    path = folder / "fuzzed.safetensors"
    path.write_bytes(data)
    model, metadata = load_checkpoint(path)
    assert metadata.method == model.config.method
    assert all(torch.isfinite(value).all() for value in model.state_dict().values() if value.is_floating_point())


def _document(data: bytes) -> None:
    """The header of a head as a document: what describes the tensors, and our own entry, which is JSON in JSON."""
    try:
        document = json.loads(data)
        header = {**document["tensors"], "__metadata__": {HEADER_KEY: json.dumps(document["zsseg"])}}
        text = json.dumps(header).encode()
    except (ValueError, KeyError, TypeError, RecursionError):
        raise UserError("no document") from None
    _head(struct.pack("<Q", len(text)) + text + seeds.tensor_bytes())


def _config(data: bytes) -> None:
    """A backbone's configuration beside weights that are as they were."""
    folder = seeds.weights_folder() / "tiny-clip"
    path = folder / CONFIG_FILE
    good = path.read_bytes()
    path.write_bytes(data)
    try:
        load_backbone(folder)
        read_defaults(folder)
    finally:
        path.write_bytes(good)


def _import(path: Path) -> None:
    made = import_official(path, path.parent / "out", dtype=torch.float16)
    load_checkpoint(made)


def _pth(data: bytes) -> None:
    _with_file("released.pth", data, _import)


def _jittor(data: bytes) -> None:
    def read(path: Path) -> None:
        state = read_jittor(path)
        assert all(isinstance(value, torch.Tensor) for value in state.values())

    _with_file("released.pkl", data, read)


def _state(data: bytes) -> None:
    """A released state dict, changed as a list of steps says: the file is whole, and its content is not."""
    try:
        steps = json.loads(data)
    except (ValueError, RecursionError):
        raise UserError("no list of steps") from None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "released.pth"
        torch.save(seeds.changed_state(steps), path)
        _import(path)


TARGETS = {
    target.name: target
    for target in (
        Target("image", _image, seeds.images),
        Target("mask", _mask, seeds.masks),
        Target("manifest", _manifest, seeds.manifests),
        Target("link", _link, seeds.links),
        Target("names", _names, seeds.names),
        Target("table", _table, seeds.tables),
        Target("header", _header, seeds.headers),
        Target("head", _head, seeds.headers),
        Target("document", _document, seeds.documents),
        Target("config", _config, seeds.configs),
        Target("pth", _pth, seeds.released),
        Target("jittor", _jittor, seeds.jittor),
        Target("state", _state, seeds.steps),
        Target("http", http_target.read_request, http_target.requests),
    )
}
