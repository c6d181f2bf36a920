"""A model as ONNX files, for programs without torch: patch embedding, image encoder and decoder apart.

    patches.onnx   pixels (1,3,H,W), normalised     -> patches (1,W,h,w); all heads over one backbone share this file
    encoder.onnx   patches (1,W,h,w)                -> cls (1,D), tokens (1,h,w,D), regions (1,M,D)
    decoder.onnx   those three, and text (K,D)      -> logits (1,K,h,w)
    classes.npz    names, seen, text (K,D)          the class names that were asked, one row each
    model.json     side of the window in pixels, mean, std, seen penalty, threshold

H and W are any multiples of the patch side, and K is any number of classes. With 8 bits, large weights are stored as
whole numbers with one scale per row, and computed with in float32.
"""

import dataclasses
import importlib.util
import json
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from zsseg.errors import UserError
from zsseg.files import atomic_path, write_text
from zsseg.models import ImageTokens, SegmentationModel
from zsseg.predictor import Predictor
from zsseg.text.vocabulary import build_vocabulary

PARTS = ("patches", "encoder", "decoder")

_SMALLEST = 4096  # values of a weight that is worth packing
_LEVELS = 127
_CELLS = (5, 7)  # of the grid that the export is traced with; no side of a usual grid, so that no size is built in


class _Patches(nn.Module):
    def __init__(self, model: SegmentationModel) -> None:
        super().__init__()
        self.model, self.visual = model, model.backbone.visual

    def forward(self, pixels: Tensor) -> Tensor:
        return self.model.backbone.embed_patches(pixels)


class _Encoder(nn.Module):
    def __init__(self, model: SegmentationModel) -> None:
        super().__init__()
        self.model, self.visual = model, model.backbone.visual

    def forward(self, patches: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        tokens = self.model.encode_patches(patches)
        rows, cols = patches.shape[2], patches.shape[3]
        grid = tokens.patch_tokens.reshape(1, rows, cols, tokens.patch_tokens.shape[-1])  # (1, h, w, D)
        return tokens.cls_token, grid, tokens.region_tokens


class _Decoder(nn.Module):
    def __init__(self, model: SegmentationModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, cls: Tensor, tokens: Tensor, regions: Tensor, text: Tensor) -> Tensor:
        grid = (tokens.shape[1], tokens.shape[2])
        logits: Tensor = self.model.decode(ImageTokens(cls, tokens.flatten(1, 2), regions, grid), text).mask_logits
        return logits


def export_onnx(
    predictor: Predictor, folder: str | Path, seen: str | Sequence[str], unseen: str | Sequence[str], bits: int = 32
) -> list[Path]:
    """Write the files that the module's docstring lists, replacing earlier ones.

    Args:
        predictor: of any method, on CPU.
        folder: made if needed.
        seen, unseen: the classes of classes.npz; of a class with synonyms, the first is taken.
        bits: 32, or 8 for weights stored as whole numbers.

    Raises:
        UserError: the packages are missing, the names cannot be used, or the folder cannot be written.
    """
    if missing := [name for name in ("onnx", "onnxscript") if importlib.util.find_spec(name) is None]:
        raise UserError(f'The export needs {" and ".join(missing)}: pip install "zsseg[onnx]".')
    vocabulary = build_vocabulary(seen, unseen)
    first = build_vocabulary([group[0] for group in vocabulary.synonyms])
    text, out = predictor.encode_text(first), Path(folder)
    try:
        paths = [_write_part(name, program, out, bits) for name, program in _programs(predictor.model, text)]
        with atomic_path(out / "classes.npz") as partial:
            np.savez(partial, names=np.array(first.names), seen=np.array(vocabulary.seen), text=text.cpu().numpy())
        write_text(out / "model.json", json.dumps(_facts(predictor), indent=2) + "\n")
    except OSError as error:
        raise UserError(f"The files cannot be written to {out}: {error.strerror or error}.") from error
    return [*paths, out / "classes.npz", out / "model.json"]


def _facts(predictor: Predictor) -> dict[str, Any]:
    meta = predictor.metadata
    keep = ("name", "method", "size", "layout", "antialias", "mean", "std", "seen_penalty", "threshold")
    fields = dataclasses.asdict(meta)
    return {**{name: fields[name] for name in keep}, "patch": predictor.model.backbone.patch_size}


@torch.no_grad()
def _programs(model: SegmentationModel, text: Tensor) -> list[tuple[str, Any]]:
    patch, free = model.backbone.patch_size, torch.export.Dim.DYNAMIC
    pixels = torch.randn(1, 3, *(patch * cells for cells in _CELLS))
    patches = model.backbone.embed_patches(pixels)
    encoder = _Encoder(model)
    cls, tokens, regions = encoder(patches)
    text = torch.cat([text, text])[: max(2, len(text))]  # a single class would be built into the file
    rows: Any = {1: free, 2: free}
    plane: Any = {2: free, 3: free}
    return [
        ("patches", _traced(_Patches(model), (pixels,), ["pixels"], ["patches"], (plane,))),
        ("encoder", _traced(encoder, (patches,), ["patches"], ["cls", "tokens", "regions"], (plane,))),
        (
            "decoder",
            _traced(
                _Decoder(model), (cls, tokens, regions, text), ["cls", "tokens", "regions", "text"], ["logits"],
                ({}, rows, {}, {0: free}),
            ),
        ),
    ]  # fmt: skip


def _traced(
    module: nn.Module, inputs: tuple[Tensor, ...], names: list[str], outputs: list[str], shapes: tuple[Any, ...]
) -> Any:  # noqa: ANN401 - an onnx.ModelProto, and onnx is optional
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's own deprecations
        program = torch.onnx.export(
            module.eval(), inputs, dynamo=True, dynamic_shapes=shapes, input_names=names, output_names=outputs,
            verbose=False,
        )  # fmt: skip
    assert program is not None
    return program.model_proto


def _write_part(name: str, program: Any, folder: Path, bits: int) -> Path:  # noqa: ANN401 - as `_traced`
    _strip(program)
    if bits == 8:
        _pack(program)
    path = folder / f"{name}.onnx"
    with atomic_path(path) as partial:
        partial.write_bytes(program.SerializeToString())
    return path


def _strip(program: Any) -> None:  # noqa: ANN401 - as `_traced`
    """Drop the exporter's notes, such as the lines of Python that each node comes from: two megabytes of 30."""
    graph = program.graph
    del graph.value_info[:]  # shapes between nodes, which a runtime infers
    for part in (graph, *graph.node):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")


def _pack(program: Any, smallest: int = _SMALLEST) -> None:  # noqa: ANN401 - as `_traced`
    """Store large weights in 8 bits, each behind a node that multiplies it by its scales again."""
    import onnx
    from onnx import helper, numpy_helper

    graph, nodes = program.graph, []
    for weight in list(graph.initializer):
        values = numpy_helper.to_array(weight)
        if weight.data_type != onnx.TensorProto.FLOAT or values.ndim < 2 or values.size < smallest:
            continue
        axis, whole, scales = _quantized(values)
        parts: dict[str, npt.NDArray[Any]] = {f"{weight.name}_8bit": whole, f"{weight.name}_scale": scales}
        graph.initializer.remove(weight)
        graph.initializer.extend(numpy_helper.from_array(part, name) for name, part in parts.items())
        nodes.append(helper.make_node("DequantizeLinear", list(parts), [weight.name], axis=axis))
    old = list(graph.node)
    del graph.node[:]
    graph.node.extend([*nodes, *old])


def _quantized(values: npt.NDArray[np.float32]) -> tuple[int, npt.NDArray[np.int8], npt.NDArray[np.float32]]:
    """The better axis for the scales, the first or the last, the whole numbers, and the scales along that axis.

    Weights that a checkpoint keeps in 8 bits lie on such a grid already, on whichever axis the exporter has put it.
    """
    found = []
    for axis in (0, values.ndim - 1):
        others = tuple(index for index in range(values.ndim) if index != axis)
        scales = np.maximum(np.abs(values).max(others, keepdims=True) / _LEVELS, np.finfo(np.float32).tiny)
        whole = np.rint(values / scales).astype(np.int8)
        error = float(np.square(whole * scales - values).sum())
        found.append((error, axis, whole, scales.astype(np.float32).ravel()))
    _, axis, whole, scales = min(found, key=lambda row: row[0])
    return axis, whole, scales
