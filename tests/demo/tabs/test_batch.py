"""Batch, one question, one ZIP."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from zsseg.demo.actions import DisplaySettings
from zsseg.demo.catalog import Predictors, working
from zsseg.demo.tabs.batch import MAX_PHOTOS, run_batch
from zsseg.errors import UserError

DISPLAY = DisplaySettings({"zegclip": (0.0, 0.1), "clip_rc": (0.0, 0.1)}, 0.6)


def _photos(folder: Path, *names: str) -> list[str]:
    paths = []
    for index, name in enumerate(names):
        (folder / str(index)).mkdir()
        path = folder / str(index) / name
        Image.new("RGB", (40 + index, 30), (90 * index, 120, 60)).save(path)
        paths.append(str(path))
    return paths


def test_every_photo_gets_a_folder_of_its_own_answer(predictors: Predictors, tmp_path: Path) -> None:
    paths = _photos(tmp_path, "a.png", "a.png", "b.png")
    lines: list[str] = []
    path, table = run_batch(predictors, paths, ("dog", "cow"), DISPLAY, lambda _share, text: lines.append(text))
    assert lines == ["1 of 3", "2 of 3", "3 of 3"]
    assert table.count("<tr>") == 1 + 3 * 2
    with zipfile.ZipFile(path) as archive:
        assert {name.split("/")[0] for name in archive.namelist()} == {"a", "a-2", "b"}
        labels = np.asarray(Image.open(io.BytesIO(archive.read("a-2/clip_rc/labels.png"))))
    expected = working(predictors)["clip_rc"].predict(paths[1], "dog", "cow", seen_penalty=0.1, threshold=0.0)
    np.testing.assert_array_equal(labels, expected.labels)


def test_a_bad_photo_is_lines_and_the_others_are_answered(predictors: Predictors, tmp_path: Path) -> None:
    good = _photos(tmp_path, "good.png")
    bad = tmp_path / "bad.png"
    bad.write_text("no picture")
    path, table = run_batch(predictors, [str(bad), *good], ("dog", ""), DISPLAY, lambda _share, _text: None)
    assert "bad.png" in table
    with zipfile.ZipFile(path) as archive:
        assert {name.split("/")[0] for name in archive.namelist()} == {"good"}
    with pytest.raises(UserError, match=r"bad\.png"):
        run_batch(predictors, [str(bad)], ("dog", ""), DISPLAY, lambda _share, _text: None)


def test_a_name_that_is_cut_is_lines_once(predictors: Predictors, tmp_path: Path) -> None:
    paths = _photos(tmp_path, "a.png", "b.png")
    _, table = run_batch(predictors, paths, ("dog", "word " * 20), DISPLAY, lambda _share, _text: None)
    assert table.count("is not read") == 1
    assert table.count("<tr>") == 1 + 2 * 2


def test_nothing_and_too_much_are_refused(predictors: Predictors, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no photos yet"):
        run_batch(predictors, [], ("dog", ""), DISPLAY, lambda _share, _text: None)
    with pytest.raises(UserError, match=f"at most {MAX_PHOTOS}"):
        run_batch(predictors, ["x"] * 51, ("dog", ""), DISPLAY, lambda _share, _text: None)
