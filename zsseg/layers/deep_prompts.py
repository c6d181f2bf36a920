"""Deep prompts (VPT-deep): each layer of a frozen transformer has learned tokens of its own."""

import math

import torch
from torch import Tensor, nn


class DeepPrompts(nn.Module):
    """P learned tokens per layer, and one projection shared by all layers.

    Initial values as in Visual Prompt Tuning: uniform with the bound of a Xavier-initialised patch embedding, and
    a Kaiming-normal projection.

    Args:
        layers: layers L that have prompts, at least 1.
        prompts: tokens P per layer.
        width: channels W of the transformer.
        patch_size: side of a patch in pixels (it sets the bound of the initial values).
        dropout: probability with which a projected value is dropped in training, for each sample alone.
    """

    def __init__(self, layers: int, prompts: int, width: int, patch_size: int, dropout: float) -> None:
        super().__init__()
        self.embeddings = nn.Parameter(torch.empty(layers, prompts, width))  # (L, P, W)
        self.proj = nn.Linear(width, width)
        self.dropout = nn.Dropout(dropout)
        # Xavier's bound for a layer of 3 * patch_size**2 inputs and W outputs: 0.0625 for ViT-B/16.
        bound = math.sqrt(6 / (3 * patch_size**2 + width))
        nn.init.uniform_(self.embeddings, -bound, bound)
        nn.init.kaiming_normal_(self.proj.weight, mode="fan_out")

    def forward(self, batch: int) -> Tensor:
        """The tokens of every layer, (L, B, P, W); all layers are projected in one product."""
        layers, prompts, width = self.embeddings.shape
        projected: Tensor = self.proj(self.embeddings)
        # Dropout after the expansion, as upstream: every sample of a batch loses other values.
        dropped: Tensor = self.dropout(projected[:, None].expand(layers, batch, prompts, width))
        return dropped
