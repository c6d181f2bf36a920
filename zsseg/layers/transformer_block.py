"""One block of an open_clip encoder, run without torch's attention module."""

import torch.nn.functional as F
from torch import Tensor

from zsseg.layers.block_runner import block_function
from zsseg.open_clip_compat import OpenClip


@block_function
def run_block(block: OpenClip, tokens: Tensor, mask: Tensor | None = None) -> Tensor:
    """Run a ResidualAttentionBlock on tokens (B, L, W); same numbers as calling it, about twice as fast in training.

    `nn.MultiheadAttention` with frozen weights copies them once per sample, and its forward in evaluation mode cannot
    take its fast path while prompts need a gradient.

    Args:
        block: open_clip's block, with its weights.
        tokens: the sequence.
        mask: (L, L) added to the attention scores, 0 or minus infinity; None where every token sees every other.
    """
    tokens = tokens + block.ls_1(_attend(block.attn, block.ln_1(tokens), mask))
    updated: Tensor = tokens + block.ls_2(block.mlp(block.ln_2(tokens)))
    return updated


def run_block_on_values(block: OpenClip, tokens: Tensor) -> Tensor:
    """Run a block on tokens (B, L, W) so that every token keeps its own value instead of a mixture of all.

    It is what attention does where each token attends to itself alone: residual connections and perceptron stay.
    MaskCLIP (Zhou et al., "Extract Free Dense Labels from CLIP", ECCV 2022, section 3.2) does so in the last layer,
    whose mixture over the image serves the class token and blurs the patches.

    Args:
        block: open_clip's block, with its weights.
        tokens: the sequence.
    """
    attention, width = block.attn, tokens.shape[-1]
    # open_clip stacks query, key and value in one matrix (3W, W); the last third makes the values.
    value = F.linear(
        block.ln_1(tokens), attention.in_proj_weight[2 * width :], attention.in_proj_bias[2 * width :]
    )  # (B, L, W)
    tokens = tokens + block.ls_1(F.linear(value, attention.out_proj.weight, attention.out_proj.bias))
    updated: Tensor = tokens + block.ls_2(block.mlp(block.ln_2(tokens)))
    return updated


def _attend(attention: OpenClip, tokens: Tensor, mask: Tensor | None) -> Tensor:
    packed = F.linear(tokens, attention.in_proj_weight, attention.in_proj_bias)  # (B, L, 3W)
    query, key, value = packed.view(*tokens.shape[:2], 3, attention.num_heads, -1).permute(
        2, 0, 3, 1, 4
    )  # (B, heads, L, W/h)
    mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=None if mask is None else mask.to(query.dtype))
    return F.linear(mixed.transpose(1, 2).flatten(2), attention.out_proj.weight, attention.out_proj.bias)  # (B, L, W)
