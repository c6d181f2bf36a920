"""A training log whose last line was cut off by a kill is read up to that line."""

from pathlib import Path

import pytest
import torch

from tests.training.core.test_engine import make_recipe
from training.core.state import read_state
from training.runtime.runlog import RunLog, read_log
from zsseg.errors import UserError

WHOLE = "iteration,loss\n0,0.5\n1,0.25\n"


@pytest.mark.parametrize("half", ["2", "2,", "2,1e-", "2,0.12", "2,\x00\x00"])
def test_half_a_line_is_no_line(tmp_path: Path, half: str) -> None:
    path = tmp_path / "train.csv"
    path.write_text(WHOLE + half)
    assert [row["iteration"] for row in read_log(path)] == [0, 1]
    log = RunLog(path, ("loss",), resume_from=2)
    log.write(2, {"loss": 0.125})
    assert read_log(path) == [{"iteration": i, "loss": 0.5 ** (i + 1)} for i in range(3)]


def test_a_log_that_cannot_be_rewritten_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "train.csv"
    path.write_text(WHOLE)
    monkeypatch.setattr("csv.DictWriter.writerows", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left")))
    with pytest.raises(OSError, match="No space"):
        RunLog(path, ("loss",), resume_from=2)
    assert path.read_text() == WHOLE


@pytest.mark.parametrize("damage", ["half", "empty", "foreign", "other"])
def test_a_damaged_state_is_told(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "state.pt"
    torch.save({"recipe": "x", "model": {"weight": torch.zeros(1000)}}, path)
    whole = path.read_bytes()
    if damage == "other":
        torch.save([1, 2], path)
    else:
        path.write_bytes({"half": whole[: len(whole) // 2], "empty": b"", "foreign": b"not a state"}[damage])
    with pytest.raises(UserError, match="damaged"):
        read_state(path, make_recipe("zegclip"))
