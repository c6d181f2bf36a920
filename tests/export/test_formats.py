"""COCO, LabelMe, masks and figure: read back by decoders of our own, they say what the labels say."""

import io
import warnings
from collections.abc import Sequence

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw

from tests.test_segmentation import drawn
from zsseg.export import coco, labelme, rle
from zsseg.export.encode import masks
from zsseg.export.figure import figure_png
from zsseg.export.labelme import BACKGROUND
from zsseg.segmentation import NONE, Segmentation

RNG = np.random.default_rng(3)


def of_labels(labels: np.ndarray, count: int) -> Segmentation:
    """An answer with exactly these labels; every second class is unseen."""
    scores = np.stack([labels == label for label in range(count)]).astype(np.float32)
    names = tuple(f"thing {label}" for label in range(count))
    return Segmentation("zegclip", "drawn", names, tuple(i % 2 == 0 for i in range(count)), scores, 0.0, 0.5)


def noise(height: int, width: int, cell: int, count: int = 3) -> Segmentation:
    """Random labels, NONE among them, in blocks of `cell` pixels: specks, diagonals, holes in holes."""
    cells = RNG.integers(NONE, count, (height, width))
    return of_labels(np.kron(cells, np.ones((cell, cell), dtype=int)), count)


def rings() -> Segmentation:
    """A class in a hole of another, which has a hole of none, in which the first class is again."""
    labels = np.full((9, 11), 0)
    labels[1:8, 1:8], labels[2:7, 2:7], labels[3:6, 3:6] = 1, NONE, 0
    return of_labels(labels, 2)


def decoded(counts: Sequence[int], size: Sequence[int]) -> np.ndarray:
    """COCO's RLE as its definition reads: columns, left to right, runs of 0 and 1 by turns."""
    values = [index % 2 for index, count in enumerate(counts) for _ in range(count)]
    assert len(values) == size[0] * size[1]
    return np.array([[values[x * size[0] + y] for x in range(size[1])] for y in range(size[0])], dtype=bool)


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (7, 1), (5, 8)])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 1.0])
def test_rle_round_trip(shape: tuple[int, int], share: float) -> None:
    mask = RNG.random(shape) < share
    code = rle(mask)
    assert code["size"] == list(shape)
    assert all(count > 0 for count in code["counts"][1:])
    np.testing.assert_array_equal(decoded(code["counts"], code["size"]), mask)


def test_rle_runs_down_the_columns() -> None:
    assert rle(np.array([[0, 1, 1], [0, 0, 1]], dtype=bool)) == {"size": [2, 3], "counts": [2, 1, 1, 2]}
    assert rle(np.array([[1, 0], [1, 0]], dtype=bool))["counts"] == [0, 2, 2]


@pytest.mark.parametrize("seg", [noise(6, 9, 1), noise(3, 4, 5), rings()])
def test_coco_says_what_the_labels_say(seg: Segmentation) -> None:
    document = coco(seg, "photo.png")
    categories = {row["id"]: (row["name"], row["seen"]) for row in document["categories"]}
    assert categories == {label + 1: pair for label, pair in enumerate(zip(seg.names, seg.seen, strict=True))}
    (image,) = document["images"]
    assert (image["file_name"], image["height"], image["width"]) == ("photo.png", *seg.labels.shape)
    labels = np.full(seg.labels.shape, NONE)
    for row in document["annotations"]:
        mask = decoded(row["segmentation"]["counts"], row["segmentation"]["size"])
        x, y, width, height = row["bbox"]
        assert row["area"] == mask.sum() == mask[y : y + height, x : x + width].sum() > 0
        assert mask[y].any()
        assert mask[y + height - 1].any()
        assert mask[:, x].any()
        assert mask[:, x + width - 1].any()
        assert row["image_id"] == image["id"]
        labels[mask] = row["category_id"] - 1
    np.testing.assert_array_equal(labels, seg.labels)


def test_coco_has_no_annotation_of_what_is_not_there() -> None:
    document = coco(drawn(penalty=0.06), "photo.png")  # cow everywhere
    assert [row["category_id"] for row in document["annotations"]] == [2]
    assert [row["name"] for row in document["categories"]] == ["dog", "cow"]


@pytest.mark.parametrize("seg", [noise(8, 9, 1), noise(12, 12, 1, 2), noise(5, 6, 4), rings(), drawn(), drawn(0.1)])
def test_painted_polygons_give_back_the_labels(seg: Segmentation) -> None:
    document = labelme(seg, "../photo.png")
    picture = Image.new("I", (document["imageWidth"], document["imageHeight"]), NONE)
    numbers = {BACKGROUND: NONE} | {name: label for label, name in enumerate(seg.names)}
    for shape in document["shapes"]:
        assert shape["shape_type"] == "polygon"
        assert len(shape["points"]) >= 3
        points = [tuple(point) for point in shape["points"]]
        # What LabelMe itself does: fill and outline.
        ImageDraw.Draw(picture).polygon(points, fill=numbers[shape["label"]], outline=numbers[shape["label"]])
    np.testing.assert_array_equal(np.array(picture), seg.labels)


def test_labelme_head() -> None:
    document = labelme(drawn(penalty=0.06, threshold=0.72), "../photo.png")
    assert (document["imagePath"], document["imageData"]) == ("../photo.png", None)
    assert document["version"].startswith("5.")
    assert {"flags", "shapes", "imageHeight", "imageWidth"} <= document.keys()
    (shape,) = document["shapes"]  # the cow at the top left; none of these beside it is in no hole
    assert (shape["label"], shape["flags"]) == ("cow", {"seen": False})
    assert sorted(shape["points"]) == [[0, 0], [0, 2], [1, 0], [1, 2]]


def test_masks_are_black_and_white_and_add_up() -> None:
    seg = noise(4, 5, 2, 11)
    files = dict(masks(seg))
    assert list(files)[:2] == ["00-thing-0.png", "01-thing-1.png"]
    stack = np.stack([np.array(Image.open(io.BytesIO(content))) for content in files.values()])
    assert stack.dtype == np.uint8
    assert set(np.unique(stack)) <= {0, 255}
    np.testing.assert_array_equal(stack == 255, np.arange(11)[:, None, None] == seg.labels)


def test_mask_names_differ_and_sort_even_if_slugs_do_not() -> None:
    scores = np.zeros((101, 1, 1), dtype=np.float32)
    names = tuple(["?", "!", *map(str, range(99))])
    seg = Segmentation("m", "n", names, (True,) * 101, scores, 0.0, 0.0)
    files = [name for name, _ in masks(seg)]
    assert files[:2] == ["000-unnamed.png", "001-unnamed.png"]
    assert files == sorted(set(files))


@pytest.mark.parametrize("count", [1, 40, 120])
@pytest.mark.parametrize("methods", [1, 3])
def test_figure_is_a_readable_png(count: int, methods: int) -> None:
    seg = noise(6, 8, 5, count)
    image = RNG.integers(0, 256, (*seg.labels.shape, 3), dtype=np.uint8)
    picture = Image.open(io.BytesIO(figure_png(image, {str(i): seg for i in range(methods)})))
    # The box is cut to what is drawn: a legend that grew to the side would make it wider than the panels.
    assert abs(picture.width - (methods + 1) * 3.75 * 120) < 120
    assert picture.height > 200


def test_figure_holds_the_photo_and_the_overlay() -> None:
    seg = of_labels(np.zeros((4, 4), dtype=int), 1)
    image = np.full((4, 4, 3), (10, 200, 30), dtype=np.uint8)
    bare, painted = (
        np.array(Image.open(io.BytesIO(figure_png(image, {"": seg}, {"": opacity}))).convert("RGB"))
        for opacity in (0.0, 1.0)
    )
    shown = [(pixels == (10, 200, 30)).all(2).mean() for pixels in (bare, painted)]
    assert shown[0] > 1.9 * shown[1] > 0.2


def test_figure_of_names_that_no_font_has_or_that_look_like_formulas() -> None:
    names = ("犬", r"$\frac{1}{$", "_hidden", "W" * 200)
    seg = Segmentation("m", "n" * 99, names, (True,) * 4, np.zeros((4, 5, 3), dtype=np.float32), 0.0, 0.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        data = figure_png(np.zeros((5, 3, 3), dtype=np.uint8), {"a": seg})
    assert data == figure_png(np.zeros((5, 3, 3), dtype=np.uint8), {"a": seg})
    assert cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) is not None
