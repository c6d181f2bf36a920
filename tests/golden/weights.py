"""The untrained weights by rule that all golden numbers were made with."""

import zlib
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

PORTABLE = Path(__file__).parent
TOKENS_ATOL, UNIT_ATOL = 1e-4, 5e-6


def fill(name: str, shape: tuple[int, ...], offset: float, scale: float) -> Tensor:
    """One entry: normal numbers seeded by its name."""
    return torch.from_numpy(_fill(name, shape, offset, scale))


@cache
def _fill(name: str, shape: tuple[int, ...], offset: float, scale: float) -> np.ndarray:
    # Most entries are the same in all folders.
    normal = np.random.default_rng(zlib.crc32(name.encode("utf-8"))).standard_normal(shape)
    return (offset + scale * normal).astype("<f4")


def rule(name: str, shape: Iterable[int]) -> tuple[float, float]:
    """Offset and scale of an entry, as golden/README.md section 2 says."""
    *_, parent, last = ("", *name.split("."))
    if name in (f"decode_head.decoder_{side}.layers.2.norm3.weight" for side in "qv"):
        return 0.3, 0.02
    if last == "weight" and (parent.startswith(("ln_", "norm")) or parent.endswith("_norm")):
        return 1.0, 0.02
    if len(tuple(shape)) == 1:
        return 0.0, 0.02
    if name.startswith("backbone.") and name.endswith(".attn.in_proj_weight"):
        return 0.0, 0.05
    if name.startswith("decode_head.") and name.endswith(("multihead_attn.q.weight", "multihead_attn.k.weight")):
        return 0.0, 0.4
    return 0.0, 0.5 if name in ("decode_head.q_proj.weight", "decode_head.lateral_proj.weight") else 0.02


def normalised(image: np.ndarray) -> Tensor:
    """uint8 RGB (H, W, 3) as the published code feeds it: (1, 3, H, W)."""
    mean, std = np.array((123.675, 116.28, 103.53)), np.array((58.395, 57.12, 57.375))
    return torch.from_numpy(((image - mean) / std).astype(np.float32)).permute(2, 0, 1)[None]
