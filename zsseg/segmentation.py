"""The one result type: it flows from either method to every view and every file, and checks itself."""

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt

from zsseg.errors import UserError

NONE = -1
"""Label of a pixel that is none of the classes asked."""

MAX_SCORES = 2**28
"""Score maps of one photo, K*H*W values, at most: 1 GiB."""

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Segmentation:
    """What one model says about one photo, before any choice of the person who looks at it.

    Scores are kept whole; labels follow from them, the penalty and the threshold, so sliders never run the network.

    Attributes:
        method: "zegclip", "clip_rc" or "training-free".
        model: name of the checkpoint.
        names: K different class names, in the order asked.
        seen: K flags, True where the class counts as seen in training.
        scores: (K,H,W) sigmoid in 0..1, before the seen penalty.
        seen_penalty: taken off the score of every seen class before the argmax, in 0..1.
        threshold: a pixel whose largest raw score is below this is none of the classes, in 0..1.
        features: CLIP-RC: "encoder", "decoder", "recovered" and "target", each (h,w,D), over the whole photo, and
            "recovery_cosine" (h,w) between the last two; other methods: empty.
        seconds: wall time of the prediction.
        provenance: where the model comes from: sha256 of the checkpoint, backbone, its sha256, setting.

    Raises:
        UserError: penalty or threshold outside 0..1.
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

    def __post_init__(self) -> None:
        """Refuse parts that do not fit."""
        check_fraction(self.seen_penalty, "The seen penalty")
        check_fraction(self.threshold, "The threshold")
        if self.scores.ndim != 3 or self.scores.dtype != np.float32 or self.scores.size == 0:
            raise ValueError(f"scores must be (K,H,W) float32, not {self.scores.shape} {self.scores.dtype}")
        if not len(self.names) == len(self.seen) == len(self.scores):
            raise ValueError(f"{len(self.names)} names, {len(self.seen)} flags, {len(self.scores)} score maps")
        if len(set(self.names)) != len(self.names):
            raise ValueError("the class names must differ")
        low, high = float(self.scores.min()), float(self.scores.max())
        if not (low >= 0 and high <= 1):  # written so that NaN fails too
            raise ValueError(f"scores must lie in 0..1, not {low}..{high}")

    @cached_property
    def labels(self) -> npt.NDArray[np.int16]:
        """(H,W) index of the best class after the seen penalty, the first at ties, or NONE."""
        best = np.full(self.scores.shape[1:], -np.inf, dtype=np.float32)
        labels = np.zeros(best.shape, dtype=np.int16)
        # One class at a time: several times faster than an argmax over the first axis, and no copy of all scores.
        for index, (score, seen) in enumerate(zip(self.scores, self.seen, strict=True)):
            adjusted = score - np.float32(self.seen_penalty) if seen else score
            better = adjusted > best
            np.copyto(best, adjusted, where=better)
            np.copyto(labels, np.int16(index), where=better)
        labels[self.best_score < self.threshold] = NONE
        labels.setflags(write=False)
        return labels

    @cached_property
    def best_score(self) -> FloatArray:
        """(H,W) the largest raw score, before the penalty, in 0..1."""
        best: FloatArray = self.scores[0].copy()
        for score in self.scores[1:]:
            np.maximum(best, score, out=best)
        return best

    @cached_property
    def area(self) -> tuple[float, ...]:
        """Share of the photo that each class holds, in 0..1; what is left over is none of them."""
        counts = np.bincount(self.labels.ravel() + 1, minlength=len(self.names) + 1)  # NONE = -1 is counted at 0
        return tuple(float(count) / self.labels.size for count in counts[1:])

    def with_settings(self, seen_penalty: float | None = None, threshold: float | None = None) -> "Segmentation":
        """The same scores, not copied, seen through another penalty or threshold; None keeps the present one."""
        penalty = self.seen_penalty if seen_penalty is None else seen_penalty
        limit = self.threshold if threshold is None else threshold
        return dataclasses.replace(self, seen_penalty=penalty, threshold=limit)


def check_fraction(value: float, what: str) -> None:
    """Refuse a setting outside 0..1, infinite or not a number.

    Raises:
        UserError: with `what` as the subject of the sentence.
    """
    if not (math.isfinite(value) and 0 <= value <= 1):
        raise UserError(f"{what} must lie between 0 and 1, not {value}.")


def check_size(count: int, height: int, width: int) -> None:
    """Refuse score maps (count, height, width) beyond `MAX_SCORES`, before any is made.

    Raises:
        UserError: they would be larger.
    """
    if count * height * width > MAX_SCORES:
        raise UserError(
            f"{count} classes on a photo of {width}x{height} pixels need too much memory: "
            "ask for fewer classes or shrink the photo."
        )
