"""ZegCLIP (Zhou et al., "ZegCLIP: Towards Adapting CLIP for Zero-shot Semantic Segmentation", CVPR 2023).

The paper's three designs (its Figure 2 shows them), and where each stands:

1. Deep prompt tuning, DPT (section 3.3, equation 3): CLIP stays frozen, P learned prompts enter every layer of its
   image encoder (`prompted_vit.py`).
2. Relationship descriptor, RD (section 3.5, equations 7 and 8): q_k = W [g * t_k ; t_k] + b, with g the image's [CLS]
   token, t_k the text vector of class k and * the element-wise product; `relationship_descriptor`, then
   `self.descriptor`. It is the only trained layer on the side of the text.
3. Non-mutually exclusive loss, NEL (section 3.4, equations 4 to 6): focal and dice on one sigmoid per class, no softmax
   over classes; `training/core/losses.py`.

Decoder (section 3.2, equations 1 and 2): three layers of cross-attention, K queries q to N patch tokens H, without
self-attention among the queries and without positions. The mask of class k is the last layer's attention score before
its softmax, averaged over heads: m[k, n] = <W_q q_k + b_q, W_k H_n + b_k> / (heads * sqrt(D / heads)); upsampled
bilinearly, then a sigmoid.

The paper itself could not be read here. Sections and equations 2 and 8 are as public notes and code cite them; the
others follow from the order of the formulas.

Upstream: ZiqinZhou66/ZegCLIP at 9ba4bb5, models/decode_heads/decode_seg.py: the head 139-348, the descriptor 262 and
325-332, one layer 62-81, its scores 111-119. At test time 0.1 is subtracted from the sigmoid of seen classes, 298.
"""

from typing import ClassVar

from torch import Tensor, nn

from zsseg.layers import AttentionScores, DecoderBlock
from zsseg.models.backbone import Backbone
from zsseg.models.base import PromptedModel, as_maps, concat_descriptor
from zsseg.models.config import ZegCLIPConfig
from zsseg.models.outputs import ImageTokens, MaskOutput


class ZegCLIP(PromptedModel):
    """The decoder of ZegCLIP over the prompted encoder.

    Queries never attend to each other, so the mask of a class does not depend on the other classes in the list. The
    last layer's values, output and perceptron influence no mask upstream, so only its scores are built here.
    """

    config: ZegCLIPConfig
    has_exact_decoder: ClassVar[bool] = True

    def __init__(self, config: ZegCLIPConfig, backbone: Backbone) -> None:
        super().__init__(config, backbone)
        dim, heads = backbone.joint_dim, config.decoder_heads
        self.descriptor = nn.Linear(config.descriptor_width(dim), dim)
        self.blocks = nn.ModuleList(
            DecoderBlock(dim, heads, config.decoder_ffn, config.dropout) for _ in range(config.decoder_layers - 1)
        )
        # Upstream's third layer; its names in released files map onto `scores`, see `official_names.py`.
        self.scores = AttentionScores(dim, heads)

    def decode(self, image: ImageTokens, text: Tensor) -> MaskOutput:
        """Predict masks of K classes, text (K, D) of unit norm."""
        descriptor = self.relationship_descriptor(image, text)
        queries = self.descriptor(descriptor)  # (B, K, D)
        for block in self.blocks:
            queries = block(queries, image.patch_tokens)
        logits = as_maps(self.scores(queries, image.patch_tokens), image.grid)  # (B, K, h, w)
        return MaskOutput(logits, descriptor, queries, image.patch_tokens)

    def relationship_descriptor(self, image: ImageTokens, text: Tensor) -> Tensor:
        """Relationship descriptors (B, K, 2D): the product of image and class, then the class.

        The product of two unit vectors is not normalised again. Without `config.relationship` the class alone,
        (B, K, D): every image gets the same queries, as in the paper's ablation.
        """
        # (B, 1, D) times (K, D): every image with every class.
        return concat_descriptor(image.cls_token[:, None] * text, text, self.config)
