"""kill -9 at any moment: what is found afterwards is whole, the old or the new, or says that it is neither."""

import json
import random
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.faults.conftest import Jobs
from tests.faults.jobs import VALUES
from tests.tiny import tiny_backbone
from tests.training.core.test_engine import make_recipe
from training.core.state import read_state
from zsseg.errors import UserError
from zsseg.weights.backbone import WEIGHTS_FILE, load_backbone, read_defaults
from zsseg.weights.checkpoint import load_checkpoint
from zsseg.weights.search import list_checkpoints

KILLS = 6


def checkpoint(folder: Path) -> None:
    model, metadata = load_checkpoint(folder / "head.safetensors")
    assert metadata.threshold in VALUES
    trained = set(model.trainable_names())
    for name, parameter in model.named_parameters():
        assert name not in trained or (parameter == metadata.threshold).all()


def backbone(folder: Path) -> None:
    """The configuration and the weights are two files: a pair that does not belong together must not load."""
    if not (folder / "clip" / WEIGHTS_FILE).exists():
        with pytest.raises(UserError, match="copy the whole folder again"):
            load_backbone(folder / "clip")
        return
    loaded = load_backbone(folder / "clip")
    (value,) = {round(value / 255, 6) for value in read_defaults(folder / "clip").mean}
    assert (loaded.clip.state_dict()["visual.proj"] == value).all()


def export(folder: Path) -> None:
    out = folder / "out"
    assert json.loads((out / "result.json").read_bytes())["model"] in {f"model-{value}" for value in VALUES}
    assert float(np.load(out / "scores.npz")["scores"][0, 0, 0]) in VALUES
    for name in ("labels.png", "overlay.png"):
        Image.open(out / name).load()


def archive(folder: Path) -> None:
    with zipfile.ZipFile(folder / "answer.zip") as found:
        assert found.testzip() is None
        manifest, result = (json.loads(found.read(name)) for name in ("recipe.json", "zegclip/result.json"))
    assert manifest["methods"][0]["checkpoint"] == result["model"]


def state(folder: Path) -> None:
    found = read_state(folder / "state.pt", make_recipe("zegclip"))
    value = found["progress"]["iteration"] / 100
    assert value in VALUES
    assert all((tensor == value).all() for tensor in found["model"].values() if tensor.is_floating_point())


def text(folder: Path) -> None:
    values = json.loads((folder / "scores.json").read_text())
    assert len(values) == 20_000
    assert len(set(values)) == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("writer", "check"),
    [
        ("checkpoint", checkpoint),
        ("backbone", backbone),
        ("export", export),
        ("zip", archive),
        ("state", state),
        ("json", text),
    ],
)
def test_what_is_found_after_a_kill_is_whole(
    jobs: Jobs, tmp_path: Path, writer: str, check: Callable[[Path], None]
) -> None:
    tiny_backbone(tmp_path)
    chance = random.Random(writer)
    for _ in range(KILLS):
        pid = jobs.start("write for ever", tmp_path, writer=writer)
        assert jobs.read() == {"ready": True}
        time.sleep(chance.uniform(0, 0.1))
        jobs.kill(pid)
        check(tmp_path)


def test_what_a_killed_writer_leaves_is_no_model(tmp_path: Path) -> None:
    (tmp_path / ".head-x1y2z3.safetensors").write_bytes(b"half of a head")
    assert str(tmp_path) not in {str(path.parent) for path, _ in list_checkpoints(str(tmp_path))}


@pytest.mark.parametrize("moves", range(3))
def test_a_backbone_that_was_half_moved_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moves: int) -> None:
    folder = tiny_backbone(tmp_path)
    real, moved = Path.replace, []

    def stop(path: Path, target: Path) -> Path:
        if len(moved) == moves:
            raise KeyboardInterrupt
        moved.append(target)
        return real(path, target)

    monkeypatch.setattr(Path, "replace", stop)
    if moves == 2:  # configuration and weights; this backbone has no trunks
        tiny_backbone(tmp_path)
        load_backbone(folder)
        return
    with pytest.raises(KeyboardInterrupt):
        tiny_backbone(tmp_path)
    with pytest.raises(UserError, match="copy the whole folder again"):
        load_backbone(folder)
