"""A mask that a person brings, in whatever lossless form, and the scores against it."""

import dataclasses
import io
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.beside import case
from tests.export.test_write import PHOTO
from tests.image.test_load import encoded, huge_png
from tests.image.test_pages import tiff
from tests.test_segmentation import drawn, random_answer
from training.evaluation.metrics import ConfusionMatrix
from zsseg.analysis.confusion import harmonic_mean
from zsseg.analysis.ground_truth import MAX_UNMATCHED, NO_CLASS, AmbiguousMask, Truth, read_truth, score
from zsseg.errors import UserError
from zsseg.export import label_image, write_outputs
from zsseg.export.encode import masks
from zsseg.image.pages import ORIENTATION
from zsseg.segmentation import NONE

NAMES = ("cat", "dog", "cow")
IDS = np.array([[0, 1, 2], [2, 255, 1]], dtype=np.uint8)
LABELS = [[0, 1, 2], [2, NO_CLASS, 1]]
SIZE = (2, 3)
COLORS = np.array([[(255, 0, 0), (0, 255, 0), (0, 0, 255)], [(0, 0, 255), (9, 9, 9), (0, 255, 0)]], dtype=np.uint8)
COLOR_TABLE = "#ff0000: cat\n0,255,0 = Dog\n#0000ff: cow"


def palette_picture(ids: np.ndarray) -> Image.Image:
    """The palette says nothing true: every entry is the same colour, or the wrong id."""
    picture = Image.fromarray(ids)
    picture.putpalette(bytes(range(255, -1, -1)) * 3)
    assert picture.mode == "P"
    return picture


@pytest.mark.parametrize(
    "picture",
    [
        Image.fromarray(IDS),
        palette_picture(IDS),
        Image.fromarray(np.where(IDS == 255, 65535, IDS).astype(np.uint16)),
        Image.fromarray(IDS.astype(np.int32)),
        Image.merge(
            "LA", [Image.fromarray(np.where(IDS == 255, 1, IDS)), Image.fromarray(255 * (IDS < 255).astype("u1"))]
        ),
    ],
    ids=["L", "P", "I;16", "I", "LA"],
)
def test_ids_in_every_mode(picture: Image.Image) -> None:
    truth = read_truth(picture, NAMES, size=SIZE)
    assert truth.labels.tolist() == LABELS
    assert truth.labels.dtype == np.int16
    assert truth.names == NAMES
    assert truth.unmatched == {}


@pytest.mark.parametrize("kind", ["PNG", "GIF", "BMP", "TIFF", "TGA"])
def test_palette_files_keep_their_ids(kind: str, tmp_path: Path) -> None:
    data = encoded(palette_picture(IDS), kind)
    path = tmp_path / "mask"
    path.write_bytes(data)
    if kind == "GIF":  # this format sorts its palette and renumbers when written; take what it holds
        with Image.open(path) as picture:
            expected = np.asarray(picture).astype(int)
        assert read_truth(path, [f"n{i}" for i in range(256)], size=SIZE).labels.tolist() == expected.tolist()
        return
    for source in (data, path, str(path)):
        assert read_truth(source, NAMES, size=SIZE).labels.tolist() == LABELS


@pytest.mark.parametrize("classes", [2, 255, 300])
def test_our_own_labels_come_back(classes: int) -> None:
    seg = random_answer(classes, (20, 30))
    truth = read_truth(encoded(label_image(seg), optimize=True), seg.names, size=(20, 30))
    np.testing.assert_array_equal(truth.labels, seg.labels)
    assert truth.unmatched == {}


@pytest.mark.parametrize("word", ["black", "white", "grey", "gray cat", "red"])
def test_our_own_labels_come_back_whatever_colour_their_class_is_named_for(word: str) -> None:
    seg = dataclasses.replace(drawn(), names=(word, "cow"))
    whole = seg.with_settings(threshold=0.0, off=frozenset({"cow"}))
    for answer in (seg, whole):
        truth = read_truth(encoded(label_image(answer), optimize=True), answer.names, size=(4, 4))
        np.testing.assert_array_equal(truth.labels, answer.labels)


def test_written_labels_score_full(tmp_path: Path) -> None:
    seg = drawn()
    truth = read_truth(write_outputs(PHOTO, seg, tmp_path)[0], seg.names, size=(4, 4))
    scores = score(truth, seg)
    assert (scores.iou, scores.accuracy, scores.hiou) == ((1.0, 1.0), 1.0, 1.0)


def test_colours_by_table() -> None:
    truth = read_truth(encoded(Image.fromarray(COLORS)), NAMES, COLOR_TABLE, size=SIZE)
    assert truth.labels.tolist() == LABELS
    assert truth.unmatched == {"#090909": pytest.approx(1 / 6)}


def test_transparent_pixels_are_left_out_in_silence() -> None:
    alpha = np.where((COLORS == 9).all(2), 0, 255).astype(np.uint8)[..., None]
    truth = read_truth(Image.fromarray(np.concatenate([COLORS, alpha], 2)), NAMES, COLOR_TABLE, size=SIZE)
    assert truth.labels.tolist() == LABELS
    assert truth.unmatched == {}


def test_ids_by_table_and_what_is_left_out() -> None:
    ids = np.array([[15, 8, 3, 3], [15, 7, 255, 0]], dtype=np.uint8)
    truth = read_truth(
        Image.fromarray(ids), ("cat", "person"), "15: person\n8: cat\n3: bird\n0: background", size=(2, 4)
    )
    assert truth.labels.tolist() == [[1, 0, NO_CLASS, NO_CLASS], [1, NO_CLASS, NO_CLASS, NO_CLASS]]
    assert list(truth.unmatched.items()) == [("3 (bird)", 0.25), ("7", 0.125)]  # the largest first
    assert (truth.named, truth.unknown) == ({"3 (bird)": 0.25}, {"7": 0.125})
    # A bird is none of the two, nor is the background, as the table names both; 7 and what is void may be anything.
    assert truth.others is not None
    assert truth.others.tolist() == [[False, False, True, True], [False] * 4]
    assert truth.none_is_right(truth.labels).tolist() == [[False, False, True, True], [False, False, False, True]]


def test_a_void_id_that_the_table_names_is_a_class() -> None:
    assert read_truth(Image.fromarray(IDS), ("sky",), "255: sky", size=SIZE).labels.tolist() == [[-1] * 3, [-1, 0, -1]]


def test_voc_ids_and_synonyms() -> None:
    ids = np.array([[12, 0, 8]], dtype=np.uint8)
    assert read_truth(Image.fromarray(ids), ("cat", "Dog"), "voc20", size=(1, 3)).labels.tolist() == [[1, NO_CLASS, 0]]
    table = "12: hound | dog\n8: cat"
    assert read_truth(Image.fromarray(ids), ("cat", "Dog"), table, size=(1, 3)).labels.tolist() == [[1, NO_CLASS, 0]]


def test_two_ids_of_one_class() -> None:
    assert read_truth(Image.fromarray(IDS), ("pet",), "0: pet\n1: pet", size=SIZE).labels.tolist() == [
        [0, 0, -1],
        [-1, -1, 0],
    ]


@pytest.mark.parametrize("mode", ["1", "L", "I"])
def test_a_black_and_white_mask_is_asked_about(mode: str) -> None:
    picture = Image.fromarray(np.array([[0, 255, 255]], np.uint8)).convert(mode)
    white = int(np.asarray(picture).max())
    with pytest.raises(AmbiguousMask, match=f"black and white.*“{white}: cat”") as question:
        read_truth(picture, NAMES, size=(1, 3))
    chosen = read_truth(picture, NAMES, question.value.readings["white is cat"], size=(1, 3))
    assert chosen.labels.tolist() == [[NO_CLASS, 0, 0]]
    truth = read_truth(picture, NAMES, f"{white}: cat\n0: dog", size=(1, 3))
    assert truth.labels.tolist() == [[1, 0, 0]]
    palette = palette_picture(np.array([[0, 255, 255]], np.uint8))  # as our own labels.png of one class
    assert read_truth(palette, NAMES, size=(1, 3)).labels.tolist() == [[0, NO_CLASS, NO_CLASS]]


def with_palette(ids: np.ndarray, *colors: tuple[int, int, int]) -> Image.Image:
    picture = Image.fromarray(ids)
    picture.putpalette([value for color in colors for value in color])
    return picture


TWO = np.array([[0, 1, 1]], np.uint8)
BLACK, WHITE, GREY, RED, GREEN = (0, 0, 0), (255, 255, 255), (128, 128, 128), (128, 0, 0), (0, 128, 0)


@pytest.mark.parametrize(
    ("picture", "says", "table"),
    [
        (with_palette(TWO, BLACK, WHITE), "black and white.*“1: cat”.*“0: cow”", "1: cat\n0: dog"),
        (with_palette(1 - TWO, WHITE, BLACK), "black and white.*“0: cat”.*“1: cow”", "0: cat\n1: dog"),
        (Image.fromarray(TWO.astype(np.uint16) * 65535), "black and white.*“65535: cat”", "65535: cat\n0: dog"),
        (with_palette(TWO, BLACK, GREY), "id 1 as the grey tone 128", "1: cat\n0: dog"),
        (with_palette(TWO, BLACK, RED), "paints id 0 black.*“0: background”.*“1: cow”", "1: cat\n0: dog"),
        (with_palette(TWO, RED, GREEN), "", "1: cat\n0: dog"),
    ],
)
def test_two_ids_whose_meaning_is_unclear_are_asked_about(picture: Image.Image, says: str, table: str) -> None:
    if says:
        with pytest.raises(UserError, match=says):
            read_truth(picture, NAMES, size=(1, 3))
    else:  # colours of classes, as in our own labels.png
        assert read_truth(picture, NAMES, size=(1, 3)).labels.tolist() == [[0, 1, 1]]
    assert read_truth(picture, NAMES, table, size=(1, 3)).labels.tolist() == [[1, 0, 0]]


def test_both_readings_of_a_black_first_id_can_be_chosen() -> None:
    picture = with_palette(np.array([[0, 1, 2]], np.uint8), BLACK, RED, GREEN)
    with pytest.raises(AmbiguousMask) as question:
        read_truth(picture, NAMES, size=(1, 3))
    labels = {
        label: read_truth(picture, NAMES, table, size=(1, 3)).labels.tolist()
        for label, table in question.value.readings.items()
    }
    assert labels == {"0 is the background": [[NO_CLASS, 0, 1]], "0 is cat": [[0, 1, 2]]}


@pytest.mark.parametrize("levels", [(0, 255), (0, 128), (1, 255), (0, 254)])
@pytest.mark.parametrize("kind", ["PNG", "GIF", "BMP", "TIFF", "PPM", "TGA"])
def test_a_mask_of_two_tones_is_asked_about_in_every_kind_of_file(levels: tuple[int, int], kind: str) -> None:
    tones = np.where(np.eye(20, 24) > 0, *levels).astype(np.uint8)
    if levels == (1, 255) and kind != "GIF":  # class 1 and void: GIF alone renumbers them
        assert np.unique(read_truth(encoded(Image.fromarray(tones), kind), NAMES, size=(20, 24)).labels).tolist() == [
            -1,
            1,
        ]
        return
    with pytest.raises(UserError, match="into the table|in the table|for every id"):
        read_truth(encoded(Image.fromarray(tones), kind), NAMES, size=(20, 24))


def test_ids_of_another_data_set_are_asked_about() -> None:
    ids = Image.fromarray(np.array([[15, 57, 255]], np.uint8))
    with pytest.raises(AmbiguousMask, match=r"15, 57.*another way.*coco80") as question:
        read_truth(ids, ("cat", "couch"), size=(1, 3))
    # Each reading names the classes that it would find, and is a table that can be read.
    assert next(iter(question.value.readings.items())) == ("coco80: 15 is cat, 57 is couch", "coco80")
    assert read_truth(ids, ("couch", "cat"), "coco80", size=(1, 3)).labels.tolist() == [[1, 0, NO_CLASS]]


def test_another_size_of_the_same_shape_is_resampled_nearest() -> None:
    double = IDS.repeat(4, 0).repeat(4, 1)
    assert read_truth(Image.fromarray(double), NAMES, size=SIZE).labels.tolist() == LABELS
    small = read_truth(Image.fromarray(IDS), NAMES, size=(8, 12)).labels
    np.testing.assert_array_equal(small, np.array(LABELS).repeat(4, 0).repeat(4, 1))
    # A photo of 2001x3000 is shrunk to 683x1024; its mask is not.
    assert read_truth(Image.fromarray(np.zeros((2001, 3000), np.uint8)), NAMES, size=(683, 1024)).labels.shape == (
        683,
        1024,
    )


@pytest.mark.parametrize("shape", [(3, 2), (480, 500), (640, 480)])
def test_another_shape_is_refused(shape: tuple[int, int]) -> None:
    with pytest.raises(UserError, match=f"{shape[1]}x{shape[0]} pixels, which is another shape"):
        read_truth(Image.fromarray(np.zeros(shape, np.uint8)), NAMES, size=(480, 640))


def test_unmatched_is_short_even_for_a_photo() -> None:
    photo = np.random.default_rng(0).integers(1, 256, (50, 60, 3), dtype=np.uint8)
    photo[0, 0] = 0
    truth = read_truth(Image.fromarray(photo), NAMES, "0,0,0: cat", size=(50, 60))
    assert (truth.labels == 0).sum() == 1
    assert len(truth.unmatched) == MAX_UNMATCHED


@pytest.mark.parametrize(
    ("picture", "table", "words"),
    [
        (Image.fromarray(COLORS), None, "colour picture: give a table"),
        (Image.fromarray(COLORS), " \n", "colour picture: give a table"),
        (Image.fromarray(COLORS), "#123456: cat", "it holds #.*add lines such as “#.*: cat”"),
        (Image.fromarray(COLORS), "1: cat", "it holds #"),
        (palette_picture(IDS), "#ff0000: cat", "it holds 1, 2, 0: add lines such as “1: cat”"),
        (palette_picture(IDS), "2: bird", r"it holds 1, 2 \(bird\), 0"),
        (Image.fromarray(np.full(SIZE, 255, np.uint8)), None, "all are void or background"),
        (Image.fromarray(IDS.astype(np.float32)), None, r"rare kind \(F\)"),
        (Image.fromarray(COLORS).convert("CMYK"), None, r"rare kind \(CMYK\)"),
    ],
)
def test_masks_that_say_nothing(picture: Image.Image, table: str | None, words: str) -> None:
    with pytest.raises(UserError, match=words):
        read_truth(picture, NAMES, table, size=SIZE)


def jpeg_tiff() -> bytes:
    return encoded(Image.fromarray(np.zeros((16, 16, 3), np.uint8)), "TIFF", compression="jpeg")


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
def test_lossy_kinds_are_refused(kind: str) -> None:
    data = encoded(Image.fromarray(COLORS), kind)
    for source in (data, Image.open(io.BytesIO(data)), jpeg_tiff()):
        with pytest.raises(UserError, match="save it as PNG"):
            read_truth(source, NAMES, COLOR_TABLE, size=SIZE)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (b"junk", "not a picture"),
        (b"", "not a picture"),
        (encoded(Image.fromarray(IDS.repeat(99, 0).repeat(99, 1)))[:-40], "damaged"),
        (huge_png(60_000, 60_000), "too large"),
        (huge_png(8_500, 8_500), "too large"),
        (None, "choose a file"),
        ("no-such-mask.png", "cannot be opened"),
        ("a\0b", "cannot be opened"),
    ],
)
def test_bad_files(source: object, words: str) -> None:
    with pytest.raises(UserError, match=words):
        read_truth(source, NAMES, size=SIZE)


@pytest.mark.parametrize("low", [-2, -171, -(2**31)])
def test_ids_below_0_are_refused_and_minus_1_is_no_class(low: int) -> None:
    ids = IDS.astype(np.int32)
    ids[0, 0] = -1
    assert read_truth(encoded(Image.fromarray(ids), "TIFF"), NAMES, size=SIZE).labels[0, 0] == NO_CLASS
    ids[0, 1] = low
    with pytest.raises(UserError, match=f"ids below 0, such as {low}"):
        read_truth(encoded(Image.fromarray(ids), "TIFF"), NAMES, size=SIZE)
    assert read_truth(encoded(Image.fromarray(ids), "TIFF"), NAMES, "1: dog", size=SIZE).unmatched[str(low)] > 0


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
@pytest.mark.parametrize("turn", range(2, 9))
def test_a_mask_that_a_tag_turns_is_refused(kind: str, turn: int) -> None:
    tags = Image.Exif()
    tags[ORIENTATION] = turn
    data = encoded(Image.fromarray(IDS), kind, exif=tags)
    for source in (data, Image.open(io.BytesIO(data))):
        with pytest.raises(UserError, match=rf"tag of its own \(orientation {turn}\)"):
            read_truth(source, NAMES, size=SIZE)


def test_the_full_page_of_a_mask_is_read_wherever_it_lies() -> None:
    full, copy = np.repeat(np.repeat(IDS, 4, 0), 4, 1), np.full_like(IDS, 1)
    for pages in (((copy, {254: 1}), (full, {254: 0})), ((full, {254: 0}), (copy, {254: 1}))):
        truth = read_truth(tiff(*pages), NAMES, size=SIZE)
        assert truth.labels.tolist() == LABELS
    hidden = encoded(Image.fromarray(copy), save_all=True, default_image=True, append_images=[Image.fromarray(IDS)])
    assert read_truth(hidden, NAMES, size=SIZE).labels.tolist() == LABELS


@pytest.mark.parametrize("table", [{"0": "cat"}, 5, ["cat"], b"0: cat", True])
def test_a_table_of_another_type_is_a_sentence(table: object) -> None:
    with pytest.raises(UserError, match="A colour table is a text, .*, not"):
        read_truth(encoded(Image.fromarray(IDS)), NAMES, table, size=SIZE)  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", range(4))
def test_scores_equal_those_of_training(seed: int) -> None:
    rng = np.random.default_rng(seed)
    seg = random_answer(6, (20, 30), seed)
    labels = rng.choice([NO_CLASS, 0, 1, 2, 4], (20, 30)).astype(np.int16)  # 3 and 5 do not occur
    if seed == 1:
        seg = seg.with_settings(threshold=1.0)  # nearly all none
    matrix = ConfusionMatrix(6)
    matrix.update(labels, seg.labels)
    scores = score(Truth(seg.names, labels, {}), seg)
    seen, unseen = (matrix.mean_iou(i for i in range(6) if seg.seen[i] == kind) for kind in (True, False))
    np.testing.assert_allclose([np.nan if iou is None else iou for iou in scores.iou], matrix.iou())
    assert scores.accuracy == pytest.approx(matrix.accuracy())
    assert (scores.miou_seen, scores.miou_unseen) == pytest.approx((seen, unseen))
    assert scores.hiou == pytest.approx(harmonic_mean(seen, unseen))


def test_scores_follow_the_sliders() -> None:
    seg = drawn()
    truth = Truth(seg.names, seg.labels, {})
    assert score(truth, seg.with_settings(threshold=0.65)).accuracy == 6 / 16  # none is a miss
    moved = score(truth, seg.with_settings(seen_penalty=0.06))
    assert moved.iou == (0.0, 10 / 16)
    assert moved.hiou == 0


def test_scores_of_what_does_not_occur() -> None:
    seg = drawn(threshold=0.65)
    labels = np.full((4, 4), NO_CLASS, dtype=np.int16)
    nothing = score(Truth(seg.names, labels, {}), seg)
    assert (nothing.iou, nothing.accuracy, nothing.miou_seen, nothing.hiou) == ((None, None), None, None, None)
    labels[:3, :2] = 0
    one = score(Truth(seg.names, labels, {}), seg)
    assert (one.iou, one.miou_seen, one.miou_unseen, one.hiou) == ((1.0, None), 1.0, None, None)
    assert (seg.labels == NONE).any()


def test_none_of_these_is_right_where_another_class_is_named() -> None:
    ids = np.array([[15, 15, 3, 3], [15, 15, 7, 0]], dtype=np.uint8)
    truth = read_truth(Image.fromarray(ids), ("cat", "dog"), "15: cat\n3: bird\n0: background", size=(2, 4))
    seg = random_answer(2, (2, 4))
    assert truth.listed == (True, False)
    painted = dataclasses.replace(truth, names=seg.names)  # the two classes of the answer, whatever their names
    everything = seg.with_settings(threshold=0.0)
    scores = score(painted, everything)
    right = int((everything.labels[:, :2] == 0).sum())
    wrong = int((everything.labels[[0, 0, 1], [2, 3, 3]] == 0).sum())
    assert scores.iou[0] == right / (4 + wrong)
    # 4 pixels of the cat, 2 of the bird, and the background's if it was called a cat: it may well be a dog.
    assert scores.accuracy == right / (6 + (everything.labels[1, 3] == 0))
    nothing = score(painted, seg.with_settings(threshold=1.0))
    assert nothing.iou[0] == 0
    assert nothing.accuracy == 3 / 7


def test_a_black_and_white_mask_gives_the_iou_of_its_class() -> None:
    """Black is not that class: painting the whole photo is not right. Of other classes black says nothing."""
    white = np.zeros((4, 4), np.uint8)
    white[:, :2] = 255
    with pytest.raises(AmbiguousMask) as question:
        read_truth(Image.fromarray(white), ("cat", "dog"), size=(4, 4))
    truth = read_truth(Image.fromarray(white), ("cat", "dog"), question.value.readings["white is cat"], size=(4, 4))
    seg = dataclasses.replace(random_answer(2, (4, 4)), names=("cat", "dog"))
    painted = int((seg.labels == 0).sum())
    hits = int((seg.labels[:, :2] == 0).sum())
    assert score(truth, seg).iou[0] == hits / (8 + painted - hits)
    dogs = seg.labels == 1
    assert dogs[:, 2:].any()
    assert not truth.none_is_right(seg.labels)[dogs].any()


def test_a_truth_of_another_question() -> None:
    seg = drawn()
    for truth in (Truth(("dog",), seg.labels, {}), Truth(seg.names, seg.labels[1:], {})):
        with pytest.raises(UserError, match="give it again"):
            score(truth, seg)


@pytest.mark.alone
def test_fast_enough_for_a_slider() -> None:
    seg = random_answer(20, (480, 640))
    truth = Truth(seg.names, np.roll(seg.labels, 5), {})
    assert seg.labels.shape == (480, 640)
    times = []
    for _ in range(7):
        start = time.perf_counter()
        score(truth, seg)
        times.append(time.perf_counter() - start)
    assert min(times) < 0.01


@pytest.mark.parametrize("kind", ["grey", "1 bit", "grey palette", "16 bits", "with alpha"])
@pytest.mark.parametrize("names", [NAMES, ("cat",)])
def test_a_black_and_white_picture_is_asked_about(kind: str, names: tuple[str, ...]) -> None:
    # Read as ids, white would count as void and black as the first class: the score of the inverse, without a word.
    white = np.eye(4, 6, dtype=bool)
    grey = Image.fromarray(white.astype(np.uint8) * np.uint8(255))
    picture = {
        "grey": grey, "1 bit": Image.fromarray(white), "16 bits": Image.fromarray(white.astype(np.uint16) * 255),
        "grey palette": grey.convert("P"), "with alpha": grey.convert("LA"),
    }[kind]  # fmt: skip
    value = int(np.asarray(picture).max()) if kind != "1 bit" else 1
    for source in (picture, encoded(picture)):
        with pytest.raises(UserError, match=f"“{value}: "):
            read_truth(source, names, size=(4, 6))
        truth = read_truth(source, NAMES, f"{value}: cat\n0: dog", size=(4, 6))
        assert truth.labels.tolist() == (1 - np.eye(4, 6, dtype=int)).tolist()


def test_two_ids_of_the_names_are_no_drawing() -> None:
    ids = np.eye(4, 4, dtype=np.uint8)
    assert read_truth(Image.fromarray(ids), NAMES, size=(4, 4)).labels.tolist() == ids.tolist()
    seg = drawn()
    labels = np.where(seg.labels == 0, 0, NONE)
    alone = dataclasses.replace(
        seg, names=seg.names[:1], seen=seg.seen[:1], scores=(labels == 0)[None].astype(np.float32), threshold=0.5
    )
    truth = read_truth(encoded(label_image(alone)), alone.names, size=(4, 4))  # 0 and 255, but with our own colours
    np.testing.assert_array_equal(truth.labels, alone.labels)


def test_our_own_masks_do_not_score_their_inverse(tmp_path: Path) -> None:
    seg = drawn()
    for name, content in masks(seg):
        with pytest.raises(UserError, match="black and white"):
            read_truth(content, seg.names, size=(4, 4))
        label = int(name[:2])
        table = f"255: {seg.names[label]}\n0: {seg.names[1 - label]}"
        assert (read_truth(content, seg.names, table, size=(4, 4)).labels == label).tolist() == (
            seg.labels == label
        ).tolist()


def test_the_reported_mask_is_asked_about() -> None:
    path = case("02-mask-0-255") / "own-00-cat.png"
    with Image.open(path) as picture:
        size = (picture.height, picture.width)
    with pytest.raises(UserError, match="black and white"):
        read_truth(path, ("cat", "sofa"), size=size)
