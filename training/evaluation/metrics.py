"""Scores of a segmentation: one confusion matrix over a whole data set, and what is read off it."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np


class ConfusionMatrix:
    """Pixel counts, true class by predicted class, summed over photos; pixels without a true class are left out.

    Args:
        classes: number of classes K.
    """

    def __init__(self, classes: int) -> None:
        self.classes = classes
        self.reset()

    def reset(self) -> None:
        """Forget everything counted."""
        self.counts = np.zeros((self.classes, self.classes + 1), np.int64)
        self.photos = np.zeros(self.classes, np.int64)

    def update(self, truth: np.ndarray, predicted: np.ndarray) -> None:
        """Count one photo.

        Args:
            truth: (H, W) integers; outside 0..K-1 (255, for one) the pixel is left out.
            predicted: (H, W) integers; outside 0..K-1 the pixel is answered "none", which is wrong for every class.
        """
        if truth.shape != predicted.shape:
            raise ValueError(f"truth is {truth.shape}, prediction {predicted.shape}")
        valid = (truth >= 0) & (truth < self.classes)
        true, guess = truth[valid].astype(np.int64), predicted[valid].astype(np.int64)
        guess[(guess < 0) | (guess >= self.classes)] = self.classes
        width = self.classes + 1
        self.counts += np.bincount(true * width + guess, minlength=self.classes * width).reshape(self.counts.shape)
        self.photos += np.bincount(np.unique(true), minlength=self.classes)

    def accuracy(self) -> float:
        """pAcc: the share of labelled pixels that are right, 0..1; nan when nothing was counted."""
        total = self.counts.sum()
        return float(np.diagonal(self.counts).sum() / total) if total else float("nan")

    def iou(self) -> np.ndarray:
        """(K,) intersection over union of each class, 0..1; nan where a class neither occurs nor is predicted."""
        hits = np.diagonal(self.counts)
        union = self.counts.sum(1) + self.counts[:, : self.classes].sum(0) - hits
        return np.where(union > 0, hits / np.maximum(union, 1), np.nan)

    def mean_iou(self, classes: Iterable[int], min_photos: int = 1) -> float:
        """Mean IoU over those of `classes` that occur in at least `min_photos` photos; nan when none does."""
        counted = [c for c in classes if self.photos[c] >= min_photos]
        return float(self.iou()[counted].mean()) if counted else float("nan")


@dataclass(frozen=True, eq=False)
class ReliabilityCurve:
    """Scores against what is true, bin by bin; bins of equal width from 0 to 1.

    Attributes:
        cases: (bins,) pairs of pixel and class whose score falls into the bin.
        score: (bins,) their mean score; nan where there is none.
        share: (bins,) the share of them that truly are the class; nan where there is none.
    """

    cases: np.ndarray
    score: np.ndarray
    share: np.ndarray

    @property
    def error(self) -> float:
        """Expected calibration error: the mean distance of score and share over all cases, 0..1; nan without any."""
        total = self.cases.sum()
        return float(np.nansum(self.cases * np.abs(self.score - self.share)) / total) if total else float("nan")


class Reliability:
    """Histograms of scores, class by class, summed over photos; pixels without a true class are left out.

    Args:
        classes: number of classes K.
        bins: of equal width from 0 to 1.
    """

    def __init__(self, classes: int, bins: int = 20) -> None:
        self.bins = bins
        self.cases = np.zeros((classes, bins), np.int64)
        self.hits = np.zeros((classes, bins), np.int64)
        self.sums = np.zeros((classes, bins))

    def update(self, truth: np.ndarray, scores: np.ndarray) -> None:
        """Count one photo.

        Args:
            truth: (H, W) integers; outside 0..K-1 the pixel is left out.
            scores: (K, H, W) sigmoid of every class, 0..1.
        """
        if scores.shape != (len(self.cases), *truth.shape):
            raise ValueError(f"truth is {truth.shape}, scores {scores.shape}")
        valid = (truth >= 0) & (truth < len(self.cases))
        true = truth[valid]
        for index, values in enumerate(scores[:, valid]):
            where = np.minimum((values * self.bins).astype(np.int64), self.bins - 1)  # a score of 1 is in the last
            self.cases[index] += np.bincount(where, minlength=self.bins)
            self.hits[index] += np.bincount(where[true == index], minlength=self.bins)
            self.sums[index] += np.bincount(where, values, self.bins)

    def curve(self, classes: Iterable[int]) -> ReliabilityCurve:
        """Read off the curve of some classes taken together."""
        rows = list(classes)
        cases = self.cases[rows].sum(0)
        some = np.where(cases > 0, cases, np.nan)
        return ReliabilityCurve(cases, self.sums[rows].sum(0) / some, self.hits[rows].sum(0) / some)


def harmonic_iou(seen: float, unseen: float) -> float:
    """hIoU = 2 S U / (S + U): high only when seen and unseen are both; 0 when both are 0, nan when one is."""
    return 2 * seen * unseen / (seen + unseen) if seen + unseen != 0 else 0.0
