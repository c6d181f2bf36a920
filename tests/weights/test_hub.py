"""Weights from a folder, from the Hugging Face cache and by repository id, without any network."""

import os
import subprocess
import sys
from pathlib import Path

import huggingface_hub.constants
import pytest

from tests.tiny import tiny_checkpoint
from zsseg.errors import UserError
from zsseg.weights.checkpoint import load_checkpoint
from zsseg.weights.hub import names_repository, weights_folder
from zsseg.weights.metadata import Metadata
from zsseg.weights.search import find_checkpoint, list_checkpoints

ROOT = Path(__file__).resolve().parents[2]
REVISION, OLDER = "a" * 40, "b" * 40
HEAD = "zegclip-tiny-inductive"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty hub cache, offline."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.delenv("ZSSEG_WEIGHTS", raising=False)
    return tmp_path / "hub"


def in_cache(cache: Path, repository: str, *, main: str | None = REVISION) -> Path:
    """Lay out a tiny head and its backbone as the hub's client does: every file a link into one heap."""
    folder = cache / f"models--{repository.replace('/', '--')}"
    plain = cache.parent / "plain"
    tiny_checkpoint(plain, "zegclip")
    (folder / "blobs").mkdir(parents=True)
    (folder / "refs").mkdir()
    for number, file in enumerate(sorted(path for path in plain.rglob("*") if path.is_file())):
        blob = folder / "blobs" / f"{number:064x}"
        blob.write_bytes(file.read_bytes())
        link = folder / "snapshots" / REVISION / file.relative_to(plain)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(os.path.relpath(blob, link.parent))
    if main:
        (folder / "refs" / "main").write_text(main)
    return folder


@pytest.mark.parametrize(
    ("source", "is_one"),
    [
        ("org/name", True), ("org/name@main", True), ("org/name@refs/pr/1", True), ("some-org/na.me_1", True),
        ("name", False), ("", False), ("/org/name", False), ("./org/name", False), ("../name", False), ("a/b/c", False),
        ("org/", False), ("org/name@", False), ("~/weights", False), ("org name/x", False), ("https://org/name", False),
    ],
)  # fmt: skip
def test_what_is_a_repository(source: str, is_one: bool) -> None:
    assert names_repository(source) is is_one


def test_a_folder_wins_over_a_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "org" / "name").mkdir(parents=True)
    assert not names_repository("org/name")
    assert weights_folder("org/name").samefile(tmp_path / "org" / "name")


def test_home_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert weights_folder("~") == tmp_path
    with pytest.raises(UserError, match="no folder ~nobody-of-that-name"):
        weights_folder("~nobody-of-that-name")


def test_heads_load_from_a_repository_in_the_cache(cache: Path) -> None:
    snapshot = in_cache(cache, "org/heads") / "snapshots" / REVISION
    assert weights_folder("org/heads") == snapshot
    path = find_checkpoint(HEAD, "org/heads")
    assert path.is_symlink()
    assert load_checkpoint(path)[1].name == HEAD  # its backbone lies beside the link, not beside what it leads to
    assert (path, True) in [(path, isinstance(entry, Metadata)) for path, entry in list_checkpoints("org/heads")]


def test_revision_of_a_repository(cache: Path) -> None:
    in_cache(cache, "org/revisions", main=None)
    assert weights_folder(f"org/revisions@{REVISION}").name == REVISION
    with pytest.raises(UserError, match="no folder org/revisions@v2 here"):
        weights_folder("org/revisions@v2")


def test_cache_folder_itself(cache: Path) -> None:
    folder = in_cache(cache, "org/heads")
    (folder / "snapshots" / OLDER).mkdir()
    assert weights_folder(str(folder)).name == REVISION
    (folder / "refs" / "main").write_text("c" * 40)
    with pytest.raises(UserError, match="which of its snapshots"):
        weights_folder(str(folder))
    (folder / "refs" / "main").unlink()
    with pytest.raises(UserError, match="which of its snapshots"):
        weights_folder(str(folder))
    (folder / "snapshots" / OLDER).rmdir()
    assert weights_folder(str(folder)).name == REVISION


def test_order_of_the_search(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    in_cache(cache, "org/ordered")
    other = tmp_path / "other"
    mine = tiny_checkpoint(other, "zegclip")
    monkeypatch.setenv("ZSSEG_WEIGHTS", "org/ordered")
    assert REVISION in find_checkpoint(HEAD).parts
    assert find_checkpoint(HEAD, str(other)) == mine
    assert [path for path, _ in list_checkpoints(str(other)) if path.stem == HEAD] == [mine]
    mine.unlink()
    assert REVISION in find_checkpoint(HEAD, str(other)).parts


def test_a_bad_variable_does_not_spoil_an_explicit_place(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tiny_checkpoint(tmp_path / "mine", "zegclip")
    monkeypatch.setenv("ZSSEG_WEIGHTS", "/no/such/folder")
    assert load_checkpoint(find_checkpoint(HEAD, str(tmp_path / "mine")))[1].name == HEAD
    assert find_checkpoint(path) == path
    with pytest.raises(UserError, match="no folder /no/such/folder"):
        find_checkpoint(HEAD)


def test_offline_and_absent(cache: Path) -> None:
    with pytest.raises(UserError, match=r"repository of that name is not in the local cache.*HF_HUB_OFFLINE=0"):
        weights_folder("org/absent")


def test_online_and_refused(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_args: object, **_options: object) -> str:
        raise ConnectionError("no route")

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", refuse)
    with pytest.raises(UserError, match=r"org/refused here.*could not be fetched \(ConnectionError\)"):
        weights_folder("org/refused")


def test_one_run_reads_one_revision_and_only_what_it_needs(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[dict[str, object]] = []

    def fetch(repository: str, **options: object) -> str:
        calls.append({"repository": repository, **options})
        return str(cache)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", fetch)
    assert weights_folder("org/once@v1") == weights_folder("org/once@v1") == cache
    assert calls == [{"repository": "org/once", "revision": "v1", "allow_patterns": ["*.safetensors", "*.json"]}]


def test_the_environment_says_where_the_cache_is(cache: Path, tmp_path: Path) -> None:
    in_cache(cache, "org/heads")
    program = "from zsseg.weights.hub import weights_folder; print(weights_folder('org/heads'))"
    env = {**os.environ, "HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "1"}
    env.pop("HF_HUB_CACHE", None)
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=env, capture_output=True, text=True)
    assert Path(done.stdout.strip()).name == REVISION, done.stderr
