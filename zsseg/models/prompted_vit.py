"""CLIP's image encoder with learned prompts and region tokens, or without either.

Deep prompt tuning (visual prompt tuning, "deep" variant; ZegCLIP's first design, section 3.3, equation 3): the P
prompts of layer i are proj(e_i) with learned e_i and one linear layer shared by all depths. They take the places after
the class token; a layer's outputs there are dropped when the next layer has prompts of its own. Sequence: [CLS, P
prompts, N patches, M regions]. After the last layer every token but the regions passes one learned layer norm, then
CLIP's own final norm and projection, which CLIP applies to the class token alone. All tokens then have unit norm.

Region-level bridge, RLB (CLIP-RC): the M region tokens all start as the class token's input, are never trained, and
differ because region r attends to the patches of its own block and to itself only; a patch attends to its own region.

Upstream: ZegCLIP at 9ba4bb5, models/backbone/img_encoder.py 130-349 (prompts 173-185, injection 236-296, output
264-277); JSeg at c14696d, python/jseg/models/backbones/clip_encoder_rlb.py 81-110 (mask), 176-182 (region tokens).
Both add the class embedding twice (228-231; 189-196); official files are folded on import instead, see
`zsseg/weights/released/official.py`.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from zsseg.layers import DeepPrompts, region_attention_mask, resize_positions, run_block, run_block_on_values
from zsseg.models.config import ModelConfig
from zsseg.models.outputs import ImageTokens
from zsseg.open_clip_compat import OpenClip


class PromptedViT(nn.Module):
    """Runs a frozen image encoder with deep prompts and, for CLIP-RC, region tokens; owns only what those need.

    The sequence is class token, P prompts, N patches, M regions. Region tokens all start alike, from the class token's
    input, and differ by the patches that the attention mask shows them. A head without prompts has no norm of its own
    either, and trains nothing here: without regions its tokens are the untouched CLIP's.

    Args:
        visual: the encoder, an open_clip VisionTransformer.
        config: P, the layers that have prompts, M and dropout.
        patch_size: side of a patch in pixels.

    Raises:
        ValueError: prompts for more layers than the encoder has.
    """

    def __init__(self, visual: OpenClip, config: ModelConfig, patch_size: int) -> None:
        super().__init__()
        width, layers = len(visual.class_embedding), len(visual.transformer.resblocks)
        depth = layers if config.prompt_depth is None else config.prompt_depth
        if depth > layers:
            raise ValueError(f"prompt_depth must be at most {layers}, the layers of the encoder, not {depth}")
        self.regions, self.prompt_tokens = config.regions, config.prompt_tokens
        self.prompts = DeepPrompts(depth, config.prompts, width, patch_size, config.dropout) if depth else None
        self.norm = nn.LayerNorm(width, eps=1e-6) if depth else nn.Identity()
        start = (visual.class_embedding + visual.positional_embedding[0]).detach()  # (W,)
        self.register_buffer("region_tokens", start.repeat(config.regions, 1), persistent=config.regions > 0)  # (M, W)

    def forward(self, visual: OpenClip, patches: Tensor) -> ImageTokens:
        """Encode patch embeddings (B, W, h, w), on whatever grid they lie."""
        embedded, grid = embed(visual, patches)
        regions = self.get_buffer("region_tokens").expand(len(patches), -1, -1)
        tokens = visual.ln_pre(torch.cat([embedded, regions], 1))  # (B, 1+N+M, W)
        # Made for this grid at every call: upstream builds it once, for 32 x 32 patches, and fails on any other grid.
        mask = self._additive_mask(grid, tokens) if self.regions else None
        # open_clip's own switch; `visual.set_grad_checkpointing()` sets it.
        run = _run_block_again if visual.transformer.grad_checkpointing and torch.is_grad_enabled() else run_block
        # Prompts get neither positions nor `ln_pre`: they enter after both, as upstream.
        prompts = () if self.prompts is None else self.prompts(len(patches))
        inserted = 0
        for layer, block in enumerate(visual.transformer.resblocks):
            if layer < len(prompts):
                # What a layer makes of its prompts is dropped where the next has its own.
                tokens = torch.cat([tokens[:, :1], prompts[layer], tokens[:, 1 + inserted :]], 1)
                inserted = self.prompt_tokens
            tokens = run(block, tokens, mask)
        tokens = torch.cat([tokens[:, :1], tokens[:, 1 + inserted :]], 1)
        first_region = embedded.shape[1]
        # Region tokens bypass the learned norm, as upstream (`clip_encoder_rlb.py` 308-312).
        normed = torch.cat([self.norm(tokens[:, :first_region]), tokens[:, first_region:]], 1)
        return project(visual, normed, grid)

    def _additive_mask(self, grid: tuple[int, int], like: Tensor) -> Tensor:
        """The attention mask that open_clip's blocks add to their scores: 0 where allowed, minus infinity elsewhere."""
        allowed = region_attention_mask(grid, self.prompt_tokens, self.regions, like.device)
        # No row is all minus infinity, since every token may attend to itself: the softmax never divides by 0.
        return torch.zeros(allowed.shape, dtype=like.dtype, device=like.device).masked_fill(~allowed, -torch.inf)


def _run_block_again(block: OpenClip, tokens: Tensor, mask: Tensor | None) -> Tensor:
    """`run_block`, of which only the input is kept: the backward pass runs it once more."""
    # Frozen weights need no gradient, but the way back to the prompts leads through every block's activations.
    updated: Tensor = checkpoint(run_block, block, tokens, mask, use_reentrant=False)
    return updated


def embed_patches(visual: OpenClip, pixels: Tensor) -> Tensor:
    """Patch embeddings (B, W, h, w) of normalised pixels (B, 3, H, W): all that comes before the transformer.

    Raises:
        ValueError: a side is no multiple of the patch side.
    """
    sides, patch = tuple(pixels.shape[-2:]), tuple(visual.patch_size)
    if sides[0] % patch[0] or sides[1] % patch[1]:
        raise ValueError(f"pixels of {sides} do not divide into patches of {patch}")
    patches: Tensor = visual.conv1(pixels)
    return patches


def embed(visual: OpenClip, patches: Tensor) -> tuple[Tensor, tuple[int, int]]:
    """Class and patch tokens with their positions, (B, 1 + N, W) before `ln_pre`, and the grid (h, w).

    Positions are resampled bilinearly where the grid is not the one that the encoder was trained with.

    Args:
        visual: the encoder, an open_clip VisionTransformer.
        patches: (B, W, h, w), from `embed_patches`.
    """
    grid = (patches.shape[-2], patches.shape[-1])
    tokens = patches.flatten(2).transpose(1, 2)  # (B, N, W)
    cls_token = visual.class_embedding.to(tokens.dtype).expand(len(tokens), 1, -1)
    # The class token's own addition is in row 0 of the file's positions, so that nothing is added twice here.
    positions = resize_positions(visual.positional_embedding, tuple(visual.grid_size), grid)
    return torch.cat([cls_token, tokens], 1) + positions.to(tokens.dtype), grid


def project(visual: OpenClip, tokens: Tensor, grid: tuple[int, int]) -> ImageTokens:
    """Take the last layer's tokens (B, 1 + N + M, W) to the joint space; unit norm."""
    # OpenAI's CLIP norms and projects the class token alone; patches and regions need the joint space as well.
    joint = F.normalize(visual.ln_post(tokens) @ visual.proj, dim=-1)  # (B, 1+N+M, D)
    first_region = 1 + grid[0] * grid[1]
    return ImageTokens(joint[:, 0], joint[:, 1:first_region], joint[:, first_region:], grid)


def plain_image_tokens(visual: OpenClip, pixels: Tensor) -> ImageTokens:
    """`plain_tokens` of normalised pixels (B, 3, H, W)."""
    return plain_tokens(visual, embed_patches(visual, pixels))


def plain_tokens(visual: OpenClip, patches: Tensor) -> ImageTokens:
    """Tokens of the untouched encoder, no prompts, no regions: CLIP's final norm and projection on every token.

    The cosine of its patch tokens and text is the training-free baseline, and its patch tokens are the recovery
    target "clip".
    """
    embedded, grid = embed(visual, patches)
    tokens = visual.ln_pre(embedded)
    for block in visual.transformer.resblocks:
        tokens = run_block(block, tokens)
    return project(visual, tokens, grid)


def value_tokens(visual: OpenClip, patches: Tensor) -> ImageTokens:
    """Tokens of the untouched encoder, (B, W, h, w) to unit norm, but for the last layer: there each keeps its value.

    MaskCLIP's change, which needs no training; see `zsseg.layers.run_block_on_values`.
    """
    embedded, grid = embed(visual, patches)
    tokens = visual.ln_pre(embedded)
    *first, last = visual.transformer.resblocks
    for block in first:
        tokens = run_block(block, tokens)
    return project(visual, run_block_on_values(last, tokens), grid)
