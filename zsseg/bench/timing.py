"""Seconds of a call beside those of a matrix product, taken in turns, so that their ratio survives a busy machine."""

import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry, sdpa_flop_count

Operator = Any  # torch has no public type for the operators that it dispatches

SIDE = 2048
"""Of the square matrices whose product is the unit of all ratios."""

_PRODUCT_GFLOP = 2 * SIDE**3 / 1e9


@dataclass(frozen=True)
class Row:
    """One measurement.

    Attributes:
        part: what was measured, such as "vit-b16 zegclip".
        step: of it, such as "encode" or "decode 20".
        seconds: median wall time.
        products: `seconds` in units of one fp32 matrix product of the same minute.
        gflop: arithmetic of the call, 2 per multiplication; None where it was not counted.
        share_fp32: `gflop` per second by that of the fp32 product, 0..1 and above where less precise units help.
        share_bf16: the same by the bf16 product.
        items: pieces of work in the call, such as photos of a training step.
    """

    part: str
    step: str
    seconds: float
    products: float
    gflop: float | None = None
    share_fp32: float | None = None
    share_bf16: float | None = None
    items: int = 1

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {**asdict(self), "per_second": self.items / self.seconds}


class Clock:
    """Measures calls; every call is preceded by one matrix product in fp32 and one in bf16.

    Args:
        repeats: how often each call is timed, after one call that is not; at least 1.
    """

    def __init__(self, repeats: int) -> None:
        self.repeats = repeats
        self._matrices = {dtype: torch.rand(SIDE, SIDE).to(dtype) for dtype in (torch.float32, torch.bfloat16)}
        self._products: dict[torch.dtype, list[float]] = {dtype: [] for dtype in self._matrices}
        for dtype in self._matrices:
            # Not kept: the first product also starts the threads.
            self._product(dtype)

    def _product(self, dtype: torch.dtype) -> float:
        matrix = self._matrices[dtype]
        return seconds_of(lambda: matrix @ matrix)

    @property
    def gflops(self) -> dict[str, float]:
        """GFLOP/s of the products so far, median, by number format."""
        return {
            str(dtype).removeprefix("torch."): _PRODUCT_GFLOP / statistics.median(seconds)
            for dtype, seconds in self._products.items()
            if seconds
        }

    def measure(self, part: str, step: str, call: Callable[[], object], *, count: bool = False, items: int = 1) -> Row:
        """Time a call.

        Args:
            part, step, items: as in `Row`.
            call: what is timed; called once more than `repeats`, and once more to count.
            count: also count its arithmetic.
        """
        gflop = gflop_of(call) if count else None
        # Not timed: it fills caches, or compiles.
        call()
        return self.measure_seconds(part, step, lambda: seconds_of(call), gflop=gflop, items=items)

    def measure_seconds(
        self, part: str, step: str, seconds: Callable[[], float], *, gflop: float | None = None, items: int = 1
    ) -> Row:
        """As `measure`, for work that returns its own duration: what comes before and after does not count."""
        times: list[float] = []
        products: dict[torch.dtype, list[float]] = {dtype: [] for dtype in self._matrices}
        for _ in range(self.repeats):
            # In turns: a busy minute slows products and call alike.
            for dtype, taken in products.items():
                taken.append(self._product(dtype))
            times.append(seconds())
        for dtype, taken in products.items():
            self._products[dtype] += taken
        # Medians: one interruption does not count.
        median = statistics.median(times)
        fp32, bf16 = (statistics.median(products[dtype]) for dtype in (torch.float32, torch.bfloat16))
        done = None if gflop is None else gflop / median / _PRODUCT_GFLOP  # products' worth of arithmetic per second
        shares = (None, None) if done is None else (done * fp32, done * bf16)
        return Row(part, step, median, median / fp32, gflop, shares[0], shares[1], items)


def seconds_of(call: Callable[[], object]) -> float:
    """Wall time of a call."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def gflop_of(call: Callable[[], object]) -> float:
    """Arithmetic of all products and convolutions in a call, 2 per multiplication, in units of 10^9."""
    counter = _FlopCounter()
    with counter:
        call()
    return counter.flop / 1e9


class _FlopCounter(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Adds up torch's own formulas; `FlopCounterMode` also follows modules, which inference mode does not allow."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.flop: int = 0

    def __torch_dispatch__(
        self, func: Operator, types: object, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> object:
        options = kwargs or {}
        packet = func._overloadpacket
        if packet not in _FORMULAS:
            with self:  # a composite of others, such as a linear layer, is counted as what it consists of
                parts = func.decompose(*args, **options)
            if parts is not NotImplemented:
                return parts
        result = func(*args, **options)
        if packet in _FORMULAS:
            self.flop += int(_FORMULAS[packet](*args, **options, out_val=result))
        return result


def _cpu_attention(query: Tensor, key: Tensor, value: Tensor, *_: object, **_options: object) -> int:
    return int(sdpa_flop_count(query.shape, key.shape, value.shape))  # type: ignore[no-untyped-call]


def _attention_backward(_: Tensor, query: Tensor, key: Tensor, value: Tensor, *__: object, **_options: object) -> int:
    """Twice the forward's: the gradients of both factors of both products. Scores that a kernel computes again to save
    memory are not counted, unlike in torch's own table: they are no work of the model."""
    return 2 * _cpu_attention(query, key, value)


_ATEN = torch.ops.aten
_FORMULAS: dict[Any, Callable[..., int]] = {
    **flop_registry,
    # The kernels of the CPU are not in torch's table.
    _ATEN._scaled_dot_product_flash_attention_for_cpu: _cpu_attention,
    _ATEN._scaled_dot_product_flash_attention_for_cpu_backward: _attention_backward,
    _ATEN._scaled_dot_product_flash_attention_backward: _attention_backward,
    _ATEN._scaled_dot_product_efficient_attention_backward: _attention_backward,
    _ATEN._scaled_dot_product_cudnn_attention_backward: _attention_backward,
}
