"""Matrices in 8 bits: rows of whole numbers, each row with a scale of its own."""

from collections.abc import Mapping

import torch
from torch import Tensor

PACKED_FROM = 2**14
"""Numbers in a tensor that is worth packing."""

_ROWS, _SCALES = ".rows", ".scales"


def pack(tensors: Mapping[str, Tensor], dtype: torch.dtype) -> dict[str, Tensor]:
    """Pack large matrices; the others become `dtype`. Each packed value moves by at most 1/254 of its row's largest."""
    packed: dict[str, Tensor] = {}
    for name, value in tensors.items():
        if value.ndim > 1 and value.numel() >= PACKED_FROM:
            packed |= _pack_rows(name, value)
        else:
            packed[name] = stored(value, dtype)
    return packed


def stored(value: Tensor, dtype: torch.dtype) -> Tensor:
    """A tensor as it is written: counters, such as those of batch norms, stay whole numbers."""
    return (value.to(dtype) if value.is_floating_point() else value).contiguous()


def unpack(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of a file, packed matrices in fp32.

    Raises:
        ValueError: rows or scales are not as `pack` makes them, one is without the other, or a matrix is there twice.
    """
    whole = {name: value for name, value in tensors.items() if not name.endswith((_ROWS, _SCALES))}
    packed = {key.removesuffix(end) for end in (_ROWS, _SCALES) for key in tensors if key.endswith(end)}
    for name in sorted(packed):
        rows, scales = tensors.get(name + _ROWS), tensors.get(name + _SCALES)
        if rows is None or scales is None or name in whole:
            raise ValueError(f"{name} needs rows with scales, or values, and not both")
        if (rows.dtype, scales.dtype, scales.shape) != (torch.int8, torch.float32, rows.shape[:1]):
            raise ValueError(f"{name} is not packed as rows of int8 with a scale of fp32 each")
        # Written so that NaN fails too; infinite ones are found with the values.
        if not bool((scales > 0).all()):
            raise ValueError(f"{name} has scales that are not above 0")
        whole[name] = rows.float() * scales.view(-1, *[1] * (rows.ndim - 1))
    return whole


def check_values(tensors: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> None:
    """Refuse weights that are infinite or no numbers, or whole or complex where fractions belong.

    Torch would convert them in silence, and every answer would be noise, or fail much later.

    Args:
        tensors: what a file holds.
        wanted: the model's own tensors.

    Raises:
        ValueError: one of the tensors has such values.
    """
    for name, value in tensors.items():
        if name in wanted and value.is_floating_point() != wanted[name].is_floating_point():
            raise ValueError(f"{name} is of {value.dtype}, not of {wanted[name].dtype}")
        # As the model will hold them: a large number of 64 bits is infinite in 32.
        if value.is_floating_point() and not bool(torch.isfinite(value.float()).all()):
            raise ValueError(f"{name} has values that are not finite")


def _pack_rows(name: str, matrix: Tensor) -> dict[str, Tensor]:
    """A tensor (R, ...) as int8 rows of the same shape and their fp32 scales (R,)."""
    # One scale per output channel: a row of small weights keeps its precision beside a row of large ones.
    rows = matrix.float().flatten(1)
    # 127 to both sides, though int8 reaches -128; the clamp spares a row of zeros the division by 0.
    scales = rows.abs().amax(1).clamp(min=1e-12) / 127
    return {name + _ROWS: (rows / scales[:, None]).round().to(torch.int8).view_as(matrix), name + _SCALES: scales}
