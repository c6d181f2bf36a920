"""Files that lose nothing."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.test_segmentation import drawn
from zsseg import __version__
from zsseg.errors import UserError
from zsseg.export import label_image, slug, write_outputs
from zsseg.segmentation import Segmentation
from zsseg.visualize import colors_of, overlay

PHOTO = np.full((4, 4, 3), 90, dtype=np.uint8)


def test_files_hold_the_same_arrays(tmp_path: Path) -> None:
    seg = drawn(penalty=0.06, threshold=0.72)
    paths = write_outputs(PHOTO, seg, tmp_path / "deep" / "er")
    assert [path.name for path in paths] == ["labels.png", "overlay.png", "scores.npz", "result.json"]

    with Image.open(paths[0]) as picture:
        assert picture.mode == "P"
        labels = np.array(picture).astype(int)
        palette = picture.getpalette()
    np.testing.assert_array_equal(np.where(labels == 255, -1, labels), seg.labels)
    assert palette is not None
    assert [tuple(palette[:3]), tuple(palette[3:6])] == colors_of(seg.names)

    with Image.open(paths[1]) as picture:
        np.testing.assert_array_equal(np.array(picture), overlay(PHOTO, seg))

    with np.load(paths[2], allow_pickle=False) as arrays:
        np.testing.assert_array_equal(arrays["scores"], seg.scores)
        assert arrays["names"].tolist() == list(seg.names)
        assert arrays["seen"].tolist() == list(seg.seen)


def test_result_says_how_it_came_about(tmp_path: Path) -> None:
    seg = drawn(penalty=0.06, threshold=0.65)
    result = json.loads(write_outputs(PHOTO, seg, tmp_path)[3].read_text(encoding="utf-8"))
    assert result["settings"] == {"seen_penalty": 0.06, "threshold": 0.65}
    assert (result["method"], result["model"], result["version"]) == ("zegclip", "drawn", __version__)
    assert (result["height"], result["width"], result["none_label"]) == (4, 4, 255)
    rows = [(row["label"], row["name"], row["seen"]) for row in result["classes"]]
    assert rows == [(0, "dog", True), (1, "cow", False)]
    assert sum(row["area"] for row in result["classes"]) + result["none_area"] == pytest.approx(1)
    assert result["classes"][0]["mean_score"] == pytest.approx(float(seg.scores[0].mean()))


def test_writing_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    first = [path.read_bytes() for path in write_outputs(PHOTO, drawn(), tmp_path)]
    second = [path.read_bytes() for path in write_outputs(PHOTO, drawn(), tmp_path)]
    assert first == second


def test_more_classes_than_a_palette_holds() -> None:
    names = tuple(f"thing {i}" for i in range(300))
    scores = np.zeros((300, 2, 2), dtype=np.float32)
    scores[299, 0] = 1
    seg = Segmentation("m", "n", names, (True,) * 300, scores, 0.0, 0.5)
    assert np.array(label_image(seg)).tolist() == [[299, 299], [65535, 65535]]


def test_a_full_palette() -> None:
    scores = np.zeros((255, 1, 2), dtype=np.float32)
    scores[254, 0, 0] = 1
    seg = Segmentation("m", "n", tuple(map(str, range(255))), (True,) * 255, scores, 0.0, 0.5)
    assert np.array(label_image(seg)).tolist() == [[254, 255]]


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be written"):
        write_outputs(PHOTO, drawn(), tmp_path / "file" / "under")


@pytest.mark.parametrize(
    ("name", "safe"),
    [("Potted plant", "potted-plant"), ("../../etc/passwd", "etc-passwd"), ("...", "unnamed"), ("犬", "unnamed")],
)
def test_names_in_paths_are_harmless(name: str, safe: str) -> None:
    assert slug(name) == safe
