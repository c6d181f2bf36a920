"""Files that lose nothing, and are the same whenever the answer is."""

import dataclasses
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.test_segmentation import drawn
from zsseg import __version__
from zsseg.errors import UserError
from zsseg.export import answer_files, label_image, slug, summary, write_answer, write_outputs, write_zip
from zsseg.export.manifest import Manifest, manifest_of
from zsseg.segmentation import Segmentation
from zsseg.text.vocabulary import build_vocabulary
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
    assert result["settings"] == {"seen_penalty": 0.06, "threshold": 0.65, "photo_gate": 0.0}
    assert (result["method"], result["model"], result["version"]) == ("zegclip", "drawn", __version__)
    assert (result["height"], result["width"], result["none_label"]) == (4, 4, 255)
    rows = [(row["label"], row["name"], row["seen"]) for row in result["classes"]]
    assert rows == [(0, "dog", True), (1, "cow", False)]
    assert sum(row["area"] for row in result["classes"]) + result["none_area"] == pytest.approx(1)
    assert result["classes"][0]["mean_score"] == pytest.approx(float(seg.scores[0].mean()))


def test_writing_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    first = [path.read_bytes() for path in write_outputs(PHOTO, drawn(), tmp_path)]
    slower = dataclasses.replace(drawn(), seconds=3.0)
    second = [path.read_bytes() for path in write_outputs(PHOTO, slower, tmp_path)]
    assert first == second


def test_a_whole_number_is_the_same_setting() -> None:
    assert json.dumps(summary(drawn(0, 1))) == json.dumps(summary(drawn(0.0, 1.0)))


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


def both(seconds: float = 0.0) -> tuple[dict[str, Segmentation], Manifest]:
    results = {"zegclip": dataclasses.replace(drawn(0.06, 0.3), seconds=seconds), "clip_rc": drawn(threshold=0.65)}
    return results, manifest_of(
        PHOTO, "beach.jpg", build_vocabulary("dog", "cow"), results, {"zegclip": 1, "clip_rc": 0}
    )


def test_the_zip_has_everything(tmp_path: Path) -> None:
    results, manifest = both()
    path = write_zip(PHOTO, results, tmp_path / "deep" / "answer.zip", manifest)
    assert list(path.parent.iterdir()) == [path]  # nothing half done stays behind
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        content = {name: archive.read(name) for name in archive.namelist()}
    per_method = {"labels.png", "overlay.png", "scores.npz", "result.json", "coco.json", "labelme.json", "figure.png"}
    per_method |= {"masks/00-dog.png", "masks/01-cow.png"}
    top = {"recipe.json", "photo.png", "figure.png"}
    assert set(content) == top | {f"{method}/{name}" for method in results for name in per_method}
    assert Manifest.from_json(content["recipe.json"]) == manifest
    for method, seg in results.items():
        opacity = 1.0 if method == "zegclip" else 0.0
        for file in write_outputs(PHOTO, seg, tmp_path / method, opacity):
            assert content[f"{method}/{file.name}"] == file.read_bytes()
        polygons = json.loads(content[f"{method}/labelme.json"])
        assert (tmp_path / method / polygons["imagePath"]).resolve() == tmp_path.resolve() / "photo.png"
        assert json.loads(content[f"{method}/coco.json"])["images"][0]["file_name"] == "photo.png"


def test_the_zip_holds_the_photo_that_fits_the_labels(tmp_path: Path) -> None:
    results, manifest = both()
    write_answer(PHOTO, results, tmp_path, manifest)
    with Image.open(tmp_path / "photo.png") as picture:
        np.testing.assert_array_equal(np.array(picture), PHOTO)


def test_equal_answers_are_equal_zips_and_equal_folders(tmp_path: Path) -> None:
    zips = []
    for seconds in (1.0, 2.0):
        results, manifest = both(seconds)
        zips.append(write_zip(PHOTO, results, tmp_path / f"{seconds}.zip", manifest))
    assert zips[0].read_bytes() == zips[1].read_bytes()
    results, manifest = both(3.0)
    files = write_answer(PHOTO, results, tmp_path / "folder", manifest)
    with zipfile.ZipFile(zips[0]) as archive:
        assert [str(file.relative_to(tmp_path / "folder")) for file in files] == archive.namelist()
        assert [file.read_bytes() for file in files] == [archive.read(name) for name in archive.namelist()]
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_one_method_needs_no_comparison() -> None:
    results = {"zegclip": drawn()}
    manifest = manifest_of(PHOTO, "beach.jpg", build_vocabulary("dog", "cow"), results)
    names = [name for name, _ in answer_files(PHOTO, results, manifest)]
    assert names[:3] == ["recipe.json", "photo.png", "zegclip/labels.png"]


def test_a_manifest_of_another_answer_is_a_defect(tmp_path: Path) -> None:
    results, manifest = both()
    moved = {**results, "zegclip": results["zegclip"].with_settings(threshold=0.9)}
    for image, other in ((PHOTO, moved), (PHOTO, {"zegclip": results["zegclip"]}), (PHOTO + 1, results)):
        with pytest.raises(ValueError, match="another answer"):
            write_zip(image, other, tmp_path / "a.zip", manifest)
    assert list(tmp_path.iterdir()) == []


def test_a_zip_that_cannot_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    results, manifest = both()
    path = tmp_path / "a.zip"
    path.write_bytes(b"old")
    broken = {**results, "clip_rc": dataclasses.replace(results["clip_rc"], scores=results["clip_rc"].scores[:, :2])}
    with pytest.raises(UserError, match="give that photo"):
        write_zip(PHOTO, broken, path, manifest)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(UserError, match="cannot be written"):
        write_zip(PHOTO, results, path / "under.zip", manifest)


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("Potted plant", "potted-plant"),
        ("../../etc/passwd", "etc-passwd"),
        ("...", "unnamed"),
        ("犬", "犬"),
        ("Éclair", "éclair"),
    ],
)
def test_names_in_paths_are_harmless(name: str, safe: str) -> None:
    assert slug(name) == safe
