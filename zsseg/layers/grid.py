"""Resampling of tokens that lie on a grid."""

import torch
import torch.nn.functional as F
from torch import Tensor


def resize_grid(tokens: Tensor, source: tuple[int, int], target: tuple[int, int], mode: str = "bilinear") -> Tensor:
    """Resample row-major tokens (B, h*w, C) to another grid, with half-pixel centres and without antialiasing.

    Args:
        tokens: (B, N, C) with N the product of `source`.
        source: rows and columns at present.
        target: rows and columns wanted; the tokens come back as they are where it equals `source`.
        mode: "bilinear" or "bicubic".
    """
    if source == target:
        return tokens
    maps = tokens.transpose(1, 2).reshape(len(tokens), -1, *source)  # (B, C, h, w)
    return F.interpolate(maps, target, mode=mode, align_corners=False).flatten(2).transpose(1, 2)  # (B, N', C)


def resize_positions(
    positions: Tensor, source: tuple[int, int], target: tuple[int, int], mode: str = "bilinear"
) -> Tensor:
    """Resample a position embedding (1 + N, W) whose first row, the class token's, has no place on the grid."""
    if source == target:
        return positions
    return torch.cat([positions[:1], resize_grid(positions[None, 1:], source, target, mode)[0]])
