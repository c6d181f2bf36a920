"""A pickle can run any program when it is read. No door here reads one: nothing runs, and a sentence says no.

A door is every place that reads a file which somebody else may have written.
"""

import io
import json
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.tiny import tiny_backbone, tiny_checkpoint
from tests.training.core.test_engine import make_recipe
from training.core.state import read_state
from zsseg.analysis.ground_truth import read_truth
from zsseg.cli.main import main
from zsseg.errors import UserError
from zsseg.export.manifest import read_manifest
from zsseg.image.load import load_image
from zsseg.weights.backbone import WEIGHTS_FILE, load_backbone
from zsseg.weights.checkpoint import load_checkpoint
from zsseg.weights.metadata import from_json, read_metadata, to_json
from zsseg.weights.released.clip import import_clip
from zsseg.weights.released.jittor import read_jittor
from zsseg.weights.released.official import import_official
from zsseg.weights.search import list_checkpoints


class Touch:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str]]:
        return Path.touch, (Path(self.path),)


def malicious(marker: Path) -> dict[str, bytes]:
    """The same trap in every wrapping that torch, numpy and pickle know."""
    trap = Touch(marker)
    new, old, array = io.BytesIO(), io.BytesIO(), io.BytesIO()
    torch.save({"state_dict": trap}, new)
    torch.save({"state_dict": trap}, old, _use_new_zipfile_serialization=False)
    np.save(array, np.array([trap], dtype=object))
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("scores.npy", array.getvalue())
    return {
        "pickle": pickle.dumps(trap),
        "torch": new.getvalue(),
        "legacy torch": old.getvalue(),
        "npy": array.getvalue(),
        "npz": packed.getvalue(),
    }


WRAPPINGS = ("pickle", "torch", "legacy torch", "npy", "npz")


@pytest.fixture(params=WRAPPINGS)
def trap(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, bytes]:
    """What the trap would make, and the bytes of the trap."""
    marker = tmp_path / "the-trap-ran"
    return marker, malicious(marker)[request.param]


def test_the_trap_works_where_it_is_unpickled(tmp_path: Path) -> None:
    marker = tmp_path / "the-trap-ran"
    contents = malicious(marker)
    readers: dict[str, Callable[[bytes], object]] = {
        "pickle": pickle.loads,
        "torch": lambda data: torch.load(io.BytesIO(data), weights_only=False),
        "legacy torch": lambda data: torch.load(io.BytesIO(data), weights_only=False),
        "npy": lambda data: np.load(io.BytesIO(data), allow_pickle=True),
        "npz": lambda data: np.load(io.BytesIO(data), allow_pickle=True)["scores"],
    }
    for name in WRAPPINGS:
        readers[name](contents[name])
        assert marker.exists(), name
        marker.unlink()


@pytest.mark.parametrize("suffix", [".pth", ".pkl", ".bin", ".pt", ".safetensors"])
def test_importers(trap: tuple[Path, bytes], tmp_path: Path, suffix: str) -> None:
    marker, data = trap
    source = tmp_path / f"released{suffix}"
    source.write_bytes(data)
    refused = r"cannot be read|no state dict"
    of_pth = r"cannot be read as a checkpoint|no state dict"
    with pytest.raises(UserError, match=of_pth if suffix == ".pth" else refused) as problem:
        import_official(source, tmp_path / "out")
    with pytest.raises(UserError, match=refused) as other:
        import_clip(source, tmp_path / "out")
    # torch's own sentence tells how to read the file without the protection.
    assert "weights_only" not in f"{problem.value} {other.value}"
    with pytest.raises(UserError, match=refused):
        read_jittor(source)
    assert not marker.exists()
    assert not (tmp_path / "out").exists()


def test_saved_training(trap: tuple[Path, bytes], tmp_path: Path) -> None:
    marker, data = trap
    path = tmp_path / "state.pt"
    path.write_bytes(data)
    with pytest.raises(UserError, match="damaged"):
        read_state(path, make_recipe("zegclip"))
    assert not marker.exists()


def test_head_in_the_weights_folder(trap: tuple[Path, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    marker, data = trap
    good = tiny_checkpoint(tmp_path, "zegclip")
    bad = tmp_path / "bad.safetensors"
    bad.write_bytes(data)
    (tmp_path / "head.pth").write_bytes(data)
    (tmp_path / "pytorch_model.bin").write_bytes(data)
    monkeypatch.setattr("zsseg.weights.search.checkpoint_folders", lambda: [])
    listed = dict(list_checkpoints(str(tmp_path)))
    assert isinstance(listed[bad], UserError)
    assert set(listed) == {good, bad}  # what is no safetensors is not even looked at
    with pytest.raises(UserError, match="damaged"):
        load_checkpoint(bad)
    assert not marker.exists()


@pytest.mark.parametrize("file", ["open_clip_config.json", WEIGHTS_FILE])
def test_backbone_folder(trap: tuple[Path, bytes], tmp_path: Path, file: str) -> None:
    marker, data = trap
    folder = tiny_backbone(tmp_path)
    (folder / file).write_bytes(data)
    with pytest.raises(UserError, match="damaged"):
        load_backbone(folder)
    assert not marker.exists()


def test_manifest(trap: tuple[Path, bytes], tmp_path: Path) -> None:
    marker, data = trap
    path = tmp_path / "recipe.json"
    path.write_bytes(data)
    with pytest.raises(UserError, match="cannot be read"):
        read_manifest(path)
    assert not marker.exists()


def test_photo_and_mask(trap: tuple[Path, bytes]) -> None:
    marker, data = trap
    with pytest.raises(UserError, match="not a picture"):
        load_image(data)
    with pytest.raises(UserError, match="not a picture"):
        read_truth(data, ["dog"], size=(32, 32))
    assert not marker.exists()


def test_shell(
    trap: tuple[Path, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    marker, data = trap
    path = tmp_path / "thing.safetensors"
    path.write_bytes(data)
    monkeypatch.setenv("ZSSEG_WEIGHTS", str(tmp_path))
    assert main(["info", "--weights", str(tmp_path)]) in (0, 2)
    assert main(["segment", str(path), "--seen", "dog", "--out", str(tmp_path / "out")]) != 0
    assert main(["import-official", str(path), "--out", str(tmp_path / "out")]) != 0
    assert "Traceback" not in capsys.readouterr().err
    assert not marker.exists()


def test_a_header_is_data_only(tmp_path: Path) -> None:
    """JSON that asks for a class or a file by name is refused as an unknown field; nothing is looked up by it."""
    fields = json.loads(to_json(read_metadata(tiny_checkpoint(tmp_path, "zegclip"))))
    for extra in ({"__reduce__": ["os.system", "true"]}, {"config": {**fields["config"], "_target_": "os.system"}}):
        with pytest.raises(ValueError, match="_"):
            from_json(json.dumps({**fields, **extra}))
