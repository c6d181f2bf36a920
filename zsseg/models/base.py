"""What every method shares: a frozen backbone, an image encoder, and a decoder that takes text as an input."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar, Self

import torch
from torch import Tensor, nn

from zsseg.models.backbone import Backbone
from zsseg.models.config import MethodConfig, ModelConfig
from zsseg.models.outputs import ImageTokens, MaskOutput, Recovery
from zsseg.models.prompted_vit import PromptedViT


class SegmentationModel(nn.Module, ABC):
    """A model over a frozen backbone. No parameter depends on the number of classes, which may differ at every call.

    The backbone is reachable as `backbone`, but is no submodule: `parameters()` and `state_dict()` hold the head alone,
    so that heads share a backbone and their files stay small. A model that moves to another device or type takes a
    copy of it along, which all heads that move alike share, and leaves it as it is for the others.

    A method must define `encode_patches` and `decode`. One with region tokens sets `has_regions` and defines
    `region_logits`; one with a recovery decoder sets `has_recovery` and defines `recover`. `has_exact_decoder` says
    that the decoder must not run with factors rounded to bfloat16, because too many labels would change.

    Args:
        config: sizes of the head.
        backbone: the two encoders; frozen by its own constructor.
    """

    has_recovery: ClassVar[bool] = False
    has_exact_decoder: ClassVar[bool] = False
    has_regions: ClassVar[bool] = False

    @property
    def is_plain(self) -> bool:
        """Whether `encode_patches` is `Backbone.plain_tokens`, the untouched encoder, which others may have run."""
        return False

    def __init__(self, config: MethodConfig, backbone: Backbone) -> None:
        super().__init__()
        self.config = config
        self._frozen = (backbone,)  # a tuple, which nn.Module does not look into

    @property
    def backbone(self) -> Backbone:
        """The frozen encoders."""
        return self._frozen[0]

    def encode_image(self, pixels: Tensor) -> ImageTokens:
        """Encode normalised pixels (B, 3, H, W); H and W any multiples of the patch side. No text is needed."""
        return self.encode_patches(self.backbone.embed_patches(pixels))

    @abstractmethod
    def encode_patches(self, patches: Tensor) -> ImageTokens:
        """Encode patch embeddings (B, W, h, w), which all heads over a backbone share; no text is needed."""

    @abstractmethod
    def decode(self, image: ImageTokens, text: Tensor) -> MaskOutput:
        """Predict masks of the classes that the unit-norm text vectors (K, D) stand for."""

    def forward(self, pixels: Tensor, text: Tensor) -> MaskOutput:
        """Encode pixels (B, 3, H, W) and decode them for text (K, D)."""
        return self.decode(self.encode_image(pixels), text)

    def region_logits(self, output: MaskOutput) -> Tensor:
        """The logits of every region alone, (B, M, K, h, w); only where `has_regions`."""
        raise NotImplementedError(f"{type(self).__name__} has no region tokens")

    def recover(self, image: ImageTokens, output: MaskOutput, target_patches: Tensor | None = None) -> Recovery:
        """Run the recovery decoder; only where `has_recovery`.

        Args:
            image: what `encode_image` returned.
            output: the result of `decode` for it.
            target_patches: (B, N, D) unit-norm patch tokens to recover; without them the encoder's own.
        """
        raise NotImplementedError(f"{type(self).__name__} has no recovery decoder")

    def trainable_names(self) -> list[str]:
        """Names of the tensors that training moves, as in `state_dict()`: all of the head but the region tokens."""
        # Region tokens are a buffer and not a parameter, so they are in `state_dict()` but not here.
        return [name for name, _ in self.named_parameters()]

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        # `.to(...)`, `.half()` and their like reach the backbone through here. Other heads may stand on it, so it stays
        # as it is, and this head goes over to a copy.
        self._frozen = (self.backbone.converted(fn),)
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        return self


class PromptedModel(SegmentationModel):
    """A head over the prompted image encoder, as ZegCLIP and CLIP-RC have it.

    Args:
        config: sizes of the head.
        backbone: the two encoders.
    """

    config: ModelConfig

    def __init__(self, config: ModelConfig, backbone: Backbone) -> None:
        super().__init__(config, backbone)
        self.encoder = PromptedViT(backbone.visual, config, backbone.patch_size)

    def encode_patches(self, patches: Tensor) -> ImageTokens:
        """Encode patch embeddings (B, W, h, w) with the prompts and region tokens of this head."""
        tokens: ImageTokens = self.encoder(self.backbone.visual, patches)
        return tokens


def concat_descriptor(related: Tensor, text: Tensor, config: ModelConfig) -> Tensor:
    """Concatenate the product of image and class, related (..., K, D), and the class, text (K, D).

    Returns:
        (..., K, 2D); without the relationship descriptor the class alone, (..., K, D).
    """
    text = text.expand_as(related)  # (..., K, D); a view, no copy
    return torch.cat([related, text], -1) if config.relationship else text


def as_maps(per_patch: Tensor, grid: tuple[int, int]) -> Tensor:
    """Lay row-major values (..., N) out on their grid: (..., h, w)."""
    return per_patch.reshape(*per_patch.shape[:-1], *grid)  # (..., h, w)
