"""What both methods share: a frozen backbone, a prompted encoder, and a decoder that takes words as an input."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar, Self

import torch
from torch import Tensor, nn

from zsseg.models.backbone import Backbone
from zsseg.models.config import ModelConfig
from zsseg.models.outputs import ImageTokens, MaskOutput
from zsseg.models.prompted_vit import PromptedViT


class SegmentationModel(nn.Module, ABC):
    """A head over a frozen backbone. No parameter depends on the number of classes, which may differ at every call.

    The backbone is reachable as `backbone` and moves with the model, but is no submodule: `parameters()` and
    `state_dict()` hold the head alone, so that heads share a backbone and their files stay small.

    Args:
        config: sizes of the head.
        backbone: the two towers; frozen by its own constructor.
    """

    has_recovery: ClassVar[bool]

    def __init__(self, config: ModelConfig, backbone: Backbone) -> None:
        super().__init__()
        self.config = config
        self._frozen = (backbone,)  # a tuple, which nn.Module does not look into
        self.encoder = PromptedViT(backbone.visual, config, backbone.patch_size)

    @property
    def backbone(self) -> Backbone:
        """The frozen towers."""
        return self._frozen[0]

    def encode_image(self, pixels: Tensor) -> ImageTokens:
        """Encode normalised pixels (B, 3, H, W); H and W any multiples of the patch side. No words are needed."""
        return self.encode_patches(self.backbone.embed_patches(pixels))

    def encode_patches(self, patches: Tensor) -> ImageTokens:
        """Encode patch embeddings (B, W, h, w), which all heads over a backbone share; no words are needed."""
        tokens: ImageTokens = self.encoder(self.backbone.visual, patches)
        return tokens

    @abstractmethod
    def decode(self, image: ImageTokens, text: Tensor) -> MaskOutput:
        """Ask a picture for classes given as unit-norm text vectors (K, D)."""

    def forward(self, pixels: Tensor, text: Tensor) -> MaskOutput:
        """Encode pixels (B, 3, H, W) and decode them for text (K, D)."""
        return self.decode(self.encode_image(pixels), text)

    def trainable_names(self) -> list[str]:
        """Names of the tensors that training moves, as in `state_dict()`: all of the head but the region tokens."""
        return [name for name, _ in self.named_parameters()]

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        # `.to(...)`, `.half()` and their like reach the backbone through here.
        self.backbone._apply(fn, recurse)  # type: ignore[no-untyped-call]
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        return self


def concat_descriptor(related: Tensor, text: Tensor, config: ModelConfig) -> Tensor:
    """What queries are made of: what picture and class share, related (..., K, D), then the class, text (K, D).

    Returns:
        (..., K, 2D); without the relationship descriptor the class alone, (..., K, D).
    """
    text = text.expand_as(related)
    return torch.cat([related, text], -1) if config.relationship else text


def as_maps(per_patch: Tensor, grid: tuple[int, int]) -> Tensor:
    """Lay row-major values (..., N) out on their grid: (..., h, w)."""
    return per_patch.reshape(*per_patch.shape[:-1], *grid)
