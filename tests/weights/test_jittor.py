"""The reader of Jittor's files: the same tensors as the writer's, and no way to run code or to reserve memory."""

import copyreg
import hashlib
import pickle
import struct
import sys
from collections import OrderedDict
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from tests.weights.test_official import METHODS, small_state
from zsseg.errors import UserError
from zsseg.weights.checkpoint import load_checkpoint
from zsseg.weights.released.jittor import read_jittor
from zsseg.weights.released.official import convert_state_dict, import_official

PROTO, STOP = b"\x80\x04", b"."


class Var:
    """Jittor's variable, as far as its pickle goes."""

    __module__ = "jittor"

    def __init__(self, data: np.ndarray) -> None:
        self.data = data

    def __reduce__(self) -> tuple[object, tuple[np.ndarray]]:
        return (Var, (self.data,))


@pytest.fixture(autouse=True)
def jittor(monkeypatch: pytest.MonkeyPatch) -> None:
    """The writer looks its class up in the module it names; the reader must do without, so only tests have it."""
    module = ModuleType("jittor")
    module.Var = Var  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "jittor", module)


def save(content: object, path: Path, mark: bool = True) -> Path:
    """What `jt.save` writes."""
    data = pickle.dumps(content, 4)
    path.write_bytes(data + hashlib.sha1(data).digest() + b"HCAJSLHD" if mark else data)
    return path


def arrays(method: str) -> dict[str, Any]:
    return {name: Var(value.numpy()) for name, value in small_state(method).items()}


@pytest.mark.parametrize("mark", [True, False])
def test_tensors_are_those_that_were_written(tmp_path: Path, mark: bool) -> None:
    content = {
        "meta": {"epoch": 3, "iter": np.float64(2.5), "config": "text", "names": ("a", None)},
        "model": OrderedDict(
            a=Var(np.arange(6, dtype=np.float32).reshape(2, 3)),
            b=Var(np.asfortranarray(np.arange(6, dtype=np.float16).reshape(2, 3))),
            c=np.array([True, False]),
            d=Var(np.arange(4)),
        ),
        "optimizer": {"lr": 1e-3, "moments": [np.zeros(2)]},
    }
    content["model"]["backbone.transformer.resblocks.0.attn_mask"] = Var(np.zeros((3, 3), np.float32))
    state = read_jittor(save(content, tmp_path / "a.pkl", mark))
    assert list(state) == ["a", "b", "c", "d"]
    for name, value in state.items():
        written = content["model"][name]
        assert torch.equal(value, torch.from_numpy(np.ascontiguousarray(getattr(written, "data", written))))


@pytest.mark.parametrize("method", METHODS)
def test_a_jittor_file_is_imported_like_a_torch_file(tmp_path: Path, method: str) -> None:
    source = save({"model": arrays(method)}, tmp_path / "voc.pkl")
    model, _ = load_checkpoint(import_official(source, tmp_path / "out"))
    expected = convert_state_dict(small_state(method)).head
    for name, value in model.state_dict().items():
        torch.testing.assert_close(value, expected[name].float(), rtol=0, atol=0)


RAN: list[str] = []


def danger(text: str) -> str:
    """What a hostile file wants to be called."""
    RAN.append(text)
    return text


class Reduce:
    def __init__(self, function: object, *arguments: object) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> Any:  # noqa: ANN401
        return self.call


def by_global(module: str, name: str, argument: str = "boom") -> bytes:
    """A call by the old instruction GLOBAL."""
    return PROTO + f"c{module}\n{name}\n(V{argument}\ntR".encode() + STOP


def by_instance(module: str, name: str) -> bytes:
    """A call by INST."""
    return PROTO + f"(Vboom\ni{module}\n{name}\n".encode() + STOP


def built_on(module: str, name: str) -> bytes:
    """BUILD on a name itself: sets attributes of what it stands for."""
    return PROTO + f"c{module}\n{name}\n(N}}V__setstate__\nVx\nsttb".replace("tt", "t").encode() + STOP


HOSTILE = {
    "system": by_global("os", "system"),
    "danger": by_global(__name__, "danger"),
    "inst": by_instance(__name__, "danger"),
    "builtins": by_global("builtins", "eval", "1"),
    "getattr": by_global("builtins", "getattr"),
    "numpy beside the list": by_global("numpy", "load"),
    "numpy runs strings": by_global("numpy.testing._private.utils", "runstring"),
    "dotted name": by_global("numpy", "dtype.mro"),
    "torch": by_global("torch", "load"),
    "pickle in a pickle": by_global("pickle", "loads"),
    "extension": PROTO + b"\x82\x07." + STOP,
    "persistent": PROTO + b"Pthing\n" + STOP,
    "build on a class": built_on("numpy", "dtype"),
    "build on dict": built_on("collections", "OrderedDict"),
    "build on a type": built_on("numpy", "ndarray"),
    "memory of a memo": PROTO + b"}r\xff\xff\xff\x7f" + b"q\x00" + STOP + b"x",
    "memory of a bytearray": PROTO + b"\x96" + struct.pack("<Q", 2**60) + STOP,
    "memory of bytes": PROTO + b"\x8e" + struct.pack("<Q", 2**60) + STOP,
    "empty": b"",
    "text": b"hello",
    "no end": PROTO + b"}",
    "a list": PROTO + b"]" + STOP,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_file_is_one_sentence_and_runs_nothing(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    RAN.clear()
    monkeypatch.setitem(copyreg._inverted_registry, 7, (__name__, "danger"))  # type: ignore[attr-defined]
    monkeypatch.setitem(copyreg._extension_cache, 7, danger)  # type: ignore[attr-defined]
    path = tmp_path / "hostile.pkl"
    path.write_bytes(HOSTILE[name])
    with pytest.raises(UserError, match=r"hostile\.pkl (cannot be read|holds no state dict)"):
        read_jittor(path)
    assert RAN == []


def test_the_hostile_calls_are_real() -> None:
    """Python's own reader runs them, so that the test above has something to prevent."""
    RAN.clear()
    pickle.loads(HOSTILE["danger"])
    pickle.loads(HOSTILE["inst"])
    assert RAN == ["boom", "boom"]


@pytest.mark.parametrize(
    "value",
    [
        Reduce(danger, "inside a state dict"),
        np.array([danger, None], dtype=object),
        np.array(["text"]),
        np.zeros(2, dtype=[("a", "f4")]),
        np.zeros(2, dtype=">f4"),
        np.datetime64("2020-01-01"),
        3.5,
        "text",
        None,
    ],
)
def test_entries_other_than_plain_arrays_are_refused(value: object, tmp_path: Path) -> None:
    RAN.clear()
    with pytest.raises(UserError, match="bad.pkl"):
        read_jittor(save({"model": {"a": value}}, tmp_path / "bad.pkl"))
    assert RAN == []


def test_array_of_another_size_than_it_says(tmp_path: Path) -> None:
    data = pickle.dumps({"a": np.zeros((2, 3), np.float32)}, 4)
    path = tmp_path / "short.pkl"
    path.write_bytes(data.replace(b"K\x02K\x03\x86", b"K\x02K\x04\x86"))
    with pytest.raises(UserError, match="reshape"):
        read_jittor(path)


def test_checksum(tmp_path: Path) -> None:
    path = save({"model": {"a": np.zeros(3)}}, tmp_path / "a.pkl")
    path.write_bytes(path.read_bytes().replace(b"model", b"Model"))
    with pytest.raises(UserError, match="checksum"):
        read_jittor(path)


def test_size_is_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zsseg.weights.released.jittor.LARGEST_PICKLE", 100)
    with pytest.raises(UserError, match="more than"):
        read_jittor(save({"model": {"a": np.zeros(300)}}, tmp_path / "a.pkl"))


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no file"):
        read_jittor(tmp_path / "gone.pkl")
