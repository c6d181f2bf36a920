"""A fourth method in one file, as docs/adding-a-method.md walks through it: the cosine with a learned scale and bias.

It registers itself through the public API alone; tests/models/test_toy_method.py shows that it then appears everywhere.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from zsseg.models import (
    Backbone,
    ImageTokens,
    MaskOutput,
    Method,
    MethodConfig,
    SegmentationModel,
    init_from_cosine,
    plain_tokens,
)


@dataclass(frozen=True, kw_only=True)
class ToyConfig(MethodConfig):
    """Sizes of the head: how many classes' worth of neighbours each patch listens to.

    Attributes:
        smoothing: share of the mean over all patches that is mixed into each patch, 0..1.
    """

    method: ClassVar[str] = "toy"
    smoothing: float = 0.1

    def __post_init__(self) -> None:
        if not 0 <= self.smoothing <= 1:
            raise ValueError(f"smoothing must be in 0..1, not {self.smoothing}")


class Toy(SegmentationModel):
    """Logit = scale * cosine + bias, both learned; dims as in `zsseg.models.outputs`."""

    config: ToyConfig

    def __init__(self, config: ToyConfig, backbone: Backbone) -> None:
        super().__init__(config, backbone)
        self.scale = nn.Parameter(torch.tensor(10.0))
        self.bias = nn.Parameter(torch.tensor(-2.0))

    def encode_patches(self, patches: Tensor) -> ImageTokens:
        """Encode patch embeddings (B, W, h, w) by the encoder as it is."""
        return plain_tokens(self.backbone.visual, patches)

    def decode(self, image: ImageTokens, text: Tensor) -> MaskOutput:
        """Predict masks of K classes, text (K, D) of unit norm."""
        patches = torch.lerp(image.patch_tokens, image.patch_tokens.mean(1, keepdim=True), self.config.smoothing)
        queries = text.expand(len(patches), -1, -1)  # (B, K, D)
        logits = self.scale * (queries @ patches.transpose(1, 2)) + self.bias  # (B, K, N)
        return MaskOutput(logits.unflatten(-1, image.grid), queries.repeat(1, 1, 2), queries, patches)


@init_from_cosine.register(Toy)
@torch.no_grad()
def _init_toy(model: Toy, scale: float = 10.0, bias: float = 0.0) -> None:
    model.scale.fill_(scale)
    model.bias.fill_(bias)


METHOD = Method(
    ToyConfig,
    Toy,
    title="Toy",
    about="The cosine of patch and class name, with a scale and a bias that are learned.",
    color="#0f766e",
    checkpoint="toy-tiny-inductive",
    shown=True,
)
