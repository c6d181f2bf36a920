"""Command-line options that name a model and a data set, and functions that open the model."""

import argparse
import dataclasses
from pathlib import Path

import torch

from training.runtime.console import positive
from zsseg.engines import EAGER, ENGINES
from zsseg.engines.base import Engine
from zsseg.errors import UserError
from zsseg.image import Layout
from zsseg.models import Backbone, TrainingFreeConfig
from zsseg.predictor import Predictor
from zsseg.weights.backbone import load_backbone
from zsseg.weights.checkpoint import load_checkpoint, replace_metadata
from zsseg.weights.metadata import Metadata
from zsseg.weights.search import find_backbone, find_checkpoint


def open_predictor(options: argparse.Namespace) -> Predictor:
    """Open the predictor named by the options `checkpoint`, `baseline`, `backbone`, `size` and `device`.

    Raises:
        UserError: it does not exist or is damaged.
    """
    return open_checkpoint(options) if options.baseline is None else open_baseline(options)


def open_checkpoint(options: argparse.Namespace) -> Predictor:
    """Open the trained predictor named by the options `checkpoint`, `backbone` and `device`.

    Raises:
        UserError: it does not exist or is damaged, or cannot run as the options `engine` and `bits` say.
    """
    # Known by its content: a checkpoint over another backbone does not take it.
    known: dict[str, Backbone] = {}
    if options.backbone is not None:
        backbone = load_backbone(find_backbone(options.backbone))
        known[backbone.sha256] = backbone
    model, metadata = load_checkpoint(options.checkpoint, known)
    return Predictor(model, metadata, _device(options), engine=_engine(options))


def open_baseline(options: argparse.Namespace) -> Predictor:
    """Open the predictor without a checkpoint named by the options `baseline`, `method`, `size` and `device`.

    Raises:
        UserError: the backbone does not exist, or the method needs a checkpoint, or 8 bits are asked for.
    """
    if options.bits != 32:
        raise UserError("--bits 8 is for a --checkpoint: its files are what `zsseg export-onnx` writes.")
    return Predictor.training_free(
        options.baseline, _device(options), size=options.size, method=options.method, engine=options.engine
    )


def with_layout(predictor: Predictor, layout: Layout) -> Predictor:
    """Return the predictor with another layout of windows; itself if the layout is its own already."""
    if layout == predictor.metadata.layout:
        return predictor
    # The weights are shared; only the windows differ.
    metadata = dataclasses.replace(predictor.metadata, layout=layout)
    return Predictor(predictor.model, metadata, str(predictor.device), predictor.sha256, predictor.requested_engine)


def _engine(options: argparse.Namespace) -> str | Engine:
    if options.bits == 32:
        return str(options.engine)
    if options.engine != "onnx" or _device(options) != "cpu":
        raise UserError("--bits 8 is for --engine onnx and --device cpu: no other engine has weights in 8 bits.")
    # Here, because the package onnx is not needed for anything else.
    from zsseg.export.onnx import packed_onnx_engine

    return packed_onnx_engine()


def _device(options: argparse.Namespace) -> str:
    return options.device or ("cuda" if torch.cuda.is_available() else "cpu")


def rewrite_metadata(predictor: Predictor, checkpoint: str | None, metadata: Metadata) -> None:
    """Replace the metadata in the predictor's checkpoint file. The weights are unchanged.

    Raises:
        UserError: the predictor was not loaded from a checkpoint.
    """
    if checkpoint is None:
        raise UserError("--write needs a --checkpoint: the baseline has no file.")
    replace_metadata(find_checkpoint(checkpoint), metadata)


def add_model_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that choose the model."""
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--checkpoint", help="name or path of a checkpoint")
    which.add_argument("--baseline", metavar="BACKBONE", help="training-free baseline: name or folder of a backbone")
    add_device_options(parser)


def add_device_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that choose backbone, window size and device."""
    parser.add_argument("--backbone", help="folder of the checkpoint's backbone, if not beside the checkpoint")
    parser.add_argument(
        "--method", default=TrainingFreeConfig.method, help="of the baseline: one that is not trained (%(default)s)"
    )
    parser.add_argument("--size", type=positive, help="window size of the baseline in pixels (the backbone's own)")
    parser.add_argument("--device", help="cpu or cuda (default: cuda if available)")
    parser.add_argument(
        "--engine", choices=ENGINES, default=EAGER, help="what runs the networks (%(default)s); see docs/performance.md"
    )
    parser.add_argument(
        "--bits", type=int, choices=(8, 32), default=32,
        help="of the weights of a checkpoint under --engine onnx, as `zsseg export-onnx` stores them (%(default)s)",
    )  # fmt: skip


def add_data_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that choose the photos."""
    parser.add_argument("--data", default="voc2012", help="data set (voc2012), or the folder name of your own data")
    parser.add_argument("--root", type=Path, required=True, help="folder of the data set, or its parent folder")
    parser.add_argument("--limit", type=positive, help="use only the first LIMIT photos")
