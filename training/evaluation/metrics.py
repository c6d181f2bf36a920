"""Segmentation metrics: confusion matrix over a data set, IoU, pAcc, hIoU, calibration error."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
import torch.distributed as dist

from zsseg.analysis.confusion import class_iou, confusion


class ConfusionMatrix:
    """Pixel counts, true class by predicted class, summed over photos. Pixels without a true class are ignored.

    Args:
        classes: number of classes K.

    Attributes:
        table: (K+1, K+1) int64 pixels, as `zsseg.analysis.confusion` counts them: index 0 is "none". Row 0 is zero.
        photos: (K,) int64, number of photos in which each class occurs.
    """

    def __init__(self, classes: int) -> None:
        self.classes = classes
        self.reset()

    def reset(self) -> None:
        """Set all counts to zero."""
        self.table = np.zeros((self.classes + 1, self.classes + 1), np.int64)
        self.photos = np.zeros(self.classes, np.int64)

    def update(self, truth: np.ndarray, predicted: np.ndarray) -> None:
        """Count one photo.

        Args:
            truth: (H, W) integers; pixels outside 0..K-1 (255, for example) are ignored.
            predicted: (H, W) integers; outside 0..K-1 means "none", which is wrong for every class.

        Raises:
            ValueError: the shapes differ.
        """
        if truth.shape != predicted.shape:
            raise ValueError(f"truth is {truth.shape}, prediction {predicted.shape}")
        true, guess = self._labels(truth), self._labels(predicted)
        counts = confusion(true, guess, self.classes)
        # Row 0 has the pixels without a true class.
        counts[0] = 0
        self.table += counts
        self.photos += np.isin(np.arange(self.classes), true)  # (K,)

    def _labels(self, values: np.ndarray) -> np.ndarray:
        """(H, W) int16, -1 outside 0..K-1."""
        wide = values.astype(np.int64)  # an 8-bit array could not hold -1
        return np.where((wide >= 0) & (wide < self.classes), wide, -1).astype(np.int16)

    def sum_over_processes(self) -> None:
        """Add up the counts of all processes, in every one of them; a single process keeps its own."""
        if dist.is_initialized():
            for counts in (self.table, self.photos):
                # NCCL sums on GPUs only.
                total = torch.from_numpy(counts).to("cuda" if dist.get_backend() == "nccl" else "cpu")
                dist.all_reduce(total)
                # In place: `table` and `photos` stay the arrays that they are.
                counts[...] = total.cpu().numpy()

    @property
    def counts(self) -> np.ndarray:
        """(K, K+1) pixels, true class by predicted class; the last column is "none"."""
        # Column 0 is "none"; it moves behind the classes.
        return np.roll(self.table[1:], -1, axis=1)

    def accuracy(self) -> float:
        """pAcc: share of labelled pixels with the right class, 0..1; nan if nothing was counted."""
        total = self.table.sum()
        # Cell (0, 0) is zero, so the diagonal has right classes only.
        return float(np.trace(self.table) / total) if total else float("nan")

    def iou(self) -> np.ndarray:
        """(K,) intersection over union per class, 0..1; nan for a class that neither occurs nor is predicted."""
        return np.array([np.nan if value is None else value for value in class_iou(self.table)])

    def mean_iou(self, classes: Iterable[int], min_photos: int = 1) -> float:
        """Mean IoU over those of `classes` that occur in at least `min_photos` photos; nan if there are none."""
        counted = [c for c in classes if self.photos[c] >= min_photos]
        return float(self.iou()[counted].mean()) if counted else float("nan")


# eq=False: arrays have no single truth value.
@dataclass(frozen=True, eq=False)
class ReliabilityCurve:
    """Reliability diagram: predicted scores against observed frequencies, in bins of equal width from 0 to 1.

    Attributes:
        cases: (bins,) number of (pixel, class) pairs whose score falls into the bin.
        score: (bins,) mean score of the bin; nan for an empty bin.
        share: (bins,) share of the bin's pairs whose true class it is; nan for an empty bin.
    """

    cases: np.ndarray
    score: np.ndarray
    share: np.ndarray

    @property
    def error(self) -> float:
        """Expected calibration error, 0..1: mean |score - share| weighted by `cases`; nan if all bins are empty."""
        total = self.cases.sum()
        return float(np.nansum(self.cases * np.abs(self.score - self.share)) / total) if total else float("nan")


class Reliability:
    """Per-class histograms of scores, summed over photos. Pixels without a true class are ignored.

    Args:
        classes: number of classes K.
        bins: number of bins of equal width from 0 to 1.
    """

    def __init__(self, classes: int, bins: int = 20) -> None:
        self.bins = bins
        self.cases = np.zeros((classes, bins), np.int64)
        self.hits = np.zeros((classes, bins), np.int64)
        self.sums = np.zeros((classes, bins))

    def update(self, truth: np.ndarray, scores: np.ndarray) -> None:
        """Count one photo.

        Args:
            truth: (H, W) integers; pixels outside 0..K-1 are ignored.
            scores: (K, H, W) sigmoid of every class, 0..1.

        Raises:
            ValueError: the shapes do not fit.
        """
        if scores.shape != (len(self.cases), *truth.shape):
            raise ValueError(f"truth is {truth.shape}, scores {scores.shape}")
        valid = (truth >= 0) & (truth < len(self.cases))
        true = truth[valid]
        for index, values in enumerate(scores[:, valid]):  # (K, P) row by row
            where = np.minimum((values * self.bins).astype(np.int64), self.bins - 1)  # a score of 1 is in the last
            self.cases[index] += np.bincount(where, minlength=self.bins)
            self.hits[index] += np.bincount(where[true == index], minlength=self.bins)
            self.sums[index] += np.bincount(where, values, self.bins)

    def curve(self, classes: Iterable[int]) -> ReliabilityCurve:
        """Return the reliability curve of some classes taken together."""
        rows = list(classes)
        cases = self.cases[rows].sum(0)
        # nan, not a division by 0, where a bin has no pair.
        some = np.where(cases > 0, cases, np.nan)
        return ReliabilityCurve(cases, self.sums[rows].sum(0) / some, self.hits[rows].sum(0) / some)
