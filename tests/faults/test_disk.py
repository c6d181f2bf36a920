"""A disk that is full or read-only: a sentence, no half file, and the old file as it was."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.conftest import Jobs, make_read_only
from tests.faults.jobs import VALUES, WRITERS
from tests.faults.test_kill import archive, backbone, checkpoint, export, state, text
from tests.tiny import tiny_backbone, tiny_checkpoint
from zsseg.cli.main import main
from zsseg.errors import UserError
from zsseg.export import write_outputs

CHECKS: dict[str, Callable[[Path], None]] = {
    "checkpoint": checkpoint,
    "backbone": backbone,
    "export": export,
    "zip": archive,
    "state": state,
    "json": text,
}


def everything(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("writer", WRITERS)
def test_a_file_that_finds_no_room_leaves_the_old_one(jobs: Jobs, tmp_path: Path, writer: str) -> None:
    """RLIMIT_FSIZE: a write beyond it fails as on a full disk."""
    tiny_backbone(tmp_path)
    WRITERS[writer](tmp_path, VALUES[0])
    before = everything(tmp_path)
    report = jobs.run("write once", tmp_path, writer=writer, file_size=300)
    assert report.get("error"), report
    CHECKS[writer](tmp_path)
    after = everything(tmp_path)
    assert after.keys() <= before.keys()  # no temporary file is left
    if writer != "export":  # four files, each of which is the old or the new
        assert after == before


def test_a_full_disk_is_told_in_a_sentence(
    small_disk: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    head = tiny_checkpoint(tmp_path, "zegclip")
    photo = tmp_path / "photo.png"
    from PIL import Image

    Image.effect_noise((300, 300), 90).convert("RGB").save(photo)
    code = main(
        ["segment", str(photo), "--seen", "dog, cow", "--checkpoint", str(head), "--out", str(small_disk / "out")]
    )
    errors = capsys.readouterr().err
    assert code in (2, 3)
    assert "No space left on device" in errors
    assert "Traceback" not in errors
    for path in small_disk.rglob("*"):
        assert not path.name.startswith("."), "a temporary file is left"
        assert path.is_dir() or path.stat().st_size > 0


def test_a_read_only_disk_is_told_in_a_sentence(small_disk: Path, jobs: Jobs, tmp_path: Path) -> None:
    from tests.faults.jobs import PHOTO, answer

    make_read_only(small_disk)
    with pytest.raises(UserError, match=r"cannot be written to .*Read-only file system"):
        write_outputs(PHOTO, answer(0.25), small_disk / "out")
    assert list(small_disk.iterdir()) == []
