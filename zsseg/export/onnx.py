"""A model as ONNX files, for programs without torch: patch embedding, image encoder and decoder apart.

    patches.onnx   pixels (1,3,H,W), normalised     -> patches (1,W,h,w); all heads over one backbone share this file
    encoder.onnx   patches (1,W,h,w)                -> cls (1,D), tokens (1,h,w,D), regions (1,M,D)
    decoder.onnx   those three, and text (K,D)      -> logits (1,K,h,w)
    classes.npz    names, seen, text (K,D)          the class names that were asked, one row each
    model.json     side of the window in pixels, mean, std, seen penalty, threshold

H and W are any multiples of the patch side, and K is any number of classes. With 8 bits, large weights are stored as
whole numbers with one scale per row, and computed with in float32. Smaller ones are stored so only where nothing is
lost, as in a checkpoint that keeps them in 8 bits itself.
"""

import dataclasses
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from zsseg.engines.graphs import PACKAGES, check_packages, program_bytes
from zsseg.engines.onnx import Onnx
from zsseg.errors import UserError
from zsseg.files import atomic_path, write_text
from zsseg.models import Backbone, SegmentationModel
from zsseg.predictor import Predictor
from zsseg.text.vocabulary import build_vocabulary

PARTS = ("patches", "encoder", "decoder")

_SMALLEST = 4096  # values of a weight that is worth packing
_LARGE = 2**16  # values of one that is packed even where rounding changes it
_UNCHANGED = 1e-4  # of the root mean square of a weight: rounding of that size is float32's own
_LEVELS = 127


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
    check_packages(PACKAGES, "The export")
    vocabulary = build_vocabulary(seen, unseen)
    first = build_vocabulary([group[0] for group in vocabulary.synonyms])
    text, out = predictor.encode_text(first), Path(folder)
    try:
        paths = [_write_part(name, program, out, bits) for name, program in _programs(predictor.model)]
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


def _programs(model: SegmentationModel) -> Iterator[tuple[str, Any]]:
    import onnx

    owners: tuple[Backbone | SegmentationModel, ...] = (model.backbone, model, model)
    for part, step, owner in zip(PARTS, ("embed_patches", "encode_patches", "decode"), owners, strict=True):
        program = onnx.load_model_from_string(program_bytes(step, owner))
        if part == "decoder":
            # What it returns beside the logits is of no use for a page.
            del program.graph.output[1:]
        yield part, program


def _write_part(name: str, program: Any, folder: Path, bits: int) -> Path:  # noqa: ANN401 - an onnx.ModelProto
    if bits == 8:
        _pack(program)
    path = folder / f"{name}.onnx"
    with atomic_path(path) as partial:
        partial.write_bytes(program.SerializeToString())
    return path


def packed_onnx_engine() -> Onnx:
    """The engine `onnx` with its weights in 8 bits, as in the files that `export_onnx` writes with 8 bits.

    Raises:
        UserError: packages are missing.
    """
    check_packages((*PACKAGES, "onnxruntime"), "The engine onnx")
    return Onnx("onnx, 8 bits", _packed_bytes)


def _packed_bytes(program: bytes) -> bytes:
    import onnx

    loaded = onnx.load_model_from_string(program)
    _pack(loaded)
    return bytes(loaded.SerializeToString())


def _pack(program: Any, smallest: int = _SMALLEST, large: int = _LARGE) -> None:  # noqa: ANN401 - as `_write_part`
    """Store weights in 8 bits, each behind a node that multiplies it by its scales again.

    Rounding the few thousand weights of depthwise convolutions moved mIoU more than all others together.

    Args:
        program: an onnx.ModelProto, changed in place.
        smallest: values of a weight that is worth it.
        large: values of one that may be rounded; smaller ones are stored so only where that changes nothing.
    """
    import onnx
    from onnx import helper, numpy_helper

    graph, nodes = program.graph, []
    for weight in list(graph.initializer):
        values = numpy_helper.to_array(weight)
        if weight.data_type != onnx.TensorProto.FLOAT or values.ndim < 2 or values.size < smallest:
            continue
        error, axis, whole, scales = _quantized(values)
        if error > _UNCHANGED and values.size < large:
            continue
        parts: dict[str, npt.NDArray[Any]] = {f"{weight.name}_8bit": whole, f"{weight.name}_scale": scales}
        graph.initializer.remove(weight)
        graph.initializer.extend(numpy_helper.from_array(part, name) for name, part in parts.items())
        nodes.append(helper.make_node("DequantizeLinear", list(parts), [weight.name], axis=axis))
    old = list(graph.node)
    del graph.node[:]
    graph.node.extend([*nodes, *old])


def _quantized(values: npt.NDArray[np.float32]) -> tuple[float, int, npt.NDArray[np.int8], npt.NDArray[np.float32]]:
    """The relative error, the better axis for the scales, first or last, the whole numbers, the scales along that axis.

    Weights that a checkpoint keeps in 8 bits lie on such a grid already, on whichever axis the exporter has put it.
    """
    found = []
    for axis in (0, values.ndim - 1):
        others = tuple(index for index in range(values.ndim) if index != axis)
        scales = np.maximum(np.abs(values).max(others, keepdims=True) / _LEVELS, np.finfo(np.float32).tiny)
        whole = np.rint(values / scales).astype(np.int8)
        error = float(np.square(whole * scales - values).sum())
        found.append((error, axis, whole, scales.astype(np.float32).ravel()))
    least, axis, whole, scales = min(found, key=lambda row: row[0])
    # A weight of zeros has no size to compare with, and no error.
    size = float(np.square(values).sum()) or 1.0
    return (least / size) ** 0.5, axis, whole, scales
