"""Steps of a model as ONNX programs, traced once and kept in files.

    embed_patches   pixels (1,3,H,W), normalised          -> patches (1,W,h,w)
    plain_tokens    patches (1,W,h,w)                     -> cls (1,D), tokens (1,h,w,D), regions (1,0,D)
    encode_patches  patches (1,W,h,w)                     -> cls (1,D), tokens (1,h,w,D), regions (1,M,D)
    decode          those three, and text (K,D)           -> logits (1,K,h,w), then the rest of `MaskOutput`

H and W are any multiples of the patch side, and K is any number of classes.
"""

import dataclasses
import hashlib
import importlib.metadata
import importlib.util
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from zsseg.errors import UserError
from zsseg.files import atomic_path, cache_folder
from zsseg.models import Backbone, ImageTokens, SegmentationModel
from zsseg.version import __version__

PACKAGES = ("onnx", "onnxscript")
"""What tracing needs beside torch."""

_CELLS = (5, 7)  # of the grid that is traced; no side of a usual grid, so that no size is built in
_TEXTS = 3  # a single class would be built into the program


class _Patches(nn.Module):
    def __init__(self, backbone: Backbone) -> None:
        super().__init__()
        self.visual = backbone.visual
        # In a tuple, which torch does not look into: the text encoder is no part of this step.
        self._backbone = (backbone,)

    def forward(self, pixels: Tensor) -> Tensor:
        return self._backbone[0].embed_patches(pixels)


class _Plain(nn.Module):
    def __init__(self, backbone: Backbone) -> None:
        super().__init__()
        self.visual = backbone.visual
        self._backbone = (backbone,)

    def forward(self, patches: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return _on_grid(self._backbone[0].plain_tokens(patches))


class _Encoder(nn.Module):
    def __init__(self, model: SegmentationModel) -> None:
        super().__init__()
        # The backbone is no submodule of the model.
        self.model, self.visual = model, model.backbone.visual

    def forward(self, patches: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return _on_grid(self.model.encode_patches(patches))


class _Decoder(nn.Module):
    def __init__(self, model: SegmentationModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, cls: Tensor, tokens: Tensor, regions: Tensor, text: Tensor) -> tuple[Tensor, ...]:
        grid = (tokens.shape[1], tokens.shape[2])
        output = self.model.decode(ImageTokens(cls, tokens.flatten(1, 2), regions, grid), text)
        return output.mask_logits, output.relationship_descriptor, output.queries, output.patch_features


def _on_grid(tokens: ImageTokens) -> tuple[Tensor, Tensor, Tensor]:
    """The grid is part of the shape, since a program returns tensors only."""
    grid = tokens.patch_tokens.reshape(1, *tokens.grid, tokens.patch_tokens.shape[-1])  # (1, h, w, D)
    return tokens.cls_token, grid, tokens.region_tokens


@dataclass(frozen=True)
class _Step:
    """How a step is traced.

    Attributes:
        name: for people.
        module: makes a module of the step's owner, whose forward pass is the step.
        inputs, outputs: names of the tensors, in order.
        free: of each input, the dimensions whose size is left open.
    """

    name: str
    module: Callable[[Any], nn.Module]
    inputs: Sequence[str]
    outputs: Sequence[str]
    free: Sequence[Sequence[int]]


_TOKENS = ("cls", "tokens", "regions")
_STEPS: Mapping[str, _Step] = {
    "embed_patches": _Step("patch embedding", _Patches, ["pixels"], ["patches"], [(2, 3)]),
    "plain_tokens": _Step("untouched encoder", _Plain, ["patches"], _TOKENS, [(2, 3)]),
    "encode_patches": _Step("encoder", _Encoder, ["patches"], _TOKENS, [(2, 3)]),
    "decode": _Step(
        "decoder", _Decoder, [*_TOKENS, "text"], ["logits", "descriptor", "queries", "features"], [(), (1, 2), (), (0,)]
    ),
}
STEPS = tuple(_STEPS)
"""Names of the methods that can be traced, of a backbone or a model."""


def module_of(step: str, owner: Backbone | SegmentationModel) -> nn.Module:
    """A module whose forward pass is one of `STEPS`; its parameters are those that the step may use."""
    return _STEPS[step].module(owner).eval()


def check_packages(names: Sequence[str], what: str) -> None:
    """Refuse work that needs packages which are not here.

    Raises:
        UserError: with `what` as the subject of the sentence.
    """
    if missing := [name for name in names if importlib.util.find_spec(name) is None]:
        listed = " and ".join([", ".join(missing[:-1]), missing[-1]] if missing[1:] else missing)
        raise UserError(f'{what} needs {listed}: pip install "zsseg[onnx]".')


def program_bytes(step: str, owner: Backbone | SegmentationModel) -> bytes:
    """The ONNX file of a step, from `~/.cache/zsseg/onnx` if it was traced before, else traced and kept there.

    Args:
        step: one of `STEPS`.
        owner: whose method it is, on CPU.

    Raises:
        UserError: packages are missing, or the step cannot be traced.
    """
    module = module_of(step, owner)
    path = cache_folder() / "onnx" / f"{step}-{_digest(module)}.onnx"
    with suppress(OSError):
        return path.read_bytes()
    check_packages(PACKAGES, "Tracing a model")
    found: bytes = _traced(_STEPS[step], module, _samples(step, owner)).SerializeToString()
    # Where nothing can be written, the next process traces again.
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(path) as partial:
            partial.write_bytes(found)
    return found


def _digest(module: nn.Module) -> str:
    """Of all that a traced program depends on: libraries, sizes and switches of every layer, weights."""
    versions = [importlib.metadata.version(name) for name in ("torch", *PACKAGES)]
    found = hashlib.sha256(f"zsseg {__version__} {versions}".encode())
    for name, part in module.named_modules():
        found.update(repr((name, type(part).__name__, list(_settings(part)))).encode())
    for name, value in (*module.named_parameters(), *module.named_buffers()):
        found.update(name.encode())
        found.update(value.detach().contiguous().view(-1).view(torch.uint8).numpy().data)
    return found.hexdigest()


def _settings(part: nn.Module) -> Iterator[tuple[str, str]]:
    for name, value in sorted(vars(part).items()):
        # Other values, such as functions, have no text that is the same in every process.
        if isinstance(value, bool | int | float | str) or dataclasses.is_dataclass(value):
            yield name, repr(value)


def _samples(step: str, owner: Backbone | SegmentationModel) -> tuple[Tensor, ...]:
    """Inputs to trace with, in the order of the step's names."""
    backbone = owner if isinstance(owner, Backbone) else owner.backbone
    if step == "embed_patches":
        return (torch.zeros(1, 3, *(backbone.patch_size * cells for cells in _CELLS)),)
    if step != "decode":
        return (torch.zeros(1, backbone.width, *_CELLS),)
    assert isinstance(owner, SegmentationModel)
    regions, dim = owner.config.regions if owner.has_regions else 0, backbone.joint_dim
    return torch.zeros(1, dim), torch.zeros(1, *_CELLS, dim), torch.zeros(1, regions, dim), torch.zeros(_TEXTS, dim)


def _traced(step: _Step, module: nn.Module, inputs: tuple[Tensor, ...]) -> Any:  # noqa: ANN401 - an onnx.ModelProto
    shapes = tuple({dim: torch.export.Dim.DYNAMIC for dim in dims} for dims in step.free)
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")  # the exporter's own deprecations
            program = torch.onnx.export(
                module, inputs, dynamo=True, dynamic_shapes=shapes, input_names=step.inputs,
                output_names=step.outputs, verbose=False,
            )  # fmt: skip
    except Exception as error:  # the exporter runs the model's own code, which may be a plug-in's
        raise UserError(
            f"This model's {step.name} cannot be written as ONNX ({type(error).__name__}): choose another engine."
        ) from error
    assert program is not None
    return _stripped(program.model_proto)


def _stripped(program: Any) -> Any:  # noqa: ANN401 - as `_traced`
    """Drop the exporter's notes, such as the lines of Python that each node comes from: two megabytes of 30."""
    graph = program.graph
    del graph.value_info[:]  # shapes between nodes, which a runtime infers
    for part in (graph, *graph.node):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
    return program
