"""The result type: hand-drawn scores, and what follows from them."""

import dataclasses
import json

import numpy as np
import pytest

from zsseg.errors import UserError
from zsseg.segmentation import (
    NONE,
    Segmentation,
    margin,
    overlap,
    recovery_by_class,
    softmax_scores,
)

# Two classes on 4x4 pixels; "dog" is seen and leads on the left by 0.05, "cow" on the right by 0.3.
DOG = np.array([[0.75, 0.75, 0.3, 0.3]] * 4, dtype=np.float32)
COW = np.array([[0.70, 0.70, 0.6, 0.6]] * 4, dtype=np.float32)
COW[3] = 0.2
DOG[3] = 0.1


def drawn(penalty: float = 0.0, threshold: float = 0.0) -> Segmentation:
    return Segmentation("zegclip", "drawn", ("dog", "cow"), (True, False), np.stack([DOG, COW]), penalty, threshold)


def test_labels_are_the_best_class() -> None:
    assert drawn().labels.tolist() == [[0, 0, 1, 1]] * 3 + [[1] * 4]
    assert drawn().labels.dtype == np.int16


def test_penalty_is_taken_off_seen_classes_only() -> None:
    assert drawn(penalty=0.04).labels.tolist() == drawn().labels.tolist()
    assert drawn(penalty=0.06).labels.tolist() == [[1] * 4] * 4


def test_threshold_is_on_the_raw_score() -> None:
    seg = drawn(penalty=0.06, threshold=0.72)
    # Left: cow wins with 0.70 after the penalty, yet dog's raw 0.75 says that something is there.
    assert seg.labels.tolist() == [[1, 1, NONE, NONE]] * 3 + [[NONE] * 4]


def test_a_score_at_the_threshold_counts() -> None:
    scores = np.full((1, 1, 1), 0.5, dtype=np.float32)
    assert Segmentation("m", "n", ("a",), (True,), scores, 0.9, 0.5).labels.tolist() == [[0]]


def test_ties_go_to_the_first_class() -> None:
    scores = np.full((3, 2, 2), 0.5, dtype=np.float32)
    assert (Segmentation("m", "n", ("a", "b", "c"), (False,) * 3, scores, 0, 0).labels == 0).all()


def test_labels_equal_a_plain_argmax() -> None:
    rng = np.random.default_rng(0)
    scores = rng.random((7, 9, 11), dtype=np.float32)
    seen = tuple(bool(flag) for flag in rng.integers(0, 2, 7))
    seg = Segmentation("m", "n", tuple("abcdefg"), seen, scores, 0.1, 0.0)
    shifted = scores - np.float32(0.1) * np.array(seen, dtype=np.float32)[:, None, None]
    np.testing.assert_array_equal(seg.labels, shifted.argmax(0))


def test_area_leaves_out_none() -> None:
    assert drawn().area == (6 / 16, 10 / 16)
    assert drawn(threshold=0.65).area == (6 / 16, 0.0)


def test_settings_share_the_scores() -> None:
    seg = drawn(penalty=0.1, threshold=0.2)
    other = seg.with_settings(threshold=0.65)
    assert other.scores is seg.scores
    assert (other.seen_penalty, other.threshold) == (0.1, 0.65)
    assert seg.with_settings(seen_penalty=0.0).labels.tolist() == drawn().labels.tolist()
    assert seg.labels.tolist() == [[1] * 4] * 3 + [[1] * 4]


@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan"), float("inf")])
def test_settings_out_of_range(value: float) -> None:
    with pytest.raises(UserError, match="threshold must lie between 0 and 1"):
        drawn().with_settings(threshold=value)
    with pytest.raises(UserError, match="seen penalty must lie between -1 and 1"):
        drawn().with_settings(seen_penalty=value - 1 if value < 0 else value)


def test_a_penalty_below_0_favours_the_seen_names() -> None:
    scores = np.array([[[0.5, 0.3]], [[0.6, 0.6]]], dtype=np.float32)
    seg = Segmentation("m", "n", ("seen", "unseen"), (True, False), scores, 0.0, 0.0)
    assert seg.labels.tolist() == [[1, 1]]
    favoured = seg.with_settings(seen_penalty=-0.2, threshold=0.55)
    assert favoured.labels.tolist() == [[0, 1]]  # the threshold asks the raw scores still
    np.testing.assert_allclose(margin(favoured), [[0.1, 0.1]], atol=1e-6)


@pytest.mark.parametrize(
    "changes",
    [
        {"names": ("dog",)},
        {"seen": (True,)},
        {"names": ("dog", "dog")},
        {"scores": np.zeros((2, 4, 4))},
        {"scores": np.zeros((2, 4), dtype=np.float32)},
        {"scores": np.zeros((2, 0, 4), dtype=np.float32)},
        {"scores": np.full((2, 4, 4), 1.5, dtype=np.float32)},
        {"scores": np.full((2, 4, 4), np.nan, dtype=np.float32)},
    ],
)
def test_parts_that_do_not_fit(changes: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        dataclasses.replace(drawn(), **changes)  # type: ignore[arg-type]
    assert not isinstance(caught.value, UserError)


def test_shares_are_plain_numbers() -> None:
    json.dumps(drawn().area)


def random_answer(classes: int = 7, shape: tuple[int, int] = (9, 11), seed: int = 0) -> Segmentation:
    """Scores of any size, every other class seen, with ties and pixels that are none of the classes."""
    scores = np.random.default_rng(seed).integers(0, 20, (classes, *shape)).astype(np.float32) / 20
    names, seen = tuple(f"thing {i}" for i in range(classes)), tuple(i % 2 == 0 for i in range(classes))
    return Segmentation("zegclip", "random", names, seen, scores, 0.1, 0.6)


def test_labels_of_many_rows_equal_a_plain_argmax() -> None:
    """Rows are worked off in bands; the picture is higher than one."""
    seg = random_answer(5, (300, 640))
    shifted = seg.scores - np.float32(0.1) * np.array(seg.seen, dtype=np.float32)[:, None, None]
    expected = np.where(seg.scores.max(0) < 0.6, NONE, shifted.argmax(0))
    np.testing.assert_array_equal(seg.labels, expected)


def test_new_settings_keep_the_best_score() -> None:
    seg = random_answer()
    assert seg.with_settings(threshold=0.3).best_score is not None
    best = seg.best_score
    assert seg.with_settings(threshold=0.3).best_score is best
    np.testing.assert_array_equal(best, seg.scores.max(0))


def test_overlap_counts_raw_scores_above_the_level() -> None:
    seg = drawn(penalty=0.5)
    assert overlap(seg).tolist() == [[2, 2, 1, 1]] * 3 + [[0] * 4]
    assert overlap(seg, 0.7).tolist() == [[1, 1, 0, 0]] * 3 + [[0] * 4]  # 0.70 is not above 0.7
    assert overlap(seg).dtype == np.int16
    with pytest.raises(UserError, match="level must lie between 0 and 1"):
        overlap(seg, 1.5)


@pytest.mark.parametrize("penalty", [0.0, 0.1, 0.9, -0.1, -1.0])
def test_margin_is_first_less_second(penalty: float) -> None:
    seg = random_answer().with_settings(seen_penalty=penalty)
    shifted = seg.scores - np.float32(penalty) * np.array(seg.seen, dtype=np.float32)[:, None, None]
    ordered = np.sort(shifted, axis=0)
    np.testing.assert_array_equal(margin(seg), ordered[-1] - ordered[-2])
    assert margin(seg).min() >= 0


def test_margin_of_one_class_is_its_score_after_the_penalty() -> None:
    scores = np.array([[[0.75, 0.25]]], dtype=np.float32)
    assert margin(Segmentation("m", "n", ("a",), (True,), scores, 0.5, 0)).tolist() == [[0.25, 0.0]]
    assert margin(Segmentation("m", "n", ("a",), (False,), scores, 0.5, 0)).tolist() == [[0.75, 0.25]]


def test_views_leave_the_scores_alone() -> None:
    seg = random_answer()
    before = seg.scores.copy()
    for view in (overlap, margin, softmax_scores):
        view(seg)
    np.testing.assert_array_equal(seg.scores, before)


@pytest.mark.parametrize("temperature", [0.01, 0.5, 1.0, 100.0])
def test_softmax_of_the_logits_behind_the_sigmoids(temperature: float) -> None:
    # Beyond 4 a float32 sigmoid no longer tells logits apart to five digits.
    logits = np.random.default_rng(0).normal(0, 2, (4, 150, 300)).clip(-4, 4).astype(np.float32)
    scores = (1 / (1 + np.exp(-logits))).astype(np.float32)
    seg = Segmentation("m", "n", tuple("abcd"), (True,) * 4, scores, 0.3, 0.9)
    powers = np.exp((logits - logits.max(0)).astype(np.float64) / temperature)
    shares = softmax_scores(seg, temperature)
    np.testing.assert_allclose(shares, powers / powers.sum(0), atol=1e-6 + 1e-5 / temperature)
    np.testing.assert_allclose(shares.sum(0), 1, rtol=1e-5)
    assert shares.dtype == np.float32


def test_softmax_of_sure_scores_and_of_one_class() -> None:
    scores = np.array([0, 1, 1], dtype=np.float32)[:, None, None]
    shares = softmax_scores(Segmentation("m", "n", tuple("abc"), (True,) * 3, scores, 0, 0))
    np.testing.assert_allclose(shares.ravel(), [0, 0.5, 0.5], atol=1e-5)
    assert softmax_scores(Segmentation("m", "n", ("a",), (True,), scores[:1], 0, 0)).tolist() == [[[1]]]


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan"), float("inf"), 1e-9])
def test_softmax_refuses_a_temperature(temperature: float) -> None:
    with pytest.raises(UserError, match="temperature must lie between"):
        softmax_scores(drawn(), temperature)


def test_recovery_by_class_reads_the_patch_of_each_pixel() -> None:
    cosine = np.array([[0.2, 0.4], [0.6, 0.8]], dtype=np.float32)
    seg = dataclasses.replace(drawn(), features={"recovery_cosine": cosine})
    # Rows 0 and 1 read the upper patches, rows 2 and 3 the lower; dog holds the left of rows 0..2.
    dog, cow = (4 * 0.2 + 2 * 0.6) / 6, (4 * 0.4 + 2 * 0.8 + 2 * 0.6 + 2 * 0.8) / 10
    assert recovery_by_class(seg) == pytest.approx([dog, cow])
    assert recovery_by_class(seg.with_settings(threshold=0.65)) == pytest.approx([dog, None])


def test_recovery_by_class_on_patches_that_do_not_divide_the_photo() -> None:
    seg = dataclasses.replace(random_answer(3, (7, 10)), features={"recovery_cosine": np.full((3, 4), 0.5, np.float32)})
    assert recovery_by_class(seg) == pytest.approx([0.5] * 3)


def test_no_recovery_without_a_recovery_decoder() -> None:
    assert recovery_by_class(drawn()) == [None, None]


def test_a_class_switched_off_leaves_its_pixels_to_the_others() -> None:
    scores = np.array([[[0.9, 0.2]], [[0.6, 0.1]], [[0.3, 0.8]]], dtype=np.float32)
    seg = Segmentation("zegclip", "tiny", ("a", "b", "c"), (True, False, False), scores, 0.0, 0.5)
    assert seg.labels.tolist() == [[0, 2]]
    without = seg.with_settings(off=frozenset({"a"}))
    assert without.labels.tolist() == [[1, 2]]
    assert without.area == (0, 0.5, 0.5)
    np.testing.assert_array_equal(without.scores, seg.scores)
    assert without.with_settings(threshold=0.7).labels.tolist() == [[-1, 2]]  # the setting stays
    assert without.with_settings(off=frozenset()).labels.tolist() == [[0, 2]]


def test_with_every_class_off_no_pixel_is_painted() -> None:
    scores = np.full((2, 1, 1), 0.9, dtype=np.float32)
    seg = Segmentation("zegclip", "tiny", ("a", "b"), (True, True), scores, 0.0, 0.0, off=frozenset({"a", "b"}))
    assert (seg.labels == -1).all()
    with pytest.raises(ValueError, match="switched off"):
        seg.with_settings(off=frozenset({"zebra"}))


def test_classes_that_are_off_neither_lead_nor_claim() -> None:
    seg = random_answer(5, (6, 7)).with_settings(threshold=0.0, seen_penalty=0.1)
    hidden = frozenset({seg.names[int(seg.labels[0, 0])], seg.names[1]})
    kept = [index for index, name in enumerate(seg.names) if name not in hidden]
    alone = dataclasses.replace(
        seg, names=tuple(seg.names[i] for i in kept), seen=tuple(seg.seen[i] for i in kept), scores=seg.scores[kept]
    )
    np.testing.assert_array_equal(margin(seg.with_settings(off=hidden)), margin(alone))
    np.testing.assert_array_equal(overlap(seg.with_settings(off=hidden), 0.4), overlap(alone, 0.4))
    only = seg.with_settings(off=frozenset(seg.names[1:]), seen_penalty=0.0)
    np.testing.assert_array_equal(margin(only), seg.scores[0])
    assert (margin(seg.with_settings(off=frozenset(seg.names))) == 0).all()
