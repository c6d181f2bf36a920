"""A reader of Jittor's `.pkl` files that runs no code of theirs: it knows arrays and plain containers, nothing else.

A pickle is a program that may call anything it can name. Here every name that a state dict needs stands for a class of
this module, which checks what it is given; no function of numpy or Jittor is called with the file's values. Any other
name, and every instruction that a state dict has no use for, ends the reading.

The format is that of `jt.save` (Jittor/jittor, python/jittor/__init__.py): a pickle of protocol 4, the sha1 of it and a
mark. A variable is pickled as `jittor.Var(array)`. JSeg keeps the weights under "model".
"""

import hashlib
import io
import pickle
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import torch
from torch import Tensor

from zsseg.errors import UserError, reason_of
from zsseg.files import read_bytes

LARGEST_PICKLE = 4 * 2**30
"""Bytes. The published models have less than 1 GiB."""

_MARK, _SHA1_BYTES = b"HCAJSLHD", 20
_KINDS = frozenset({"f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "b1"})
# Buffers that Jittor counts as weights: attention masks, which this program builds for the photo at hand.
_MASKS = re.compile(r"(backbone|text_encoder)\.(transformer\.resblocks\.\d+\.attn_mask|.*visual_mask)")


class _Dtype:
    """What `numpy.dtype` makes: a kind of number, little-endian."""

    __slots__ = ("kind",)

    def __init__(self, kind: object, *_flags: object) -> None:
        if not isinstance(kind, str) or kind not in _KINDS:
            raise ValueError(f"numbers of kind {kind!r:.20}")
        self.kind = kind

    def __setstate__(self, state: Any) -> None:  # noqa: ANN401
        if not isinstance(state, tuple) or len(state) < 2 or state[1] not in ("<", "|"):
            raise ValueError("numbers that are not little-endian")


class _Array:
    """What `numpy.core.multiarray._reconstruct` makes: an empty array, filled by `__setstate__`."""

    __slots__ = ("value",)

    def __init__(self, *_kind_shape_code: object) -> None:
        self.value: np.ndarray | None = None

    def __setstate__(self, state: Any) -> None:  # noqa: ANN401
        _version, shape, dtype, is_fortran, data = state
        if not isinstance(dtype, _Dtype) or not isinstance(data, bytes):
            raise ValueError("an array that is not made of plain numbers")
        # `type is int`, because a truth value is an int as well.
        if not isinstance(shape, tuple) or not all(type(size) is int and size >= 0 for size in shape):
            raise ValueError("an array without a shape")
        # `frombuffer` checks the length and copies nothing; the reshape checks that the shape fits the data.
        self.value = np.frombuffer(data, dtype.kind).reshape(shape, order="F" if is_fortran else "C")


class _Number:
    """What `numpy.core.multiarray.scalar` makes; weights are none, so its value is dropped."""

    __slots__ = ()

    def __init__(self, *_dtype_data: object) -> None:
        pass

    def __setstate__(self, state: object) -> NoReturn:
        raise ValueError("a number with a state")


class _Variable:
    """What `jittor.Var` makes of an array: the array."""

    __slots__ = ()

    def __new__(cls, array: object) -> Any:  # noqa: ANN401
        """Return the array itself."""
        return array

    def __setstate__(self, state: object) -> NoReturn:
        raise ValueError("a variable with a state")


class _ArrayType:
    """What `numpy.ndarray` stands for: the first argument of `_reconstruct`; never called."""

    __slots__ = ()

    def __init__(self) -> None:
        raise ValueError("an array without a state")

    def __setstate__(self, state: object) -> NoReturn:
        raise ValueError("an array type with a state")


_NAMES: Mapping[tuple[str, str], type] = {
    ("numpy", "dtype"): _Dtype,
    ("numpy", "ndarray"): _ArrayType,
    ("numpy.core.multiarray", "_reconstruct"): _Array,
    ("numpy._core.multiarray", "_reconstruct"): _Array,
    ("numpy.core.multiarray", "scalar"): _Number,
    ("numpy._core.multiarray", "scalar"): _Number,
    ("jittor", "Var"): _Variable,
    ("collections", "OrderedDict"): dict,
}
# Instructions without use in a state dict: objects made by other ways than a call, references to outside the file, the
# process-wide table of extensions, and one that reserves as much memory as the file says.
_REFUSED = (
    pickle.PERSID, pickle.BINPERSID, pickle.INST, pickle.OBJ, pickle.NEWOBJ, pickle.NEWOBJ_EX, pickle.EXT1,
    pickle.EXT2, pickle.EXT4, pickle.BYTEARRAY8, pickle.NEXT_BUFFER, pickle.READONLY_BUFFER,
)  # fmt: skip


# Python's own implementation: the one in C reserves memory for whatever number an entry of its memo is said to have.
class _Reader(pickle._Unpickler):
    dispatch = {code: run for code, run in pickle._Unpickler.dispatch.items() if bytes([code]) not in _REFUSED}

    def find_class(self, module: str, name: str) -> type:
        if (module, name) not in _NAMES:
            raise ValueError(f"it names {module}.{name}, which is no part of a state dict")
        return _NAMES[module, name]


def read_jittor(path: Path) -> dict[str, Tensor]:
    """Read the state dict of a Jittor checkpoint; attention masks, which Jittor stores too, are left out.

    Args:
        path: a file that `jt.save` wrote: a state dict, or a dictionary with one under "model" or "state_dict".

    Raises:
        UserError: there is no such file, it is too large or damaged, or it holds anything but arrays.
    """
    try:
        content = _unpickle(path)
    except UserError:
        raise
    except FileNotFoundError as error:
        raise UserError(f"There is no file {path}: check the name.") from error
    except Exception as error:  # a hostile file makes the reader fail in every way there is
        raise UserError(
            f"{path} cannot be read as a Jittor checkpoint ({reason_of(error)}): download it again."
        ) from error
    # JSeg writes "model", mmcv "state_dict", and a bare state dict has neither.
    state = next((content[key] for key in ("model", "state_dict") if key in content), content)
    if not isinstance(state, dict) or not state:
        raise UserError(f"{path} holds no state dict: give a released .pkl file.")
    return {str(name): _tensor(value, path) for name, value in state.items() if not _MASKS.fullmatch(str(name))}


def _unpickle(path: Path) -> dict[Any, Any]:
    if path.stat().st_size > LARGEST_PICKLE:
        raise ValueError(f"it has more than {LARGEST_PICKLE >> 30} GiB")
    data = read_bytes(path)
    # A file without the mark is the pickle alone and has no checksum.
    if data.endswith(_MARK):
        data, checksum = data[: -len(_MARK) - _SHA1_BYTES], data[-len(_MARK) - _SHA1_BYTES : -len(_MARK)]
        if hashlib.sha1(data, usedforsecurity=False).digest() != checksum:
            raise ValueError("its checksum does not match")
    content = _Reader(io.BytesIO(data)).load()
    if not isinstance(content, dict):
        raise ValueError("it holds no dictionary")
    return content


def _tensor(value: object, path: Path) -> Tensor:
    if not isinstance(value, _Array) or value.value is None:
        raise UserError(f"{path} holds no state dict: one of its entries is no array. Give a released .pkl file.")
    # The copy owns its memory and may be written to; the array is a read-only view of the file's bytes.
    return torch.from_numpy(value.value.copy())
