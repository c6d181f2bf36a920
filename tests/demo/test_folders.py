"""Temporary files: private, in nobody else's folder, never through a link; and /healthz says when there can be none."""

import os
import stat
import tempfile
import time
from pathlib import Path

import pytest

from zsseg.demo import folders
from zsseg.demo.html.parts import text
from zsseg.demo.server import health
from zsseg.errors import UserError


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def test_the_folder_is_this_users_alone(tmp_path: Path) -> None:
    folder = folders.fresh_folder()
    assert folder.parent.parent == tmp_path
    assert folder.parent.name == f"zsseg-demo-{os.getuid()}"
    assert stat.S_IMODE(folder.parent.stat().st_mode) == stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_folder_that_others_can_read_is_closed() -> None:
    root = folders.private_folder()
    root.chmod(0o777)
    assert stat.S_IMODE(folders.private_folder().stat().st_mode) == 0o700


def test_another_users_folder_is_refused_and_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    old = folders.fresh_folder()
    os.utime(old, (0, 0))
    root = folders.private_folder()
    user = os.getuid()
    monkeypatch.setattr(folders, "_user", lambda: str(user))
    monkeypatch.setattr(os, "getuid", lambda: user + 1)
    for make in (folders.fresh_folder, folders.keep_uploads_private):
        with pytest.raises(UserError, match=f"{root.name}.*belongs to somebody else: set TMPDIR"):
            make()
    folders.delete_folders(own=True)
    assert old.exists()


@pytest.mark.parametrize("name", ["zsseg-demo", f"zsseg-demo-{os.getuid()}"])
def test_a_link_leads_nowhere(name: str, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    (victim / "precious").mkdir(parents=True)
    os.utime(victim / "precious", (0, 0))
    (tmp_path / name).symlink_to(victim)
    folders.delete_folders()
    folders.delete_folders(own=True)
    assert (victim / "precious").exists()
    if name != "zsseg-demo":
        with pytest.raises(UserError, match="is a link"):
            folders.fresh_folder()


def test_a_link_inside_is_removed_and_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "precious").touch()
    link = folders.private_folder() / "0-link"
    link.symlink_to(victim)
    os.utime(link, (0, 0), follow_symlinks=False)
    folders.delete_folders()
    assert not link.is_symlink()
    assert (victim / "precious").exists()


def test_old_files_are_thrown_away() -> None:
    old, young = folders.fresh_folder(), folders.fresh_folder()
    past = time.time() - folders.KEEP_FILES_SECONDS - 60
    os.utime(old, (past, past))
    folders.delete_folders()
    assert not old.exists()
    assert young.exists()
    foreign = young.parent / "0-other"  # of another process that may still need it
    uploads = young.parent / "uploads"  # Gradio deletes there itself
    foreign.mkdir()
    uploads.mkdir()
    os.utime(uploads, (past, past))
    folders.delete_folders(own=True)
    assert not young.exists()
    assert foreign.exists()
    assert uploads.exists()


def test_no_file_gets_older_than_the_page_says() -> None:
    assert folders.KEEP_FILES_SECONDS + folders.CLEAN_EVERY_SECONDS <= 3600
    assert "within an hour" in text("footer")


def test_uploads_go_there_too_unless_told_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", {})
    folders.keep_uploads_private()
    assert Path(os.environ["GRADIO_TEMP_DIR"]).parent == folders.private_folder()
    monkeypatch.setattr(os, "environ", {"GRADIO_TEMP_DIR": "/elsewhere"})
    folders.keep_uploads_private()
    assert os.environ["GRADIO_TEMP_DIR"] == "/elsewhere"


def test_health_tells_when_no_file_can_be_written(tmp_path: Path) -> None:
    assert health({})["temporary_files"] == {"usable": True}
    assert list(folders.private_folder().iterdir()) == []
    folders.private_folder().rmdir()
    (tmp_path / f"zsseg-demo-{os.getuid()}").write_text("in the way")
    content = health({})
    assert content["status"] == "down"
    assert not content["temporary_files"]["usable"]
    assert "TMPDIR" in content["temporary_files"]["problem"]


def test_a_folder_that_vanished_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone" / "too"))
    assert folders.fresh_folder().is_dir()


def test_a_folder_that_cannot_be_made_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "file" / "under"))
    with pytest.raises(UserError, match="cannot be used"):
        folders.fresh_folder()
    folders.delete_folders()
    assert "cannot be used" in folders.temporary_files_problem()
