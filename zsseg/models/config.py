"""The sizes that a model is built from, besides its backbone: one frozen dataclass per method.

No torch here: a checkpoint's header is read into these classes, and listing checkpoints must be quick.
"""

import math
from dataclasses import dataclass
from typing import ClassVar

from zsseg.documents import STRICT

MAX_WIDTH = 16384
"""Of what is counted in a head, so that a header of some bytes cannot ask for all memory."""


@dataclass(frozen=True, kw_only=True)
class MethodConfig:
    """The part that the configurations of all methods share; checkpoints store its fields by name.

    Attributes:
        method: key of the method, the same for every instance of a subclass; see `zsseg.models.registry`.
        regions: region tokens M; 0 where the method has none.
    """

    __pydantic_config__ = STRICT

    method: ClassVar[str]
    regions: int = 0

    @property
    def prompt_tokens(self) -> int:
        """Prompts that each layer of the image encoder sees; 0 where the method has none."""
        return 0

    @property
    def attention_heads(self) -> int:
        """Attention heads of the decoder; 1 where the method has none."""
        return 1


@dataclass(frozen=True, kw_only=True)
class ModelConfig(MethodConfig):
    """Sizes of a head over the prompted encoder; width, depth and joint dimension come from the backbone.

    Attributes:
        prompts: learned tokens P at each layer of the image encoder that has any, at least 1.
        regions: region tokens M, a square number, because they lie on a square grid.
        decoder_layers: blocks of the decoder, at least 1.
        decoder_heads: attention heads of the decoder; must divide the joint dimension.
        decoder_ffn: hidden channels of the decoder's perceptrons.
        dropout: probability of every dropout, 0..1; acts in training mode only.
        prompt_depth: layers with prompts of their own, from the first on; None, as published, for every layer, 0 for
            none at all. After the last of them its prompts run on through the other layers.
        relationship: make the queries of the relationship descriptor, as published; without it, of the text alone.

    Raises:
        ValueError: a value outside its range.
    """

    prompts: int
    decoder_layers: int = 3
    decoder_heads: int = 8
    decoder_ffn: int = 2048
    dropout: float = 0.1
    prompt_depth: int | None = None
    relationship: bool = True

    def __post_init__(self) -> None:
        if min(self.prompts, self.decoder_layers, self.decoder_heads, self.decoder_ffn) < 1:
            raise ValueError("prompts, decoder_layers, decoder_heads and decoder_ffn must be at least 1")
        if (
            max(self.prompts, self.regions, self.decoder_ffn) > MAX_WIDTH
            or max(self.decoder_layers, self.decoder_heads) > 64
        ):
            raise ValueError(f"prompts, regions or decoder_ffn above {MAX_WIDTH}, or over 64 decoder_layers or heads")
        if self.prompt_depth is not None and self.prompt_depth < 0:
            raise ValueError(f"prompt_depth must be 0 or more, not {self.prompt_depth}")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout must be in 0..1, not {self.dropout}")
        # isqrt refuses negative numbers; with the max they fail the comparison and get the sentence below.
        if math.isqrt(max(self.regions, 0)) ** 2 != self.regions:
            raise ValueError(f"{self.method} cannot have {self.regions} regions: their number must be a square")

    @property
    def prompt_tokens(self) -> int:
        """Prompts that each layer sees: P, or 0 where the encoder has none."""
        return 0 if self.prompt_depth == 0 else self.prompts

    @property
    def attention_heads(self) -> int:
        """Attention heads of the decoder."""
        return self.decoder_heads

    def descriptor_width(self, dim: int) -> int:
        """Channels of what a query is made of: 2D, or D without the relationship descriptor; `dim` is D."""
        return 2 * dim if self.relationship else dim


@dataclass(frozen=True, kw_only=True)
class ZegCLIPConfig(ModelConfig):
    """Sizes of a ZegCLIP head; of its last decoder layer only the scores exist, and it has no region tokens."""

    method: ClassVar[str] = "zegclip"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.regions:
            raise ValueError(f"zegclip cannot have {self.regions} regions: leave them out")


@dataclass(frozen=True, kw_only=True)
class ClipRCConfig(ModelConfig):
    """Sizes of a CLIP-RC head; it needs at least one region token."""

    method: ClassVar[str] = "clip_rc"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.regions < 1:
            raise ValueError(f"clip_rc cannot have {self.regions} regions: their number must be a square from 1 up")


@dataclass(frozen=True, kw_only=True)
class TrainingFreeConfig(MethodConfig):
    """What can be chosen where nothing is learned.

    Attributes:
        scale: logit of a cosine of 1. The order of the classes does not depend on it; it is small enough that the
            sigmoid stays far from 1 and keeps cosines apart.
        value_only: the image encoder's last layer keeps each token's own value, as MaskCLIP does; see
            `zsseg.layers.run_block_on_values`. It is for CLIP as published, whose last layer serves the class token.
    """

    method: ClassVar[str] = "training-free"
    scale: float = 10.0
    value_only: bool = False
