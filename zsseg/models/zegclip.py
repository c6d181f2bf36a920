"""ZegCLIP (Zhou et al., CVPR 2023): classes as queries, masks as the scores of the last attention."""

from torch import Tensor, nn

from zsseg.layers import AttentionScores, DecoderBlock
from zsseg.models.backbone import Backbone
from zsseg.models.base import PromptedModel, as_maps, concat_descriptor
from zsseg.models.config import ZegCLIPConfig
from zsseg.models.outputs import ImageTokens, MaskOutput


class ZegCLIP(PromptedModel):
    """Relationship descriptor [g * t ; t] and text queries that attend to the patches.

    Queries never see each other, so that the mask of a class does not depend on which other classes are asked. Of the
    last layer only the scores are ever used, hence only those are built.
    """

    config: ZegCLIPConfig

    def __init__(self, config: ZegCLIPConfig, backbone: Backbone) -> None:
        super().__init__(config, backbone)
        dim, heads = backbone.joint_dim, config.decoder_heads
        self.descriptor = nn.Linear(config.descriptor_width(dim), dim)
        self.blocks = nn.ModuleList(
            DecoderBlock(dim, heads, config.decoder_ffn, config.dropout) for _ in range(config.decoder_layers - 1)
        )
        self.scores = AttentionScores(dim, heads)

    def decode(self, image: ImageTokens, text: Tensor) -> MaskOutput:
        """Ask a picture for K classes, text (K, D) of unit norm."""
        descriptor = self.relationship_descriptor(image, text)
        queries = self.descriptor(descriptor)
        for block in self.blocks:
            queries = block(queries, image.patch_tokens)
        logits = as_maps(self.scores(queries, image.patch_tokens), image.grid)
        return MaskOutput(logits, descriptor, queries, image.patch_tokens)

    def relationship_descriptor(self, image: ImageTokens, text: Tensor) -> Tensor:
        """Relationship descriptors (B, K, 2D): what picture and class share, then the class.

        Without `config.relationship` the class alone, (B, K, D): every picture is asked the same, as in the paper's
        comparison.
        """
        return concat_descriptor(image.cls_token[:, None] * text, text, self.config)
