"""Score maps of a photo, computed from the logits of its windows when they are wanted."""

import hashlib
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from zsseg.errors import UserError
from zsseg.image.windows import Windows, synonym_scores
from zsseg.scores import FloatArray, ScoreMaps


class WindowMaps(ScoreMaps):
    """Scores of a photo, held as the logits of its patches.

    Args:
        logits: (n, S, h, w), one map per window and synonym; finite.
        photo: the windows; their pixels are not held.
        synonym_counts: how many of the S synonyms each of the K classes has, in order.

    Raises:
        UserError: a logit is infinite or not a number, as weights beyond all bounds make them.
    """

    def __init__(self, logits: Tensor, photo: Windows, synonym_counts: Sequence[int]) -> None:
        # Checked here once, since the scores are computed later, where it would be unknown which network failed.
        if not bool(torch.isfinite(logits).all()):
            raise UserError("The network gives values that are not finite: its weights are damaged, copy them again.")
        self.shape = (len(synonym_counts), *photo.photo)
        self._logits = logits
        self._layout = (photo.boxes, photo.resized, photo.photo, photo.feathered)
        self._firsts = np.cumsum([0, *synonym_counts])  # (K + 1,) where the synonyms of each class begin

    def __getstate__(self) -> dict[str, Any]:
        """What goes to another process has no tensor on a GPU: one that is lent to this process is not there."""
        return {**self.__dict__, "_logits": self._logits.cpu()}

    @torch.inference_mode()
    def planes(self, start: int, stop: int) -> FloatArray:
        """As `ScoreMaps.planes`: what `zsseg.image.windows.window_scores` computes of all classes, for some of them."""
        # A single one is not copied: an array of many classes is made of them one by one.
        return self._class(start)[None] if stop - start == 1 else np.stack([self._class(i) for i in range(start, stop)])

    def _class(self, index: int) -> FloatArray:
        first, *others = range(self._firsts[index], self._firsts[index + 1])
        score = self._synonym(first)  # (H, W)
        for synonym in others:
            np.maximum(score, self._synonym(synonym), out=score)
        return score

    def _synonym(self, index: int) -> FloatArray:
        return synonym_scores(self._logits[:, index], *self._layout)

    def key(self, index: int) -> Hashable:
        """As `ScoreMaps.key`: the logits of the class's synonyms, and how windows lie."""
        logits = self._logits[:, self._firsts[index] : self._firsts[index + 1]].contiguous().cpu().numpy()
        boxes, *layout = self._layout
        return hashlib.sha256(logits.tobytes()).digest(), logits.shape, tuple(boxes), *layout
