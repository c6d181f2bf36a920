"""The result type: hand-drawn scores, and what follows from them."""

import dataclasses
import json

import numpy as np
import pytest

from zsseg.errors import UserError
from zsseg.segmentation import MAX_SCORES, NONE, Segmentation, check_size

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
    with pytest.raises(UserError, match="seen penalty must lie between 0 and 1"):
        drawn().with_settings(seen_penalty=value)


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


def test_size_limit() -> None:
    check_size(500, 480, 640)
    with pytest.raises(UserError, match="too much memory"):
        check_size(MAX_SCORES, 2, 1)


def test_shares_are_plain_numbers() -> None:
    json.dumps(drawn().area)
