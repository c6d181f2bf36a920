"""What must be known of a head, beside its backbone, to build it."""

import math
from dataclasses import dataclass
from typing import Literal

Method = Literal["zegclip", "clip_rc"]


@dataclass(frozen=True)
class ModelConfig:
    """Sizes of a head; width, depth and joint dimension come from the backbone.

    Attributes:
        method: which of the two methods.
        prompts: learned tokens P at each layer of the image tower that has any, at least 1.
        regions: region tokens M, a square number; 0 for ZegCLIP, at least 1 for CLIP-RC.
        decoder_layers: blocks of the decoder, the last (ZegCLIP) reduced to its scores.
        decoder_heads: attention heads of the decoder; must divide the joint dimension.
        decoder_ffn: hidden channels of the decoder's perceptrons.
        dropout: probability of every dropout, 0..1; acts in training mode only.
        prompt_depth: layers with prompts of their own, from the first on; None, as published, for every layer, 0 for
            none at all. After the last of them its prompts run on through the other layers.
        relationship: make the queries of the relationship descriptor, as published; without it, of the text alone.

    Raises:
        ValueError: a value outside its range.
    """

    method: Method
    prompts: int
    regions: int = 0
    decoder_layers: int = 3
    decoder_heads: int = 8
    decoder_ffn: int = 2048
    dropout: float = 0.1
    prompt_depth: int | None = None
    relationship: bool = True

    def __post_init__(self) -> None:
        if self.method not in ("zegclip", "clip_rc"):
            raise ValueError(f"unknown method {self.method!r}: zegclip and clip_rc exist")
        if min(self.prompts, self.decoder_layers, self.decoder_heads, self.decoder_ffn) < 1:
            raise ValueError("prompts, decoder_layers, decoder_heads and decoder_ffn must be at least 1")
        if self.prompt_depth is not None and self.prompt_depth < 0:
            raise ValueError(f"prompt_depth must be 0 or more, not {self.prompt_depth}")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout must be in 0..1, not {self.dropout}")
        if (self.regions > 0) != (self.method == "clip_rc") or math.isqrt(max(self.regions, 0)) ** 2 != self.regions:
            raise ValueError(f"{self.method} cannot have {self.regions} regions: a square for clip_rc, 0 for zegclip")

    @property
    def prompt_tokens(self) -> int:
        """Prompts that each layer sees: P, or 0 where the tower has none."""
        return 0 if self.prompt_depth == 0 else self.prompts

    def descriptor_width(self, dim: int) -> int:
        """Channels of what a query is made of: 2D, or D without the relationship descriptor; `dim` is D."""
        return 2 * dim if self.relationship else dim
