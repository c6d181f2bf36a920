"""The engine that uses oneDNN instead of torch's default kernels: weights packed once, float32 or bfloat16.

torch multiplies float32 matrices with MKL, which leaves much of a processor unused that is not Intel's. oneDNN, which
torch contains too, generates its kernels for the instructions that are there. Nothing else about a step changes, so in
float32 the results are the same but for the order of sums.
"""

import dataclasses
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ParamSpec, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils.weak import WeakIdKeyDictionary

from zsseg.engines.base import Engine

_P = ParamSpec("_P")
_R = TypeVar("_R")

# Rows for which the layout of a packed weight is chosen; about a photo's number of patches.
_TYPICAL_ROWS = 1024
# Attention scores that are held at once, per head; they should stay in the processor's own cache.
_SCORES_AT_ONCE = 2**20


class Packed(Engine):
    """Linear layers and attention by oneDNN, on CPU.

    In bfloat16 the inputs of every product are rounded to 8 significant bits, and sums are kept in float32. Layer
    norms, residual sums, convolutions and the logits stay float32.

    Args:
        name: of the engine.
        dtype: float32 or bfloat16.
        exact: the float32 engine that goes with one in bfloat16.
    """

    def __init__(self, name: str, dtype: torch.dtype, exact: Engine | None = None) -> None:
        self.name = name
        self._weights = _PackedWeights(dtype)
        self._exact = exact or self

    @property
    def exact(self) -> Engine:
        """The float32 engine that goes with this one."""
        return self._exact

    def run(self, step: Callable[_P, _R], *inputs: _P.args, **options: _P.kwargs) -> _R:
        """Run a step with packed weights; see `Engine.run`."""
        with torch.inference_mode(), _Replacing(self._weights):
            result: _R = _as_float(step(*inputs, **options))
        return result


class _PackedWeights:
    """Packed copies of parameters, made at first use; a copy goes with its parameter and is made again if that changed.

    Args:
        dtype: of the copies.
    """

    def __init__(self, dtype: torch.dtype) -> None:
        self.dtype = dtype
        # By identity: tensors have no equality that a dictionary could use.
        self._weights: WeakIdKeyDictionary = WeakIdKeyDictionary()
        self._biases: WeakIdKeyDictionary = WeakIdKeyDictionary()

    def linear(self, weight: Tensor, transposed: bool = False) -> Tensor:
        """For `_product`: weight (out, in), or (in, out) where `transposed`."""

        def make() -> Tensor:
            matrix = (weight.T if transposed else weight).to(self.dtype).contiguous()  # (out, in)
            packed: Tensor = torch.ops.mkldnn._reorder_linear_weight(matrix, _TYPICAL_ROWS)
            return packed

        return _kept(self._weights, weight, make)

    def bias(self, parameter: Tensor | None) -> Tensor | None:
        """A bias in the precision of the copies."""
        if parameter is None or parameter.dtype == self.dtype:
            return parameter
        return _kept(self._biases, parameter, lambda: parameter.to(self.dtype))


def _kept(copies: WeakIdKeyDictionary, parameter: Tensor, make: Callable[[], Tensor]) -> Tensor:
    version = 0 if parameter.is_inference() else parameter._version  # grows when training changes the values
    found: tuple[int, Tensor] | None = copies.get(parameter)  # type: ignore[no-untyped-call]
    if found is None or found[0] != version:
        found = copies[parameter] = (version, make())
    return found[1]


class _Replacing(TorchFunctionMode):
    """While this mode is active in a thread, some functions of torch are computed by those of `_OURS`."""

    def __init__(self, weights: _PackedWeights) -> None:
        super().__init__()
        self._weights = weights

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401 - whatever torch's function returns
        # Inside this method the mode is off, so ours may call torch's functions.
        ours = _OURS.get(func)
        options = kwargs or {}
        return func(*args, **options) if ours is None else ours(self._weights, *args, **options)


def _linear(weights: _PackedWeights, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    # What is no parameter does not live long enough to be worth packing.
    if not isinstance(weight, nn.Parameter):
        return F.linear(x, weight, bias)
    return _product(x.to(weights.dtype), weights.linear(weight), weights.bias(bias))


def _matmul(weights: _PackedWeights, left: Tensor, right: Tensor) -> Tensor:
    if isinstance(right, nn.Parameter) and right.ndim == 2:  # CLIP's projection to the joint space
        return _product(left.to(weights.dtype), weights.linear(right, transposed=True), None)
    return left.float() @ right.float()  # logits, whose last digits decide between neighbouring classes


def _convolution(
    _: _PackedWeights,
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Sequence[int] = (1, 1),
    padding: Sequence[int] = (0, 0),
    dilation: Sequence[int] = (1, 1),
    groups: int = 1,
) -> Tensor:
    # In float32 always: the embedded backbone's convolutional network turns rounding into other labels.
    mixed: Tensor = torch.ops.mkldnn._convolution_pointwise(
        x.float(), weight, bias, padding, stride, dilation, groups, "none", [], ""
    )
    return mixed


def _attention(
    weights: _PackedWeights, query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor | None = None, **_: object
) -> Tensor:
    """Scaled dot-product attention, (B, heads, L, d) -> the same, head by head and some queries at a time."""
    batch, heads, length, channels = query.shape
    # The scale goes into the queries, (L, d), rather than into the scores, (L, N).
    query, key, value = (x.to(weights.dtype) for x in (query * (1 / math.sqrt(channels)), key, value))
    # (B, L, heads, d): each position's heads lie side by side, as the next layer reads them.
    mixed = query.new_empty(batch, length, heads, channels)
    # The number of queries whose scores against all N keys stay within the limit.
    step = max(1, _SCORES_AT_ONCE // key.shape[2])
    for sample in range(batch):
        for head in range(heads):
            keys, values = key[sample, head].contiguous(), value[sample, head].T.contiguous()  # (N, d), (d, N)
            for start in range(0, length, step):
                rows = slice(start, start + step)
                scores = _product(query[sample, head, rows], keys, None)  # (l, N)
                if attn_mask is not None:
                    # (l, N) of a mask (L, N) that all heads share.
                    scores = scores + attn_mask[rows]
                mixed[sample, rows, head] = _product(scores.softmax(-1).to(weights.dtype), values, None)
    return mixed.transpose(1, 2)  # (B, heads, L, d)


def _product(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """x (..., in) times weight (out, in), packed or not, plus bias."""
    product: Tensor = torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")
    return product


_OURS: Mapping[Callable[..., Any], Callable[..., Any]] = {
    F.linear: _linear,
    F.scaled_dot_product_attention: _attention,
    F.conv2d: _convolution,
    # A product arrives under the name that it was called by.
    torch.matmul: _matmul,
    Tensor.matmul: _matmul,
    Tensor.__matmul__: _matmul,
}


def _as_float(result: Any) -> Any:  # noqa: ANN401 - a tensor, or a dataclass or tuple with tensors
    if isinstance(result, Tensor):
        return result.float()
    if isinstance(result, tuple):
        return tuple(map(_as_float, result))
    if not dataclasses.is_dataclass(result) or isinstance(result, type):
        return result
    values = {field.name: _as_float(getattr(result, field.name)) for field in dataclasses.fields(result)}
    return dataclasses.replace(result, **values)


def has_bf16() -> bool:
    """Whether this processor multiplies bfloat16 by instructions of its own; without, it would be slower."""
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


def has_onednn() -> bool:
    """Whether torch has oneDNN and its operations for packed weights."""
    is_built = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    return bool(is_built) and hasattr(torch.ops.mkldnn, "_linear_pointwise")
