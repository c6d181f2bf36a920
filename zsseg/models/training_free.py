"""The baseline that learns nothing: the cosine of the untouched CLIP's patch tokens and the words."""

from typing import ClassVar

from torch import Tensor, nn

from zsseg.models.backbone import Backbone
from zsseg.models.base import as_maps
from zsseg.models.outputs import ImageTokens, MaskOutput
from zsseg.models.prompted_vit import plain_tokens


class TrainingFree(nn.Module):
    """Answers like the two methods, without a head.

    Args:
        backbone: the frozen towers.
        scale: logit of a cosine of 1. The order of the classes does not depend on it; it is small enough that the
            sigmoid stays far from 1 and keeps cosines apart.
    """

    has_recovery: ClassVar[bool] = False

    def __init__(self, backbone: Backbone, scale: float = 10.0) -> None:
        super().__init__()
        self.backbone = backbone
        self.scale = scale

    def encode_image(self, pixels: Tensor) -> ImageTokens:
        """Encode normalised pixels (B, 3, H, W) by the tower as it is."""
        return self.encode_patches(self.backbone.embed_patches(pixels))

    def encode_patches(self, patches: Tensor) -> ImageTokens:
        """Encode patch embeddings (B, W, h, w) by the tower as it is."""
        return plain_tokens(self.backbone.visual, patches)

    def decode(self, image: ImageTokens, text: Tensor) -> MaskOutput:
        """Compare every patch with K classes, text (K, D) of unit norm."""
        cosine = text @ image.patch_tokens.transpose(1, 2)  # (B, K, N)
        queries = text.expand(len(image.patch_tokens), -1, -1)
        logits = as_maps(self.scale * cosine, image.grid)
        return MaskOutput(logits, queries.repeat(1, 1, 2), queries, image.patch_tokens)

    def forward(self, pixels: Tensor, text: Tensor) -> MaskOutput:
        """Encode pixels (B, 3, H, W) and decode them for text (K, D)."""
        return self.decode(self.encode_image(pixels), text)

    def trainable_names(self) -> list[str]:
        """None."""
        return []
