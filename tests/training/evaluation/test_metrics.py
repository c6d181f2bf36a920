"""Scores against arrays small enough to count by hand."""

import numpy as np
import pytest

from training.evaluation.metrics import ConfusionMatrix
from zsseg.analysis.confusion import harmonic_mean

TRUTH = np.array([[0, 0, 1, 1], [0, 0, 1, 1], [2, 2, 255, 255], [2, 2, 255, 255]], np.uint8)
GUESS = np.array([[0, 0, 1, 0], [0, 1, 1, 1], [2, 2, 0, 1], [1, -1, 2, 2]], np.int16)


def test_confusion_matrix__counts_by_hand() -> None:
    matrix = ConfusionMatrix(3)
    matrix.update(TRUTH, GUESS)
    assert matrix.counts.tolist() == [[3, 1, 0, 0], [1, 3, 0, 0], [0, 1, 2, 1]]
    assert matrix.accuracy() == pytest.approx(8 / 12)
    assert matrix.iou() == pytest.approx([3 / 5, 3 / 6, 2 / 4])
    assert matrix.mean_iou([0, 2]) == pytest.approx(0.55)


def test_confusion_matrix__void_pixels_never_count() -> None:
    matrix = ConfusionMatrix(3)
    matrix.update(np.full((4, 4), 255, np.uint8), np.zeros((4, 4), np.int16))
    assert matrix.counts.sum() == 0
    assert np.isnan(matrix.accuracy())
    assert np.isnan(matrix.iou()).all()


def test_confusion_matrix__sums_photos_before_dividing() -> None:
    matrix = ConfusionMatrix(2)
    matrix.update(np.zeros((4, 4), np.uint8), np.zeros((4, 4), np.int16))
    matrix.update(np.array([[0, 1]], np.uint8), np.array([[1, 1]], np.int16))
    assert matrix.iou() == pytest.approx([16 / 17, 1 / 2])
    assert matrix.photos.tolist() == [2, 1]
    matrix.reset()
    assert matrix.counts.sum() == 0
    assert matrix.photos.sum() == 0


def test_mean_iou__leaves_out_rare_classes() -> None:
    matrix = ConfusionMatrix(3)
    for _ in range(3):
        matrix.update(np.array([[0, 0]], np.uint8), np.array([[0, 2]], np.int16))
    matrix.update(np.array([[1, 1]], np.uint8), np.array([[2, 2]], np.int16))
    assert matrix.mean_iou(range(3), min_photos=3) == pytest.approx(0.5)
    assert matrix.mean_iou([0, 1]) == pytest.approx(0.25)
    assert np.isnan(matrix.mean_iou([2]))


def test_confusion_matrix__refuses_other_sizes() -> None:
    with pytest.raises(ValueError, match="prediction"):
        ConfusionMatrix(2).update(np.zeros((2, 2), np.uint8), np.zeros((2, 3), np.int16))


def test_harmonic_mean__published_rows() -> None:
    """ZegCLIP's VOC rows; both zero is zero, one unknown is unknown."""
    assert harmonic_mean(91.9, 77.8) == pytest.approx(84.3, abs=0.1)
    assert harmonic_mean(92.3, 89.9) == pytest.approx(91.1, abs=0.1)
    assert harmonic_mean(0.0, 0.0) == 0.0
    assert np.isnan(harmonic_mean(0.5, float("nan")))
