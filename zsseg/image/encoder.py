"""What the network keeps of a photo, handed to the decoder a few windows at a time."""

from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor

from zsseg.models import ImageTokens

WINDOWS_AT_ONCE = 8
# CLIP-RC's attention holds heads * (M*K) * N values per window.
_HEADS = 8
_ATTENTION_AT_ONCE = 2**27


@dataclass(frozen=True)
class Encoded:
    """A photo after the image tower.

    Attributes:
        tokens: of all n windows.
        target: (n, N, D) what CLIP-RC's recovery aims at, or None.
    """

    tokens: ImageTokens
    target: Tensor | None

    def batches(self, texts: int) -> Iterator["Encoded"]:
        """The windows in order, as many at once as the decoder's attention to `texts` words leaves memory for."""
        tokens = self.tokens
        per_window = _HEADS * max(1, tokens.region_tokens.shape[1]) * texts * tokens.patch_tokens.shape[1]
        step = max(1, min(WINDOWS_AT_ONCE, _ATTENTION_AT_ONCE // per_window))
        for start in range(0, len(tokens.cls_token), step):
            yield self._rows(slice(start, start + step))

    def _rows(self, rows: slice) -> "Encoded":
        tokens = self.tokens
        part = ImageTokens(tokens.cls_token[rows], tokens.patch_tokens[rows], tokens.region_tokens[rows], tokens.grid)
        return Encoded(part, None if self.target is None else self.target[rows])
