"""The attention mask of CLIP-RC's encoder: region tokens stand for blocks of patches."""

import math

import torch
from torch import Tensor


def region_of_patch(grid: tuple[int, int], regions: int, device: torch.device | str = "cpu") -> Tensor:
    """The region that owns each patch, (N,) row-major, for M regions in a square arrangement.

    Regions are near-equal bins, so that no patch of any grid is left out; where the side of the arrangement divides
    the grid, they are equal blocks.

    Raises:
        ValueError: `regions` is no square, or the grid has fewer rows or columns than the arrangement.
    """
    side = math.isqrt(regions)
    if side**2 != regions:
        raise ValueError(f"{regions} regions cannot be arranged in a square")
    if min(grid) < side:
        raise ValueError(f"a grid of {grid[0]} x {grid[1]} patches is too small for {side} x {side} regions")
    # Cell i of `length` falls into bin i * side // length: bins differ by one cell at most, and none stays empty.
    rows, cols = (torch.arange(length, device=device) * side // length for length in grid)
    return (rows[:, None] * side + cols).flatten()  # (N,)


def region_attention_mask(
    grid: tuple[int, int], prompts: int, regions: int, device: torch.device | str = "cpu"
) -> Tensor:
    """Attention permissions (n, n), True where the row may attend to the column; n = 1 + P + N + M.

    Tokens are ordered class, prompts, patches, regions. The first three see each other; a patch also sees the region
    that owns it; a region attends to its own patches and to itself only.
    """
    patches = region_of_patch(grid, regions, device)
    no_region = patches.new_full((1 + prompts,), -1)
    owner = torch.cat([no_region, patches, torch.arange(regions, device=device)])  # (n,)
    # `shape` and not `len`, and compared instead of filled in: so that an exported file works on any grid.
    total = owner.shape[0]
    is_region = torch.arange(total, device=device) >= total - regions
    # Class token and prompts never see regions: regions act on the masks through the patches alone.
    return (owner[:, None] == owner) | ~(is_region[:, None] | is_region)
