"""What is exported is read by the programs that it is meant for, and comes back exactly."""

import json
import sys
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image, ImageDraw

from tests.test_segmentation import drawn, random_answer
from zsseg.export import label_image, write_answer
from zsseg.export.encode import png
from zsseg.export.manifest import manifest_of
from zsseg.segmentation import NONE, Segmentation
from zsseg.text.vocabulary import build_vocabulary

LABELME = pytest.mark.skipif(
    find_spec("labelme") is None,
    reason="labelme is not installed: pip install --no-deps -r requirements-labelme.txt",
)
WINDOWS = ("PyQt5", "PyQt5.QtCore", "PyQt5.QtGui", "PyQt5.QtWidgets", "imgviz", "imgviz.io")
"""What LabelMe's windows need: imported beside its loader, which calls none of it."""


def patches(classes: int, seed: int) -> Segmentation:
    """An answer of blocks with holes and specks in them, some of none of the classes, names of any script."""
    rng = np.random.default_rng(seed)
    coarse = rng.random((classes, 5, 6), dtype=np.float32)
    scores = np.kron(coarse, np.ones((7, 8), np.float32))
    scores[:, rng.random(scores.shape[1:]) < 0.03] = 0.01
    names = tuple(
        f"{text} {index}" for index, text in zip(range(classes), ["cat", "猫", "кот", "é"] * 80, strict=False)
    )
    seen = tuple(index % 2 == 0 for index in range(classes))
    return Segmentation("zegclip", "drawn", names, seen, scores, 0.0, 0.4)


ANSWERS = {"drawn": drawn(), "random": random_answer(), "patches": patches(6, 0), "many": patches(300, 1)}


@pytest.fixture(params=ANSWERS)
def written(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Segmentation, Path]:
    """An answer, and the folder of its exported files."""
    seg = ANSWERS[request.param]
    photo = np.random.default_rng(0).integers(0, 256, (*seg.labels.shape, 3), dtype=np.uint8)
    seen = [name for name, flag in zip(seg.names, seg.seen, strict=True) if flag]
    unseen = [name for name in seg.names if name not in seen]
    vocabulary = build_vocabulary(seen, unseen)
    order = [seg.names.index(name) for name in vocabulary.names]
    seg = Segmentation(
        seg.method, seg.model, vocabulary.names, vocabulary.seen, seg.scores[order], seg.seen_penalty, seg.threshold
    )
    write_answer(photo, {"zegclip": seg}, tmp_path, manifest_of(photo, "photo.jpg", vocabulary, {"zegclip": seg}))
    return seg, tmp_path / "zegclip"


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_pycocotools_reads_every_mask(written: tuple[Segmentation, Path]) -> None:
    pytest.importorskip("pycocotools", reason="pycocotools is not installed: pip install -r requirements-dev.txt")
    from pycocotools.coco import COCO

    seg, folder = written
    data = COCO(folder / "coco.json")
    assert {entry["id"]: entry["name"] for entry in data.loadCats(data.getCatIds())} == dict(enumerate(seg.names, 1))
    (image,) = data.loadImgs(data.getImgIds())
    with Image.open(folder.parent / image["file_name"]) as photo:
        assert photo.size == (image["width"], image["height"])
    labels = np.full(seg.labels.shape, NONE, np.int16)
    for annotation in data.loadAnns(data.getAnnIds()):
        mask = data.annToMask(annotation).astype(bool)
        assert mask.sum() == annotation["area"]
        rows, columns = np.nonzero(mask)
        left, top, width, height = annotation["bbox"]
        assert (left, top) == (columns.min(), rows.min())
        assert (width, height) == (np.ptp(columns) + 1, np.ptp(rows) + 1)
        assert (labels[mask] == NONE).all()
        labels[mask] = annotation["category_id"] - 1
    np.testing.assert_array_equal(labels, seg.labels)


@pytest.fixture
def without_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let LabelMe be imported where its windows are not installed; a call of one would raise an AttributeError."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", Image.MAX_IMAGE_PIXELS)  # LabelMe lifts it for the whole process
    for name in [name for name in WINDOWS if find_spec(name.partition(".")[0]) is None]:
        module = ModuleType(name)
        monkeypatch.setitem(sys.modules, name, module)
        package, _, part = name.partition(".")
        if part:
            setattr(sys.modules[package], part, module)


@LABELME
def test_labelmes_own_loader_reads_every_polygon(written: tuple[Segmentation, Path], without_windows: None) -> None:
    from labelme import LabelFile  # type: ignore[import-not-found]

    seg, folder = written
    loaded = LabelFile(str(folder / "labelme.json"))
    assert loaded.image_data.startswith(b"\x89PNG")
    labels = painted(seg, [(shape["label"], shape["points"]) for shape in loaded.shapes])
    np.testing.assert_array_equal(labels, seg.labels)


def test_the_polygons_of_labelme_give_the_labels_back(written: tuple[Segmentation, Path]) -> None:
    seg, folder = written
    document = json.loads((folder / "labelme.json").read_text(encoding="utf-8"))
    with Image.open(folder / document["imagePath"]) as photo:
        assert photo.size == (document["imageWidth"], document["imageHeight"])
    labels = painted(seg, [(shape["label"], shape["points"]) for shape in document["shapes"]])
    np.testing.assert_array_equal(labels, seg.labels)


def painted(seg: Segmentation, shapes: list[tuple[str, list[list[float]]]]) -> np.ndarray:
    """Labels (H, W): the polygons painted in their order, outline included."""
    canvas = Image.new("I", seg.labels.shape[::-1], NONE)
    draw = ImageDraw.Draw(canvas)
    for name, points in shapes:
        label = seg.names.index(name) if name in seg.names else NONE
        draw.polygon([(x, y) for x, y in points], fill=label, outline=label)
    return np.asarray(canvas)


def test_pillow_reads_the_index_picture(written: tuple[Segmentation, Path]) -> None:
    seg, folder = written
    with Image.open(folder / "labels.png") as picture:
        assert picture.mode == ("P" if len(seg.names) <= 255 else "I;16")
        index = np.asarray(picture).astype(int)
    none = 255 if len(seg.names) <= 255 else 65535
    np.testing.assert_array_equal(np.where(index == none, NONE, index), seg.labels)
    assert png(label_image(seg), optimize=True) == (folder / "labels.png").read_bytes()
