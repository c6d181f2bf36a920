"""Pictures: stable colours, hatching, common scales, one shared basis."""

import numpy as np
import pytest

from tests.test_segmentation import drawn
from zsseg.segmentation import Segmentation
from zsseg.visualize import (
    color_of,
    colors_of,
    cosine_map,
    enlarge,
    legend,
    overlay,
    pca_rgb,
    score_map,
)
from zsseg.vocabulary import COCO171, VOC20


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
    with pytest.raises(ValueError, match="does not match"):
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
