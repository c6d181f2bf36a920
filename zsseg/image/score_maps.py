"""Score maps of a photo, computed from the logits of its windows when they are wanted."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from zsseg.image.windows import Windows, synonym_scores, synonyms_at_once
from zsseg.scores import FloatArray, ScoreMaps


class WindowMaps(ScoreMaps):
    """Scores of a photo, held as the logits of its patches.

    Args:
        logits: (n, S, h, w), one map per window and synonym; finite.
        photo: the windows; their pixels are not held.
        synonym_counts: how many of the S synonyms each of the K classes has, in order.

    Raises:
        ValueError: a logit is infinite or not a number.
    """

    def __init__(self, logits: Tensor, photo: Windows, synonym_counts: Sequence[int]) -> None:
        # Checked here once, since the scores are computed later, where nobody could say which network failed.
        if not bool(torch.isfinite(logits).all()):
            raise ValueError("the network returned logits that are not finite")
        self.shape = (len(synonym_counts), *photo.photo)
        self._logits = logits
        self._layout = (photo.boxes, photo.resized, photo.photo, photo.feathered)
        self._owners = np.repeat(np.arange(len(synonym_counts)), synonym_counts)  # (S,) the class of each synonym
        self._step = synonyms_at_once(photo.boxes)

    def __getstate__(self) -> dict[str, Any]:
        """What goes to another process has no tensor on a GPU: one that is lent to this process is not there."""
        return {**self.__dict__, "_logits": self._logits.cpu()}

    @torch.inference_mode()
    def planes(self, start: int, stop: int) -> FloatArray:
        """As `ScoreMaps.planes`: what `zsseg.image.windows.window_scores` computes of all classes, for some of them.

        Synonyms are taken in the same groups, whatever classes are asked, since the last bits depend on the group.
        """
        scores = np.zeros((stop - start, *self.shape[1:]), dtype=np.float32)
        first, last = np.searchsorted(self._owners, (start, stop))
        # Groups start at multiples of the step, not at `first`: see the docstring.
        for group in range(int(first) // self._step * self._step, int(last), self._step):
            maps = synonym_scores(self._logits[:, group : group + self._step], *self._layout)
            for owner, score in zip(self._owners[group : group + self._step] - start, maps, strict=True):
                # A group may reach into the classes before and after those asked.
                if 0 <= owner < len(scores):
                    np.maximum(scores[owner], score, out=scores[owner])
        return scores
