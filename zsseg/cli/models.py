"""Which models ``segment`` asks: those named, the default ones, or those of a manifest."""

import argparse
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from zsseg.cli.terminal import warn
from zsseg.errors import UserError
from zsseg.export import slug
from zsseg.export.manifest import Manifest, ManifestMethod
from zsseg.predictor import DEFAULT_CHECKPOINTS, Predictor
from zsseg.weights.search import find_checkpoint, list_checkpoints


def named_models(args: argparse.Namespace) -> dict[str, Predictor]:
    """Folder of the answers -> model, as --method or --checkpoint says.

    A folder has the name of its method, or that of the model where a method is asked twice.

    Raises:
        UserError: a model cannot be read, or two would write into one folder.
    """
    shared: dict[str, Any] = {}  # the backbone, which both methods stand on, is read once
    files = [find_checkpoint(name, args.weights) for name in _checkpoints(args)]
    predictors = [Predictor.from_checkpoint(file, backbones=shared) for file in files]
    methods = [predictor.method for predictor in predictors]
    folders = [slug(p.method if methods.count(p.method) == 1 else p.name) for p in predictors]
    if len(set(folders)) < len(folders):
        raise UserError("Two of the checkpoints have the same name: ask for one at a time.")
    return dict(zip(folders, predictors, strict=True))


def _checkpoints(args: argparse.Namespace) -> Sequence[str]:
    if args.checkpoint:
        return list(dict.fromkeys(args.checkpoint))
    return [name for method, name in DEFAULT_CHECKPOINTS.items() if args.method in (method, "both", None)]


def manifest_models(manifest: Manifest, force: bool, weights: str | None = None) -> dict[str, Predictor]:
    """Folder of the answers -> model, as the manifest says.

    Args:
        manifest: what to follow.
        force: take another checkpoint than the manifest's where that is all there is.
        weights: searched first; see `zsseg.weights.search.find_checkpoint`.

    Raises:
        UserError: a model cannot be read, or is another one, unless forced.
    """
    shared: dict[str, Any] = {}
    predictors: dict[str, Predictor] = {}
    for step in manifest.methods:
        predictor = _model_of(step, shared, weights)
        at_hand = (predictor.sha256, predictor.metadata.backbone_sha256)
        if at_hand != (step.sha256, step.backbone_sha256):
            insist(f"The checkpoint {step.checkpoint} is not the one of the manifest (its sha256 differs)", force)
        predictors[step.folder] = predictor
    return predictors


def _model_of(step: ManifestMethod, shared: dict[str, Any], weights: str | None) -> Predictor:
    if step.method == "training-free":
        return Predictor.training_free(step.backbone)
    return Predictor.from_checkpoint(_file_of(step, weights), backbones=shared)


def _file_of(step: ManifestMethod, weights: str | None) -> Path:
    """The file at hand with this content, whatever it is called now; else the one with this name."""
    paths = (path for path, _ in list_checkpoints(weights))
    same = (path for path in paths if hashlib.sha256(path.read_bytes()).hexdigest() == step.sha256)
    return next(same, None) or find_checkpoint(step.checkpoint, weights)


def insist(difference: str, force: bool) -> None:
    """Refuse something that is not what the manifest says, or when forced only warn of it.

    Raises:
        UserError: not forced.
    """
    if not force:
        raise UserError(f"{difference}: take the one that is, or use another one with --force.")
    warn(f"Warning: {difference}.")
