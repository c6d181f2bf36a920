"""Two answers side by side: agreement and overlap per class."""

import numpy as np
import pytest

from tests.test_segmentation import drawn, random_answer
from zsseg.analysis.compare import compare
from zsseg.errors import UserError
from zsseg.segmentation import NONE


def test_an_answer_agrees_with_itself() -> None:
    comparison = compare(drawn(), drawn())
    assert comparison.agreement == 1
    assert comparison.iou == (1.0, 1.0)
    assert not comparison.disagreement.any()


def test_hand_drawn() -> None:
    # With the penalty cow takes dog's six pixels.
    comparison = compare(drawn(), drawn(penalty=0.06))
    assert comparison.names == ("dog", "cow")
    assert comparison.agreement == 10 / 16
    assert comparison.iou == (0.0, 10 / 16)
    assert comparison.disagreement.tolist() == [[True, True, False, False]] * 3 + [[False] * 4]


def test_none_is_a_label_but_no_class() -> None:
    first, second = drawn(threshold=0.65), drawn(threshold=0.65, penalty=0.01)
    assert (first.labels == NONE).any()
    assert compare(first, second).agreement == 1
    assert compare(first, second).iou == (1.0, None)
    assert compare(first, drawn()).agreement == 6 / 16


@pytest.mark.parametrize("seed", range(3))
def test_equals_the_plain_rule_and_is_symmetric(seed: int) -> None:
    first, second = random_answer(seed=seed), random_answer(seed=seed + 10)
    one, other = compare(first, second), compare(second, first)
    assert one.agreement == other.agreement == (first.labels == second.labels).mean()
    assert one.iou == other.iou
    for index, iou in enumerate(one.iou):
        a, b = first.labels == index, second.labels == index
        assert iou == pytest.approx((a & b).sum() / (a | b).sum())


def test_answers_that_cannot_be_compared() -> None:
    with pytest.raises(UserError, match="different classes"):
        compare(random_answer(3), random_answer(4))
    with pytest.raises(UserError, match=r"11x9 and 12x9"):
        compare(random_answer(3), random_answer(3, (9, 12)))


def test_a_thousand_classes() -> None:
    first = random_answer(1000, (4, 5))
    comparison = compare(first, first.with_settings(seen_penalty=0.0))
    assert len(comparison.iou) == 1000
    assert np.mean(~comparison.disagreement) == comparison.agreement
