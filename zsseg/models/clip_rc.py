"""CLIP-RC (Zhang et al., "Exploring Regional Clues in CLIP for Zero-Shot Semantic Segmentation", CVPR 2024).

The paper's modules, and where each stands; G, I, R are the unit-norm [CLS], patch and region tokens, T the
text vectors:

1. Region-level bridge, RLB (its Figure 1 has the idea): M region tokens in the encoder; an attention mask lets each
   exchange information with the patches of its own block only (`zsseg.layers.region_attention_mask`,
   `prompted_vit.py`).
2. Region alignment module, RAM. Text side: R^[m, k] = [(R_m + G) * T_k ; T_k] (`relationship_descriptor`). Image side:
   each patch becomes [upsampled R ; G ; I] (`region_alignment`). One linear layer follows on either side.
3. Decoder: three layers; queries attend to patches and patches to queries, both from the previous state. Masks are the
   mean over regions of q v^T, without scale or temperature, upsampled, then a sigmoid.
4. Recovery decoder: one such layer that leads queries and patches back to R^ and I, so that training on seen classes
   does not overwrite CLIP's features (`RecoveryDecoder`). Published as a training aid; here it can be viewed, too.

The numbers of its equations are not given: the paper could not be read here, and nobody cites them by number.

Losses: NEL (focal, dice) and L1 for the recovery; `training/core/losses.py`. Upstream: Jittor/JSeg at c14696d, under
python/jseg/models: decode_heads/cliprc_head.py 168-217 (RAM, decoder, mean), backbones/clip_encoder_rlb.py 81-110 (the
attention mask); ops/cliprc_ops.py 396-433 beside them (recovery decoder). JSeg has no loss for this head.
"""

from typing import ClassVar

import torch
from torch import Tensor, nn

from zsseg.layers import DecoderBlock, resize_grid
from zsseg.models.backbone import Backbone
from zsseg.models.base import PromptedModel, as_maps, concat_descriptor
from zsseg.models.config import ClipRCConfig
from zsseg.models.outputs import ImageTokens, MaskOutput, Recovery


class RecoveryDecoder(nn.Module):
    """Recovers the features before the decoder from the queries and patches after it; regularises training.

    Args:
        dim: joint dimension D.
        config: heads, hidden channels and dropout, shared with the decoder.
    """

    def __init__(self, dim: int, config: ClipRCConfig) -> None:
        super().__init__()
        self.query_in = nn.Linear(dim, dim)
        self.patch_in = nn.Linear(dim, dim)
        self.query_block = DecoderBlock(dim, config.decoder_heads, config.decoder_ffn, config.dropout)
        self.patch_block = DecoderBlock(dim, config.decoder_heads, config.decoder_ffn, config.dropout)
        self.query_out = nn.Linear(dim, config.descriptor_width(dim))
        self.patch_out = nn.Linear(dim, dim)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                # As in uyzhang/CLIP-RC, where this decoder alone starts from 0.02; the others keep torch's default.
                nn.init.trunc_normal_(module.weight, std=0.02)
                nn.init.zeros_(module.bias)

    def forward(self, queries: Tensor, patches: Tensor) -> tuple[Tensor, Tensor]:
        """Recover descriptors (B, M*K, 2D) and patch features (B, N, D) from queries (B, M*K, D), patches (B, N, D).

        The descriptors are (B, M*K, D) where the head has no relationship descriptor.
        """
        queries, patches = self.query_in(queries), self.patch_in(patches)  # (B, M*K, D), (B, N, D)
        # One tuple assignment, so that both sides read the state before the layer.
        queries, patches = self.query_block(queries, patches), self.patch_block(patches, queries)
        return self.query_out(queries), self.patch_out(patches)  # (B, M*K, 2D), (B, N, D)


class ClipRC(PromptedModel):
    """Region alignment, a two-way decoder and the mean over regions.

    Patches attend to the descriptors of all classes in the list, so the mask of one class depends on the others.
    """

    config: ClipRCConfig
    has_recovery: ClassVar[bool] = True
    has_exact_decoder: ClassVar[bool] = True
    has_regions: ClassVar[bool] = True

    def __init__(self, config: ClipRCConfig, backbone: Backbone) -> None:
        super().__init__(config, backbone)
        dim = backbone.joint_dim
        self.descriptor = nn.Linear(config.descriptor_width(dim), dim)
        self.patch_projection = nn.Linear(3 * dim, dim)  # region, [CLS] and patch token side by side
        self.query_blocks, self.patch_blocks = (
            nn.ModuleList(
                DecoderBlock(dim, config.decoder_heads, config.decoder_ffn, config.dropout)
                for _ in range(config.decoder_layers)
            )
            for _ in range(2)
        )
        # No mask depends on it: `decode` never runs it, and files without it can still be imported.
        self.recovery = RecoveryDecoder(dim, config)

    def decode(self, image: ImageTokens, text: Tensor) -> MaskOutput:
        """Predict masks of K classes, text (K, D) of unit norm."""
        descriptor = self.relationship_descriptor(image, text)
        queries = self.descriptor(descriptor)  # (B, M*K, D)
        patches = self.patch_projection(self.region_alignment(image))  # (B, N, D)
        for query_block, patch_block in zip(self.query_blocks, self.patch_blocks, strict=True):
            # Both sides read the other's previous state, as upstream: neither is updated first.
            queries, patches = query_block(queries, patches), patch_block(patches, queries)
        # The mean over regions of q . v is the mean of q, times v: exact, and M times cheaper.
        pooled = queries.reshape(len(queries), self.config.regions, len(text), -1).mean(1)  # (B, K, D)
        logits = as_maps(pooled @ patches.transpose(1, 2), image.grid)
        return MaskOutput(logits, descriptor, queries, patches)

    def relationship_descriptor(self, image: ImageTokens, text: Tensor) -> Tensor:
        """Relationship descriptors (B, M*K, 2D), region-major: the product of region and class, then the class.

        [CLS] and region token are summed without a mean or a new norm, as upstream. Without `config.relationship` the
        class alone, (B, M*K, D): all regions have the same queries, and region tokens act through the patches only.
        """
        bridged = image.region_tokens + image.cls_token[:, None]  # (B, M, D)
        related = bridged[:, :, None] * text  # (B, M, K, D)
        return concat_descriptor(related, text, self.config).flatten(1, 2)  # (B, M*K, 2D)

    def region_alignment(self, image: ImageTokens) -> Tensor:
        """Region Alignment Module, image side, (B, N, 3D): concat(upsampled region token, [CLS], patch token).

        The upsampled region tokens are not normalised again; between unlike regions their norm is below 1.
        """
        side = round(self.config.regions**0.5)
        # Region tokens are ordered row by row like patches, so they can be resampled as a grid of their own.
        regions = resize_grid(image.region_tokens, (side, side), image.grid)  # (B, N, D)
        picture = image.cls_token[:, None].expand_as(image.patch_tokens)  # (B, N, D)
        return torch.cat([regions, picture, image.patch_tokens], -1)  # (B, N, 3D)

    def region_logits(self, output: MaskOutput) -> Tensor:
        """The logits of every region alone, (B, M, K, h, w), whose mean over M is `mask_logits`."""
        logits = output.queries @ output.patch_features.transpose(1, 2)  # (B, M*K, N)
        batch, classes, rows, cols = output.mask_logits.shape
        return logits.reshape(batch, self.config.regions, classes, rows, cols)  # (B, M, K, h, w)

    def recover(self, image: ImageTokens, output: MaskOutput, target_patches: Tensor | None = None) -> Recovery:
        """Run the recovery decoder, in training or to view what it recovers.

        Args:
            image: what `encode_image` returned.
            output: the result of `decode` for it.
            target_patches: (B, N, D) unit-norm patch tokens to recover, such as the untouched CLIP's; without them
                the prompted encoder's own.
        """
        queries, patches = self.recovery(output.queries, output.patch_features)
        target = image.patch_tokens if target_patches is None else target_patches
        # Detached: the loss must lead the recovered features to the targets, not move the targets.
        return Recovery(queries, patches, output.relationship_descriptor.detach(), target.detach())
