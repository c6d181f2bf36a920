"""Pictures: stable colours, hatching, common scales, one shared basis."""

import colorsys
import itertools

import cv2
import numpy as np
import pytest

from tests.test_segmentation import drawn, random_answer
from zsseg.analysis.compare import compare
from zsseg.errors import UserError
from zsseg.examples import EXAMPLES
from zsseg.segmentation import NONE, Segmentation
from zsseg.synthetic import NAMES
from zsseg.text.class_lists import COCO171, VOC20
from zsseg.text.presets import PRESETS
from zsseg.visualize import (
    color_of,
    colors_of,
    cosine_map,
    disagreement_map,
    distance,
    enlarge,
    error_map,
    isolation_masks,
    legend,
    margin_map,
    overlap_colors,
    overlap_map,
    overlay,
    paint_layer,
    pca_rgb,
    pixel_scores,
    score_map,
)


def flat(names: tuple[str, ...], seen: tuple[bool, ...], side: int = 64) -> Segmentation:
    """The first name everywhere."""
    scores = np.zeros((len(names), side, side), dtype=np.float32)
    scores[0] = 0.9
    return Segmentation("zegclip", "flat", names, seen, scores, 0.0, 0.5)


@pytest.mark.parametrize("names", [VOC20, COCO171, [f"thing {i}" for i in range(500)]])
def test_colours_differ_within_a_list(names: list[str]) -> None:
    assert len(set(colors_of(names))) == len(names)


def test_colours_are_stable() -> None:
    assert color_of("dog") == colors_of(["dog", "cat"])[0] == color_of("Dog")
    # A class added at the end never repaints the others.
    assert colors_of(VOC20)[:7] == colors_of(VOC20[:7])
    assert color_of("cat") == (105, 15, 120)  # a change of the hash or the palette would repaint everybody's figures


@pytest.mark.parametrize(
    ("names", "least"),
    [
        *(((example.seen + ", " + example.unseen).split(", "), 0.1) for example in EXAMPLES),
        (list(PRESETS["Pets"]), 0.08),
        (list(PRESETS["Street"]), 0.08),
        (list(VOC20), 0.04),
    ],
)
def test_colours_of_one_answer_are_apart_for_every_eye(names: list[str], least: float) -> None:
    assert min(distance(*pair) for pair in itertools.combinations(colors_of(names), 2)) >= least


def test_colours_of_drawn_scenes_are_apart_for_every_eye() -> None:
    for seed in range(20):
        names = ["ground", *map(str, np.random.default_rng(seed).choice(NAMES[1:], 7, replace=False))]
        assert min(distance(*pair) for pair in itertools.combinations(colors_of(names), 2)) >= 0.04, names


def test_distance_is_that_of_the_eye_that_sees_least() -> None:
    assert distance((0, 0, 0), (255, 255, 255)) == pytest.approx(1, abs=0.01)
    red, green = (215, 60, 40), (120, 120, 0)  # alike to a deuteranope only
    assert distance(red, green) < 0.5 * distance((215, 60, 40), (0, 90, 200))
    assert distance(red, red) == 0


@pytest.mark.parametrize(("word", "hue"), [("red", 0), ("yellow", 55), ("green", 130), ("blue", 225), ("purple", 280)])
def test_a_colour_word_is_painted_in_its_colour(word: str, hue: int) -> None:
    names = [f"plain {word} {shape}" for shape in ("circle", "square", "star")]
    for color in colors_of(["car", "dog", *names])[2:]:
        turn = colorsys.rgb_to_hsv(*(value / 255 for value in color))[0] * 360
        assert min((turn - hue) % 360, (hue - turn) % 360) < 40, color
    assert color_of(f"{word} car") == color_of(f"the {word} one")


def test_overlay_paints_by_opacity() -> None:
    seg, photo = flat(("dog",), (True,)), np.full((64, 64, 3), 100, dtype=np.uint8)
    np.testing.assert_array_equal(overlay(photo, seg, 0.0), photo)
    assert tuple(overlay(photo, seg, 1.0)[5, 5]) == color_of("dog")
    half = overlay(photo, seg, 0.5)[5, 5].astype(float)
    np.testing.assert_allclose(half, (100 + np.array(color_of("dog"))) / 2, atol=1)


def test_unseen_classes_are_hatched() -> None:
    photo = np.zeros((64, 64, 3), dtype=np.uint8)
    assert len(np.unique(overlay(photo, flat(("dog",), (True,))).reshape(-1, 3), axis=0)) == 1
    assert len(np.unique(overlay(photo, flat(("dog",), (False,))).reshape(-1, 3), axis=0)) == 2


def test_none_shows_the_photo() -> None:
    photo = np.random.default_rng(0).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    painted = overlay(photo, drawn(threshold=0.65), 1.0)
    np.testing.assert_array_equal(painted[3], photo[3])
    assert (painted[0, 0] == color_of("dog")).all()


def test_regions_are_outlined() -> None:
    assert (overlay(np.full((4, 4, 3), 255, dtype=np.uint8), drawn(), 1.0)[0, 2] == 0).all()


def test_overlay_leaves_its_input_alone_and_checks_its_size() -> None:
    photo = np.full((64, 64, 3), 100, dtype=np.uint8)
    overlay(photo, flat(("dog",), (False,)))
    assert (photo == 100).all()
    with pytest.raises(UserError, match="a photo of 64 x 64 pixels"):
        overlay(photo[:-1], flat(("dog",), (True,)))


def test_legend() -> None:
    rows = legend(drawn())
    assert [(row.name, row.seen, row.area) for row in rows] == [("dog", True, 6 / 16), ("cow", False, 10 / 16)]
    assert [row.color for row in rows] == colors_of(["dog", "cow"])
    assert rows[0].hex == "#" + bytes(rows[0].color).hex()


def test_score_maps_share_one_scale() -> None:
    low, high = score_map(np.array([[0.2]], dtype=np.float32)), score_map(np.array([[0.2, 1.0]], dtype=np.float32))
    np.testing.assert_array_equal(low[0, 0], high[0, 0])
    ramp = score_map(np.linspace(0, 1, 256, dtype=np.float32)[None]).astype(int).sum(2)[0]
    assert (np.diff(ramp) >= -2).all()  # brighter is more


def test_cosine_map_clips() -> None:
    picture = cosine_map(np.array([[-1.0, 0.0, 1.0, 1.0000001]], dtype=np.float32))
    np.testing.assert_array_equal(picture[0, 0], picture[0, 1])
    np.testing.assert_array_equal(picture[0, 2], picture[0, 3])


def test_pca_uses_one_basis_and_one_scale() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.standard_normal((4, 5, 8)).astype(np.float32), rng.standard_normal((3, 2, 8)).astype(np.float32)
    pictures = pca_rgb([first, second, first * 7])
    assert [p.shape for p in pictures] == [(4, 5, 3), (3, 2, 3), (4, 5, 3)]
    np.testing.assert_array_equal(pictures[0], pictures[2])  # length says nothing, direction everything
    np.testing.assert_array_equal(pca_rgb([first, second, first * 7])[1], pictures[1])


def test_pca_of_two_clusters_has_two_colours() -> None:
    features = np.zeros((4, 4, 6), dtype=np.float32)
    features[:2, :, 0] = 1
    features[2:, :, 1] = 1
    picture = pca_rgb([features])[0]
    assert sorted({int(value) for value in picture[..., 0].ravel()}) == [0, 255]
    assert (picture[..., 1:] == 128).all()


@pytest.mark.parametrize("shape", [(1, 1, 5), (2, 2, 1)])
def test_pca_of_nothing_to_tell_apart_is_grey(shape: tuple[int, int, int]) -> None:
    assert (pca_rgb([np.ones(shape, dtype=np.float32)])[0] == 128).all()


def test_enlarge_repeats_patches() -> None:
    small = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    np.testing.assert_array_equal(enlarge(small, 6, 4), small.repeat(3, 0).repeat(2, 1))


@pytest.mark.parametrize("opacity", [0.0, 0.35, 1.0])
def test_paint_over_the_photo_is_the_overlay(opacity: float) -> None:
    seg, photo = drawn(threshold=0.65), np.random.default_rng(0).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    layer = paint_layer(seg, max_side=100)
    alpha = opacity * layer[..., 3:] / 255  # as a browser mixes them
    mixed = photo * (1 - alpha) + layer[..., :3] * alpha
    assert 0 < (layer[..., 3] == 0).mean() < 1
    assert np.abs(mixed - overlay(photo, seg, opacity)).max() <= 1


def test_paint_for_the_screen_is_no_larger_than_asked() -> None:
    layer = paint_layer(drawn(), max_side=2)
    assert layer.shape == (2, 2, 4)
    assert (layer[..., 3] == 255).all()


def plain_overlay(image: np.ndarray, seg: Segmentation, opacity: float) -> np.ndarray:
    """The overlay written out pixel by pixel rule, without any shortcut."""
    labels, colors = seg.labels, np.array(colors_of(seg.names))
    period = max(6, min(labels.shape) // 32)
    paint = np.zeros(image.shape, dtype=np.uint8)
    for y, x in np.ndindex(*labels.shape):
        color = colors[labels[y, x]]
        if not seg.seen[labels[y, x]] and (y + x) % period < max(1, period // 5):
            color = color // 2 + (0 if color @ [0.299, 0.587, 0.114] > 128 else 127)
        left, up = labels[y, max(0, x - 1)], labels[max(0, y - 1), x]
        paint[y, x] = color if labels[y, x] == left == up else 0
    blend = cv2.addWeighted(image, 1 - opacity, paint, opacity, 0)
    return np.where((labels == NONE)[..., None], image, blend)


@pytest.mark.parametrize("shape", [(64, 96), (300, 7), (1, 1)])
@pytest.mark.parametrize("classes", [1, 5, 300])
def test_overlay_equals_its_plain_rule(shape: tuple[int, int], classes: int) -> None:
    rng = np.random.default_rng(0)
    seg = random_answer(classes, shape)
    coarse = np.ascontiguousarray(seg.scores[:, ::8, ::8].repeat(8, 1).repeat(8, 2)[:, : shape[0], : shape[1]])
    blocks = Segmentation("m", "n", seg.names, seg.seen, coarse, 0.1, 0.9)
    photo = rng.integers(0, 256, (*shape, 3), dtype=np.uint8)
    for opacity in (0.0, 0.6, 1.0):
        np.testing.assert_array_equal(overlay(photo, blocks, opacity), plain_overlay(photo, blocks, opacity))


def test_colours_cannot_be_altered_by_who_asked_for_them() -> None:
    colors_of(["dog", "cat"]).clear()
    assert len(colors_of(["dog", "cat"])) == 2


def luminance(pixels: np.ndarray) -> np.ndarray:
    return pixels.astype(float) @ [0.299, 0.587, 0.114]


@pytest.mark.parametrize("most", [1, 3, 20])
def test_overlap_steps_are_apart_in_brightness(most: int) -> None:
    colors = overlap_colors(most)
    assert len(colors) == len(set(colors)) == most + 1
    assert (np.diff(luminance(np.array(colors))) > 0).all()


def test_overlap_map_draws_its_legend() -> None:
    picture = overlap_map(np.array([[0, 1, 3, 9]], dtype=np.int16), 3)
    colors = overlap_colors(3)
    assert [tuple(pixel) for pixel in picture[0].tolist()] == [colors[0], colors[1], colors[3], colors[3]]
    with pytest.raises(ValueError, match="at least 1"):
        overlap_map(np.zeros((1, 1), dtype=np.int16), 0)


def test_margin_map_has_a_fixed_scale() -> None:
    picture = margin_map(np.array([[0.0, 0.5, 1.0, 1.3]], dtype=np.float32))
    assert (np.diff(luminance(picture[0])) >= 0).all()
    np.testing.assert_array_equal(picture[0, 2], picture[0, 3])
    np.testing.assert_array_equal(margin_map(np.array([[0.5]], dtype=np.float32))[0, 0], picture[0, 1])
    half = margin_map(np.array([[0.25, 0.5, 0.8]], dtype=np.float32), 0.5)[0]
    np.testing.assert_array_equal(half, picture[0, 1:])
    with pytest.raises(ValueError, match="above 0"):
        margin_map(np.zeros((1, 1), dtype=np.float32), 0.0)


def test_isolation_shows_one_class_and_dims_the_rest() -> None:
    layers = isolation_masks(drawn())
    for index, layer in enumerate(layers):
        assert layer is not None
        np.testing.assert_array_equal(layer[..., 3] == 0, drawn().labels == index)
        assert set(np.unique(layer[..., 3]).tolist()) == {0, 191}
        assert layer[layer[..., 3] > 0][:, :3].max() < 20
    assert isolation_masks(drawn(threshold=0.65))[1] is None


def test_isolation_layers_are_small_and_lose_no_class() -> None:
    scores = np.zeros((2, 640, 1000), dtype=np.float32)
    scores[0] = 0.5
    scores[1, 401, 703] = 1
    layers = isolation_masks(Segmentation("m", "n", ("sky", "bird"), (True, True), scores, 0, 0))
    assert [layer is not None and layer.shape for layer in layers] == [(205, 320, 4)] * 2
    assert np.argwhere(layers[1][..., 3] == 0).tolist() == [[401 * 205 // 640, 703 * 320 // 1000]]  # type: ignore[index]


@pytest.mark.parametrize("shape", [(1, 1), (1, 1000), (321, 2)])
def test_isolation_of_odd_shapes(shape: tuple[int, int]) -> None:
    layer = isolation_masks(random_answer(1, shape).with_settings(threshold=0.0))[0]
    assert layer is not None
    assert max(layer.shape[:2]) <= 320
    assert (layer[..., 3] == 0).all()


def test_pixel_scores_are_sorted_before_the_penalty() -> None:
    rows = pixel_scores(drawn(penalty=0.1), 0, 1)
    assert [(row.name, row.seen) for row in rows] == [("dog", True), ("cow", False)]
    assert [row.score for row in rows] == pytest.approx([0.75, 0.7])
    assert [row.adjusted for row in rows] == pytest.approx([0.65, 0.7])
    assert [row.color for row in rows] == colors_of(["dog", "cow"])
    assert [row.name for row in pixel_scores(drawn(), 0, 3)] == ["cow", "dog"]


@pytest.mark.parametrize("place", [(-1, 0), (0, -1), (4, 0), (0, 4)])
def test_pixel_outside_the_photo(place: tuple[int, int]) -> None:
    with pytest.raises(UserError, match="outside the photo"):
        pixel_scores(drawn(), *place)


def test_disagreement_is_brighter_than_any_agreement() -> None:
    rng = np.random.default_rng(0)
    photo = rng.integers(0, 256, (4, 4, 3), dtype=np.uint8)
    photo[0, 0], photo[0, 1] = 255, 0  # the brightest and the darkest pixel, on either side
    photo[3, 0], photo[3, 1] = 0, 255
    comparison = compare(drawn(), drawn(penalty=0.06))
    light = luminance(disagreement_map(photo, comparison))
    assert light[comparison.disagreement].min() > light[~comparison.disagreement].max() + 40
    with pytest.raises(ValueError, match="does not match"):
        disagreement_map(photo[1:], comparison)


def test_the_map_of_errors_marks_what_is_painted_over_another_class() -> None:
    photo = np.full((1, 4, 3), 90, np.uint8)
    labels, truth = np.array([[0, 1, 0, -1]], np.int16), np.array([[0, 0, -1, -1]], np.int16)
    reddish = error_map(photo, labels, truth)[..., 0] > error_map(photo, labels, truth)[..., 2]
    assert reddish.tolist() == [[False, True, False, False]]  # unknown pixels are right, whatever is painted there
    marked = error_map(photo, labels, truth, others=np.array([[False, False, True, True]]))
    assert (marked[..., 0] > marked[..., 2]).tolist() == [[False, True, True, False]]
