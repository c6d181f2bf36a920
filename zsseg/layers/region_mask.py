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
    owner = region_of_patch(grid, regions, device)
    owned = owner[:, None] == torch.arange(regions, device=device)  # (N, M)
    patches, first_patch = len(owner), 1 + prompts
    first_region = first_patch + patches
    total = first_region + regions
    allowed = torch.zeros(total, total, dtype=torch.bool, device=device)
    allowed[:first_region, :first_region] = True
    # Class token and prompts never see regions: regions act on the masks through the patches alone.
    allowed[first_patch:first_region, first_region:] = owned
    allowed[first_region:, first_patch:first_region] = owned.T
    allowed[first_region:, first_region:] = torch.eye(regions, dtype=torch.bool, device=device)
    return allowed
