"""Steps of a model run by onnxruntime; each is traced once and kept in a file, see `zsseg.engines.graphs`."""

import importlib
import threading
from collections.abc import Callable, Mapping
from typing import Any, ParamSpec, TypeVar, cast
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from zsseg.engines.base import Engine
from zsseg.engines.graphs import STEPS, module_of, program_bytes
from zsseg.models import Backbone, ImageTokens, MaskOutput, SegmentationModel

_P = ParamSpec("_P")
_R = TypeVar("_R")

_State = tuple[tuple[int, int], ...]


class Onnx(Engine):
    """Float32 by onnxruntime, on CPU. The recovery decoder, on which no label depends, runs as in `Eager`.

    Args:
        name: of the engine; what two engines with other programs encoded is kept apart by it.
        change: changes the bytes of a program before it is loaded, as for weights in 8 bits.
    """

    def __init__(self, name: str = "onnx", change: Callable[[bytes], bytes] = lambda program: program) -> None:
        self.name = name
        self._change = change
        self._programs: WeakKeyDictionary[nn.Module, dict[str, tuple[_State, _Program]]] = WeakKeyDictionary()
        self._lock = threading.Lock()

    def run(self, step: Callable[_P, _R], *inputs: _P.args, **options: _P.kwargs) -> _R:
        """Run a step by onnxruntime; see `Engine.run`.

        Raises:
            UserError: the step cannot be traced.
        """
        name, owner = getattr(step, "__name__", ""), getattr(step, "__self__", None)
        if name not in STEPS or not isinstance(owner, Backbone | SegmentationModel):
            return step(*inputs, **options)
        return cast(_R, _RUNNERS[name](self._program(name, owner), *inputs, **options))

    def _program(self, name: str, owner: Backbone | SegmentationModel) -> "_Program":
        # Training or another file may have changed the weights.
        state = tuple((id(p), 0 if p.is_inference() else p._version) for p in module_of(name, owner).parameters())
        # Two threads that ask first: one traces, which takes a minute, and the other waits.
        with self._lock:
            programs = self._programs.setdefault(owner, {})
            if name not in programs or programs[name][0] != state:
                programs[name] = (state, _Program(self._change(program_bytes(name, owner))))
            return programs[name][1]


class _Program:
    """A loaded program; may be shared by threads.

    Args:
        program: bytes of an ONNX file.
    """

    def __init__(self, program: bytes) -> None:
        runtime: Any = importlib.import_module("onnxruntime")
        options = runtime.SessionOptions()
        # onnxruntime would take every core; torch knows how many this process was given.
        options.intra_op_num_threads = torch.get_num_threads()
        self._session = runtime.InferenceSession(program, options, providers=["CPUExecutionProvider"])
        self._inputs = [tensor.name for tensor in self._session.get_inputs()]

    def __call__(self, values: Mapping[str, Tensor]) -> list[Tensor]:
        # A step need not read all that it is given: ZegCLIP's decoder has no regions.
        fed = {name: values[name].detach().contiguous().numpy() for name in self._inputs}
        return [torch.from_numpy(value) for value in self._session.run(None, fed)]


def _patches(program: _Program, pixels: Tensor) -> Tensor:
    return torch.cat([program({"pixels": sample})[0] for sample in torch.split(pixels, 1)])


def _tokens(program: _Program, patches: Tensor) -> ImageTokens:
    samples = [program({"patches": sample}) for sample in torch.split(patches, 1)]
    cls, tokens, regions = (torch.cat(parts) for parts in zip(*samples, strict=True))
    return ImageTokens(cls, tokens.flatten(1, 2), regions, (patches.shape[2], patches.shape[3]))


def _masks(program: _Program, image: ImageTokens, text: Tensor) -> MaskOutput:
    grids = image.patch_tokens.reshape(len(image.patch_tokens), *image.grid, -1)  # (B, h, w, D)
    tensors = zip(*(torch.split(part, 1) for part in (image.cls_token, grids, image.region_tokens)), strict=True)
    samples = [
        program({"cls": cls, "tokens": tokens, "regions": regions, "text": text}) for cls, tokens, regions in tensors
    ]
    return MaskOutput(*(torch.cat(parts) for parts in zip(*samples, strict=True)))


_RUNNERS: Mapping[str, Callable[..., object]] = {
    "embed_patches": _patches,
    "plain_tokens": _tokens,
    "encode_patches": _tokens,
    "decode": _masks,
}
