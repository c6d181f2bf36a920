"""Training-free baseline: cosine of the frozen CLIP's patch tokens and the text vectors."""

from torch import Tensor

from zsseg.models.backbone import Backbone
from zsseg.models.base import SegmentationModel, as_maps
from zsseg.models.config import TrainingFreeConfig
from zsseg.models.outputs import ImageTokens, MaskOutput
from zsseg.models.prompted_vit import plain_tokens, value_tokens


class TrainingFree(SegmentationModel):
    """Scores every patch by its cosine with every class; has no parameter of its own."""

    config: TrainingFreeConfig

    def __init__(self, config: TrainingFreeConfig, backbone: Backbone) -> None:
        super().__init__(config, backbone)

    @property
    def is_plain(self) -> bool:
        """See `SegmentationModel.is_plain`; with `value_only` the last layer is another."""
        return not self.config.value_only

    def encode_patches(self, patches: Tensor) -> ImageTokens:
        """Encode patch embeddings (B, W, h, w) by the encoder as it is, but for its last layer with `value_only`."""
        encode = value_tokens if self.config.value_only else plain_tokens
        return encode(self.backbone.visual, patches)

    def decode(self, image: ImageTokens, text: Tensor) -> MaskOutput:
        """Compare every patch with K classes, text (K, D) of unit norm."""
        cosine = text @ image.patch_tokens.transpose(1, 2)  # (B, K, N)
        queries = text.expand(len(image.patch_tokens), -1, -1)  # (B, K, D)
        logits = as_maps(self.config.scale * cosine, image.grid)
        # There is no descriptor; the text twice only has the width that `MaskOutput` promises.
        return MaskOutput(logits, queries.repeat(1, 1, 2), queries, image.patch_tokens)
