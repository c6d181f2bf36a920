"""The post-norm decoder block that both methods stack."""

import torch.nn.functional as F
from torch import Tensor, nn

from zsseg.layers.attention import CrossAttention
from zsseg.layers.block_runner import block_function


class DecoderBlock(nn.Module):
    """Cross-attention and a two-layer perceptron, each with a residual and a layer norm after it.

    There is no self-attention: rows of the queries never see each other.

    Args:
        dim: channels D.
        heads: attention heads.
        ffn: hidden channels of the perceptron.
        dropout: probability on attention weights, on the attention's output, inside and after the perceptron.
    """

    def __init__(self, dim: int, heads: int, ffn: int, dropout: float) -> None:
        super().__init__()
        self.attention = CrossAttention(dim, heads, dropout)
        self.attention_norm = nn.LayerNorm(dim)
        self.ffn_in = nn.Linear(dim, ffn)
        self.ffn_out = nn.Linear(ffn, dim)
        self.ffn_norm = nn.LayerNorm(dim)
        self.dropout = nn.Dropout(dropout)

    @block_function
    def forward(self, queries: Tensor, memory: Tensor) -> Tensor:
        """Update queries (B, Q, D) from memory (B, N, D)."""
        queries = self.attention_norm(queries + self.dropout(self.attention(queries, memory)))
        # In place: a layer of CLIP-RC with 171 classes has 2736 queries, and new memory for their hidden channels costs
        # more time than the function.
        hidden = self.ffn_out(self.dropout(F.relu(self.ffn_in(queries), inplace=True)))  # (B, Q, D)
        updated: Tensor = self.ffn_norm(queries + self.dropout(hidden))
        return updated
