"""Multi-head cross-attention, complete or reduced to its scores."""

import math

import torch.nn.functional as F
from torch import Tensor, nn


class AttentionScores(nn.Module):
    """The first half of an attention: how well each query matches each memory row, before the softmax.

    Args:
        dim: channels D of queries and memory.
        heads: number of heads; must divide `dim`.
    """

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        if dim % heads:
            raise ValueError(f"{heads} heads do not divide {dim} channels")
        self.heads = heads
        self.query = nn.Linear(dim, dim)
        self.key = nn.Linear(dim, dim)

    def forward(self, queries: Tensor, memory: Tensor) -> Tensor:
        """Scores averaged over heads, (B, Q, N), of queries (B, Q, D) and memory (B, N, D).

        The mean over heads of scaled dot products is one dot product over all D channels, so that the heads never
        have to be split.
        """
        query: Tensor = self.query(queries)
        key: Tensor = self.key(memory)
        # The scale goes onto the queries, Q * D numbers, instead of onto Q * N scores.
        scale = 1 / (self.heads * math.sqrt(query.shape[-1] // self.heads))
        return (query * scale) @ key.transpose(1, 2)  # (B, Q, N)


class CrossAttention(AttentionScores):
    """Multi-head attention of queries over a memory, with biases in every projection.

    Args:
        dim: channels D of queries and memory.
        heads: number of heads; must divide `dim`.
        dropout: probability with which an attention weight is dropped in training.
    """

    def __init__(self, dim: int, heads: int, dropout: float = 0.0) -> None:
        super().__init__(dim, heads)
        self.value = nn.Linear(dim, dim)
        self.out = nn.Linear(dim, dim)
        self.dropout = dropout

    def forward(self, queries: Tensor, memory: Tensor) -> Tensor:
        """Queries (B, Q, D) attend to memory (B, N, D); returns (B, Q, D)."""
        query, key, value = (
            projected.unflatten(2, (self.heads, -1)).transpose(1, 2)  # (B, heads, Q or N, D / heads)
            for projected in (self.query(queries), self.key(memory), self.value(memory))
        )
        # The function, unlike a module, does not know the mode and would drop weights in evaluation too.
        dropout = self.dropout if self.training else 0.0
        mixed = F.scaled_dot_product_attention(query, key, value, dropout_p=dropout)  # (B, heads, Q, D / heads)
        attended: Tensor = self.out(mixed.transpose(1, 2).flatten(2))  # (B, Q, D)
        return attended

    def scores(self, queries: Tensor, memory: Tensor) -> Tensor:
        """The head-averaged scores before the softmax, (B, Q, N)."""
        return super().forward(queries, memory)
