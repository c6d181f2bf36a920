"""The one result type of both methods, checked on construction; every view and file is made from it."""

import dataclasses
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from numbers import Real

import numpy as np
import numpy.typing as npt

from zsseg.errors import UserError
from zsseg.files import shortened
from zsseg.scores import MAX_SCORES, ScoreMaps
from zsseg.scores import FloatArray as FloatArray

NONE = -1
"""Label of a pixel that is none of the classes."""

_LOGIT_EDGE = 1e-6
_BAND_VALUES = 2**16


class _Scores:
    """The field `scores`: takes an array or maps that are computed on demand, and gives an array."""

    def __get__(self, seg: "Segmentation | None", owner: type | None = None) -> FloatArray:
        if seg is None:
            raise AttributeError("scores has no default")
        maps = seg.maps
        return maps.array() if isinstance(maps, ScoreMaps) else maps

    def __set__(self, seg: "Segmentation", value: "FloatArray | ScoreMaps") -> None:
        # Straight into the dictionary, because the dataclass is frozen.
        seg.__dict__["maps"] = value


@dataclass(frozen=True, eq=False)
class Segmentation:
    """The answer of one model for one photo.

    Scores are stored; labels are computed from scores, penalty and threshold, so sliders never run the network.

    Attributes:
        method: key of the method, such as "clip_rc".
        model: name of the checkpoint.
        names: K different class names, in the order of the request.
        seen: K flags, True where the class counts as seen in training.
        scores: (K,H,W) sigmoid in 0..1, before the seen penalty. May be given as `zsseg.scores.ScoreMaps`, which is
            small; the array is then computed when it is read, and kept while the process has room for it.
        maps: the same as given: an array or `ScoreMaps`. Iterate over it where one class at a time is enough.
        seen_penalty: taken off the score of every seen class before the argmax, in -1..1; below 0 it favours them.
        threshold: a pixel whose largest raw score is below this is none of the classes, in 0..1.
        features: CLIP-RC: "encoder", "decoder", "recovered" and "target", each (h,w,D), over the whole photo, and
            "recovery_cosine" (h,w) between the last two, computed when the first of them is read; other methods: empty.
        seconds: wall time of the prediction.
        provenance: where the model comes from: sha256 of the checkpoint, backbone, its sha256, setting.
        off: names that are switched off: no pixel gets them as its label; their scores are kept.
        photo_scores: K values in 0..1, how strongly the whole photo speaks for each class, see
            `zsseg.analysis.photo_gate`; empty where unknown.
        photo_gate: strength at which they were applied to `scores`, 0..1; 0 where they were not.
        warnings: sentences about names that were not used as typed, such as a truncated one; mostly none.

    Raises:
        UserError: penalty or threshold outside their ranges, `off` is no set; when `scores` is read, too many of
            them for one array.
        ValueError: the parts do not fit together.
    """

    method: str
    model: str
    names: tuple[str, ...]
    seen: tuple[bool, ...]
    scores: FloatArray
    seen_penalty: float
    threshold: float
    features: Mapping[str, FloatArray] = field(default_factory=dict)
    seconds: float = 0.0
    provenance: Mapping[str, str] = field(default_factory=dict)
    off: frozenset[str] = frozenset()
    warnings: tuple[str, ...] = ()
    photo_scores: tuple[float, ...] = ()
    photo_gate: float = 0.0

    def __post_init__(self) -> None:
        """Refuse parts that do not fit."""
        check_penalty(self.seen_penalty)
        check_fraction(self.threshold, "The threshold")
        if not isinstance(self.off, set | frozenset):
            raise UserError(f"Classes that are switched off are a set of names, not {type(self.off).__name__}.")
        # Maps on demand are not looked through here, as that would compute them all.
        if not isinstance(self.maps, ScoreMaps):
            _check_array(self.maps)
        if not len(self.names) == len(self.seen) == len(self.maps):
            raise ValueError(f"{len(self.names)} names, {len(self.seen)} flags, {len(self.maps)} score maps")
        if self.photo_scores and len(self.photo_scores) != len(self.names):
            raise ValueError(f"{len(self.names)} names, {len(self.photo_scores)} photo scores")
        if len(set(self.names)) != len(self.names):
            raise ValueError("the class names must differ")
        if not self.off <= set(self.names):
            unknown = min(map(str, self.off - set(self.names)))
            raise UserError(f"Only classes that were asked can be switched off, and {shown(unknown)} is none of them.")

    @property
    def maps(self) -> FloatArray | ScoreMaps:
        """The scores as they were given: an array, or maps that are computed on demand; (K,H,W) either way."""
        maps: FloatArray | ScoreMaps = self.__dict__["maps"]
        return maps

    @cached_property
    def labels(self) -> npt.NDArray[np.int16]:
        """(H,W) index of the best class after the seen penalty, the first at ties, or NONE."""
        _, height, width = self.maps.shape
        if self.maps.size > MAX_SCORES:
            labels = self._best(self.maps)
        else:
            scores, labels = self.scores, np.zeros((height, width), dtype=np.int16)
            for rows in _bands(height, width):
                labels[rows] = self._best(scores[:, rows])
        # The raw score is compared: the penalty decides between classes and does not hide one.
        labels[self.best_score < self.threshold] = NONE
        # Cached and shared by every view, so nobody may write into them.
        labels.setflags(write=False)
        return labels

    def _best(self, scores: FloatArray | ScoreMaps) -> npt.NDArray[np.int16]:
        """Index of the best of (K,h,W) scores after the penalty, (h,W)."""
        best = np.full(scores.shape[1:], -np.inf, dtype=np.float32)
        labels = np.zeros(best.shape, dtype=np.int16)
        # One class at a time: several times faster than an argmax over the first axis, and no copy of all scores.
        for index, adjusted in enumerate(_adjusted(self, scores)):
            if self.names[index] in self.off:
                continue
            better = adjusted > best
            np.maximum(best, adjusted, out=best)
            # Indices grow, so the maximum is the latest that was better; plain arithmetic is faster than a masked copy.
            np.maximum(labels, better * np.int16(index), out=labels)
        return labels

    @cached_property
    def best_score(self) -> FloatArray:
        """(H,W) the largest raw score of a class that is on, before the penalty, in 0..1; -1 where none is on."""
        best: FloatArray = np.full(self.maps.shape[1:], -1, dtype=np.float32)
        for name, score in zip(self.names, self.maps, strict=True):
            if name not in self.off:
                np.maximum(best, score, out=best)
        return best

    @cached_property
    def area(self) -> tuple[float, ...]:
        """Share of the photo that each class holds, in 0..1; the rest belongs to none of them."""
        counts = np.bincount(self.labels.ravel() + 1, minlength=len(self.names) + 1)  # NONE = -1 is counted at 0
        return tuple(float(count) / self.labels.size for count in counts[1:])

    def with_settings(
        self,
        seen_penalty: float | None = None,
        threshold: float | None = None,
        off: frozenset[str] | None = None,
    ) -> "Segmentation":
        """The same scores, not copied, seen through other settings; None keeps the present one."""
        penalty = self.seen_penalty if seen_penalty is None else seen_penalty
        limit = self.threshold if threshold is None else threshold
        hidden = self.off if off is None else off
        other = dataclasses.replace(
            self,
            scores=self.maps,  # type: ignore[arg-type]
            seen_penalty=penalty,
            threshold=limit,
            off=hidden,
        )
        if "best_score" in self.__dict__ and hidden == self.off:  # depends on neither of the numbers
            other.__dict__["best_score"] = self.best_score
        return other


# After the class was made, since a dataclass takes what is assigned in its body for a default.
Segmentation.scores = _Scores()  # type: ignore[assignment]


def check_fraction(value: float, what: str) -> None:
    """Refuse a setting outside 0..1, infinite or not a number.

    Raises:
        UserError: with `what` as the subject of the sentence.
    """
    if not (_is_number(value) and 0 <= value <= 1):
        raise UserError(f"{what} must lie between 0 and 1, not {shown(value)}.")


def check_penalty(value: float) -> None:
    """Refuse a seen penalty outside -1..1, infinite or not a number.

    Raises:
        UserError: it is.
    """
    if not (_is_number(value) and -1 <= value <= 1):
        raise UserError(f"The seen penalty must lie between -1 and 1, not {shown(value)}.")


def _is_number(value: object) -> bool:
    """Whether a value is a finite number; booleans and texts are not."""
    if type(value) is bool or not isinstance(value, Real):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number or a fraction beyond every float
        return False


def shown(value: object) -> str:
    """A value of any type for a sentence, cut where it is long; a text has quotes."""
    return shortened(repr(value) if isinstance(value, str) else value)


def _check_array(scores: FloatArray) -> None:
    if scores.ndim != 3 or scores.dtype != np.float32 or scores.size == 0:
        raise ValueError(f"scores must be (K,H,W) float32, not {scores.shape} {scores.dtype}")
    low, high = float(scores.min()), float(scores.max())
    if not (low >= 0 and high <= 1):  # written so that NaN fails too
        raise ValueError(f"scores must lie in 0..1, not {low}..{high}")


def _adjusted(seg: Segmentation, scores: FloatArray | ScoreMaps) -> Iterator[FloatArray]:
    """Each class's part of (K,...) scores after the seen penalty, one after the other."""
    for score, seen in zip(scores, seg.seen, strict=True):
        yield score - np.float32(seg.seen_penalty) if seen else score


def _bands(height: int, row: int) -> Iterator[slice]:
    """Rows of `row` values each, as many at once as stay in the processor's cache."""
    step = max(1, _BAND_VALUES // row)
    for top in range(0, height, step):
        yield slice(top, top + step)


def overlap(seg: Segmentation, level: float = 0.5) -> npt.NDArray[np.int16]:
    """(H,W) how many classes that are on score above `level`, before the seen penalty.

    Every class has its own sigmoid, so none, one or several may claim a pixel.

    Args:
        seg: the answer.
        level: in 0..1.

    Raises:
        UserError: the level is outside 0..1.
    """
    check_fraction(level, "The level")
    counts = np.zeros(seg.maps.shape[1:], dtype=np.int16)
    for name, score in zip(seg.names, seg.maps, strict=True):
        if name not in seg.off:
            counts += score > level
    return counts


def margin(seg: Segmentation) -> FloatArray:
    """(H,W) how far the best class leads the second after the seen penalty, from 0 to 1 plus the penalty's size.

    Classes that are switched off play no part. With one class: its score after the penalty, at least 0; with none: 0.
    """
    # Two running maxima, (H, W) each: a sort over all classes would need every map at once.
    best = np.full(seg.maps.shape[1:], -np.inf, dtype=np.float32)
    second = best.copy()
    for name, score in zip(seg.names, _adjusted(seg, seg.maps), strict=True):
        if name not in seg.off:
            np.maximum(second, np.minimum(best, score), out=second)
            np.maximum(best, score, out=best)
    if len(seg.names) - len(seg.off) < 2:
        np.maximum(best, 0, out=best)
        second.fill(0)
    return np.subtract(best, second, out=best)


def softmax_scores(seg: Segmentation, temperature: float = 1.0) -> FloatArray:
    """(K,H,W) softmax over the classes instead of their sigmoids; sums to 1 at every pixel.

    The logits are read back from the scores, clipped to 1e-6 from 0 and 1. Scores are means over windows, resampled,
    of the best synonym, and so the logits are those that would have given these scores, not the network's own to the
    last digit. Beside the result, only a few rows are held in memory.

    Args:
        seg: the answer; its penalty and threshold play no part.
        temperature: divides the logits; 0.01..100.

    Raises:
        UserError: the temperature is outside its range.
    """
    if not (_is_number(temperature) and 0.01 <= temperature <= 100):
        raise UserError(f"The temperature must lie between 0.01 and 100, not {shown(temperature)}.")
    scores = seg.scores
    result = np.empty_like(scores)
    for rows in _bands(scores.shape[1], scores[:, 0].size):
        odds = np.clip(scores[:, rows], _LOGIT_EDGE, 1 - _LOGIT_EDGE)  # (K, b, W)
        logits = np.log(odds / (1 - odds)) / np.float32(temperature)
        # Less the largest logit, so that exp cannot overflow; the softmax is the same.
        shares = np.exp(logits - logits.max(0))
        np.divide(shares, shares.sum(0), out=result[:, rows])
    return result


def recovery_by_class(seg: Segmentation) -> list[float | None]:
    """Cosine of recovered and original features, per class.

    Returns:
        K means of the cosine between recovered and target features over the pixels labelled with the class, each
        pixel reading the patch it lies in, in -1..1; None for a class without pixels, and for every class of a method
        without recovery.
    """
    cosine = seg.features.get("recovery_cosine")
    if cosine is None:
        return [None] * len(seg.names)
    rows, cols = (cells_of_pixels(side, cells) for side, cells in zip(seg.labels.shape, cosine.shape, strict=True))
    slots = seg.labels.ravel() + 1  # NONE = -1 is counted at 0
    counts = np.bincount(slots, minlength=len(seg.names) + 1)[1:]
    sums = np.bincount(slots, cosine[np.ix_(rows, cols)].ravel(), minlength=len(seg.names) + 1)[1:]  # (K,)
    return [float(total / count) if count else None for total, count in zip(sums, counts, strict=True)]


def cells_of_pixels(side: int, cells: int) -> npt.NDArray[np.int64]:
    """Which of `cells` equal cells along a line holds the centre of each of its `side` pixels.

    Every place that reads a coarse grid at pixels, or pixels at a coarse grid, must round alike: a pixel's centre lies
    at (2i + 1) / (2 side) of the line, and whole numbers make the quotient exact.

    Returns:
        (side,) indices, 0..cells-1, not decreasing.
    """
    return (2 * np.arange(side) + 1) * cells // (2 * side)
