"""Reading the saved parts of pretraining: whatever lies in their place, the answer is a sentence."""

import os
import pickle
import re
from pathlib import Path

import pytest
import torch

from training import pretrain
from training.runtime.saved import read_saved
from zsseg.errors import UserError


class Hostile:
    """Runs code when a pickle of it is read without protection."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        """Make a file."""
        return Path.touch, (self.path,)


def test_a_state_comes_back(tmp_path: Path) -> None:
    torch.save({"visual": {"weight": torch.arange(3.0)}, "step": 7}, tmp_path / "state.pt")
    state = read_saved(tmp_path / "state.pt", ("visual", "step"))
    assert state["step"] == 7
    assert torch.equal(state["visual"]["weight"], torch.arange(3.0))


def wrong(folder: Path, kind: str) -> Path:
    path = folder / "state.pt"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "cut":
        torch.save({"visual": torch.zeros(100)}, path)
        path.write_bytes(path.read_bytes()[:200])
    elif kind == "pickle":
        path.write_bytes(pickle.dumps(Hostile(folder / "ran")))
    elif kind == "other":
        torch.save({"loss": 1}, path)
    elif kind == "tensor":
        torch.save(torch.zeros(3), path)
    elif kind == "empty":
        path.touch()
    return path


KINDS = {
    "missing": "There is no file",
    "pipe": "is not a file: it is a named pipe",
    "folder": "damaged|is a folder",
    "cut": "is damaged",
    "pickle": "is damaged .*more than tensors",
    "other": "can use \\(it has no 'visual'\\)",
    "tensor": "can use \\(it has no 'visual'\\)",
    "empty": "is damaged",
}


@pytest.mark.parametrize("kind", KINDS)
def test_anything_else_is_a_sentence(tmp_path: Path, kind: str) -> None:
    with pytest.raises(UserError, match=KINDS[kind]) as caught:
        read_saved(wrong(tmp_path, kind), ("visual",))
    assert re.search(r": |\. ", str(caught.value))  # and what to do
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("kind", ["pipe", "cut", "other"])
def test_a_wrong_start_is_found_before_the_work(tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    start = wrong(tmp_path, kind)
    command = ["--data-root", str(tmp_path), "--runs", str(tmp_path / "runs"), "--start-from", str(start)]
    assert pretrain.main(command) == 2
    assert "state.pt" in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()
