"""Predictors and photos that a command line names: its options, and how they are opened."""

import argparse
from pathlib import Path

import torch

from training.data.splits import SETS
from zsseg.errors import UserError
from zsseg.models import Backbone, SegmentationModel
from zsseg.predictor import Predictor
from zsseg.weights.backbone import load_backbone
from zsseg.weights.checkpoint import load_checkpoint, save_checkpoint
from zsseg.weights.metadata import Metadata
from zsseg.weights.search import find_backbone, find_checkpoint


def open_predictor(options: argparse.Namespace) -> Predictor:
    """The predictor that the options `checkpoint`, `baseline`, `backbone`, `size` and `device` ask for.

    Raises:
        UserError: it is not there.
    """
    return open_checkpoint(options) if options.baseline is None else open_baseline(options)


def open_checkpoint(options: argparse.Namespace) -> Predictor:
    """The trained predictor that the options `checkpoint`, `backbone` and `device` ask for.

    Raises:
        UserError: it is not there.
    """
    known: dict[str, Backbone] = {}
    if options.backbone is not None:
        backbone = load_backbone(find_backbone(options.backbone))
        known[backbone.sha256] = backbone
    model, metadata = load_checkpoint(options.checkpoint, known)
    return Predictor(model, metadata, _device(options))


def open_baseline(options: argparse.Namespace) -> Predictor:
    """The training-free predictor that the options `baseline`, `size` and `device` ask for.

    Raises:
        UserError: the backbone is not there.
    """
    return Predictor.training_free(find_backbone(options.baseline), _device(options), size=options.size)


def _device(options: argparse.Namespace) -> str:
    return options.device or ("cuda" if torch.cuda.is_available() else "cpu")


def rewrite_metadata(predictor: Predictor, checkpoint: str | None, metadata: Metadata) -> None:
    """Put other metadata into the file of the predictor's checkpoint; the weights stay as they are.

    Raises:
        UserError: the predictor is not a checkpoint's.
    """
    if checkpoint is None or not isinstance(predictor.model, SegmentationModel):
        raise UserError("--write needs a --checkpoint: the baseline has no file.")
    save_checkpoint(predictor.model, metadata, find_checkpoint(checkpoint))


def add_model_options(parser: argparse.ArgumentParser) -> None:
    """Options that say which model is asked."""
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--checkpoint", help="name or path of a checkpoint")
    which.add_argument("--baseline", metavar="BACKBONE", help="the training-free cosine of a backbone, name or folder")
    add_device_options(parser)


def add_device_options(parser: argparse.ArgumentParser) -> None:
    """Options that say where and how a model runs."""
    parser.add_argument("--backbone", help="folder of the checkpoint's backbone, where it is not beside it")
    parser.add_argument("--size", type=int, help="window of the baseline in px, instead of its backbone's own")
    parser.add_argument("--device", help="cpu, cuda; by default cuda where there is one")


def add_data_options(parser: argparse.ArgumentParser) -> None:
    """Options that say which photos are asked about."""
    parser.add_argument("--data", choices=SETS, default="voc2012")
    parser.add_argument("--root", type=Path, required=True, help="folder that holds the set")
    parser.add_argument("--limit", type=int, help="only the first photos")
