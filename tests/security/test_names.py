"""Nothing is written outside its folder, whatever a class, a photo or a manifest is called."""

import json
import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from zsseg import Predictor
from zsseg.cli.main import main
from zsseg.demo.actions import Answer, DisplaySettings, write_files
from zsseg.demo.catalog import Predictors
from zsseg.demo.tabs.batch import run_batch
from zsseg.errors import UserError
from zsseg.export import answer_files, write_outputs
from zsseg.export.manifest import Manifest, manifest_of
from zsseg.text.vocabulary import build_vocabulary

# As class names, and as the stems of photos. Not one may lead out of a folder, on any system that unpacks the ZIP.
HOSTILE = (
    "..", ".", "../../up", "/etc/passwd", "..\\..\\up", "C:\\up", "C:up", "~", "~root", "a/b", "a\\b", "....//up",
    "up\u2215up", "\u202egnp.up", "a\x00b", "a\nb", "CON", "nul.png", "a" * 300, "é" * 200, "猫", "…",
    "-rf", "$HOME", "%2e%2e%2fup",
)  # fmt: skip
RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


def is_safe(name: str) -> bool:
    """Whether a name in a ZIP stays inside the folder into which any program unpacks it."""
    parts = name.split("/")
    return not (
        name.startswith("/")
        or any(part in ("", ".", "..") or len(part.encode()) > 255 or RESERVED.fullmatch(part) for part in parts)
        or any(ord(character) < 32 or character in '\\:*?"<>|' for character in name)
    )


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (40, 56, 3), dtype=np.uint8)


def names_that_are_names(texts: tuple[str, ...]) -> list[str]:
    """The hostile texts that a class may be called."""
    kept = []
    for text in texts:
        try:
            build_vocabulary([text])
        except UserError:
            continue
        kept.append(text)
    return kept


def test_class_names_stay_in_the_folder(checkpoints: dict[str, str], photo: np.ndarray, tmp_path: Path) -> None:
    names = names_that_are_names(HOSTILE)
    assert len(names) > 15
    answer = Predictor.from_checkpoint(checkpoints["zegclip"]).predict(photo, names)
    manifest = manifest_of(photo, "photo.jpg", build_vocabulary(names), {"zegclip": answer})
    files = [name for name, _ in answer_files(photo, {"zegclip": answer}, manifest)]
    assert len({name.casefold() for name in files}) == len(files)
    assert [name for name in files if not is_safe(name)] == []
    out = tmp_path / "in" / "out"
    paths = write_outputs(photo, answer, out)
    assert all(path.resolve().is_relative_to(out.resolve()) for path in paths)
    assert [path.name for path in (tmp_path / "in").iterdir()] == ["out"]


@pytest.mark.parametrize("stem", HOSTILE)
def test_photo_names_stay_in_the_zip(predictors: Predictors, photo: np.ndarray, stem: str) -> None:
    vocabulary = build_vocabulary("dog")
    results = {"zegclip": predictors["zegclip"].predict(photo, "dog")}  # type: ignore[union-attr]
    answer = Answer(photo, f"{stem}.png", vocabulary, results)
    path = Path(write_files(answer, DisplaySettings({"zegclip": (0.0, 0.1)}, 0.6)))
    assert path.name.endswith(".zip")
    assert is_safe(path.name)
    with zipfile.ZipFile(path) as archive:
        assert [name for name in archive.namelist() if not is_safe(name)] == []
        recipe = json.loads(archive.read("recipe.json"))
    assert not re.search(r"[/\\]", recipe["photo"]["file_name"])


def hostile_files(folder: Path) -> list[Path]:
    """Photos whose names are hostile as far as this file system allows."""
    folder.mkdir()
    paths = []
    for index, stem in enumerate(HOSTILE):
        path = folder / str(index) / (re.sub(r"[/\0]", "", stem)[:100] + ".png")
        path.parent.mkdir()
        Image.new("RGB", (24, 24), "red").save(path, "PNG")
        paths.append(path)
    odd = folder / "odd" / "..png"  # its stem is "."
    odd.parent.mkdir()
    Image.new("RGB", (24, 24), "red").save(odd, "PNG")
    return [*paths, odd]


def test_many_photos_stay_in_the_zip(predictors: Predictors, tmp_path: Path) -> None:
    paths = [str(path) for path in hostile_files(tmp_path / "in")]
    display = DisplaySettings({method: (0.0, 0.1) for method in predictors}, 0.6)
    made, _ = run_batch({"zegclip": predictors["zegclip"]}, paths, ("dog", ""), display, lambda *_: None)
    with zipfile.ZipFile(made) as archive:
        names = archive.namelist()
    assert [name for name in names if not is_safe(name)] == []
    assert len({name.casefold() for name in names}) == len(names)
    assert len({name.split("/")[0].casefold() for name in names}) == len(paths)


def test_shell_stays_in_its_folder(
    checkpoints: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [str(path) for path in hostile_files(tmp_path / "in")]
    out = tmp_path / "place" / "out"
    monkeypatch.setenv("ZSSEG_WEIGHTS", str(Path(checkpoints["zegclip"]).parent))
    options = ["--seen", "dog", "--checkpoint", checkpoints["zegclip"], "--out", str(out)]
    assert main(["segment", *paths, *options]) == 0
    assert [path.name for path in (tmp_path / "place").iterdir()] == ["out"]
    assert {path.name for path in tmp_path.iterdir()} == {"in", "place"}
    assert len({path.parent for path in out.rglob("labels.png")}) == len(paths)
    assert not list(out.glob("labels.png"))


@pytest.mark.parametrize("folder", ["..", ".", "../up", "/up", "a/b", "a\\b", "", "UP", "a" * 101, "up\x00", "up\n"])
def test_a_manifest_names_no_other_folder(checkpoints: dict[str, str], photo: np.ndarray, folder: str) -> None:
    answer = Predictor.from_checkpoint(checkpoints["zegclip"]).predict(photo, "dog")
    fields: dict[str, Any] = json.loads(
        manifest_of(photo, "photo.jpg", build_vocabulary("dog"), {"zegclip": answer}).to_json()
    )
    fields["methods"][0]["folder"] = folder
    with pytest.raises(UserError, match="folder name"):
        Manifest.from_json(json.dumps(fields))
