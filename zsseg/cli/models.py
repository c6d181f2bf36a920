"""The models that ``segment`` runs: those named, the default ones, or those of a manifest."""

import argparse
from pathlib import Path

from zsseg.cli.terminal import warn
from zsseg.errors import UserError
from zsseg.export import slug
from zsseg.export.manifest import Manifest, ManifestMethod
from zsseg.files import file_sha256
from zsseg.models import METHODS, Backbone, Method, method_of, shown_methods
from zsseg.predictor import Predictor, default_checkpoints
from zsseg.weights.metadata import Metadata, read_metadata
from zsseg.weights.search import find_backbone, find_backbone_of, find_checkpoint, list_checkpoints


def named_models(args: argparse.Namespace) -> dict[str, Predictor]:
    """Folder of the answers -> model, as --method or --checkpoint says.

    A folder has the name of its method, or that of the model where two models have one method.

    Raises:
        UserError: a model cannot be read, or two would write into one folder.
    """
    shared: dict[str, Backbone] = {}  # the backbone, which all methods usually stand on, is read once
    if args.checkpoint:
        # A name that is given twice is one model.
        files = [find_checkpoint(name, args.weights) for name in dict.fromkeys(args.checkpoint)]
        predictors = [Predictor.from_checkpoint(file, backbones=shared, engine=args.engine) for file in files]
    else:
        predictors = [_default_model(method, args, shared) for method in _methods(args.method)]
    methods = [predictor.method for predictor in predictors]
    folders = [slug(p.method if methods.count(p.method) == 1 else p.name) for p in predictors]
    if len(set(folders)) < len(folders):
        raise UserError("Two of the checkpoints have the same name: ask for one at a time.")
    return dict(zip(folders, predictors, strict=True))


def _methods(wanted: str | None) -> tuple[Method, ...]:
    """The methods that --method names; "all" leaves out those that ship no checkpoint and need one."""
    if wanted in (None, "both"):
        return shown_methods()
    if wanted == "all":
        return tuple(method for method in METHODS.values() if method.checkpoint or not method.trained)
    return (method_of(str(wanted)),)


def _default_model(method: Method, args: argparse.Namespace, shared: dict[str, Backbone]) -> Predictor:
    """A method's default checkpoint; one without weights of its own takes the backbone of another's."""
    if not method.trained:
        # Through a checkpoint, since its backbone is found beside it.
        file = find_checkpoint(next(iter(default_checkpoints().values())), args.weights)
        folder = find_backbone_of(file, read_metadata(file))
        return Predictor.training_free(folder, backbones=shared, method=method.key, engine=args.engine)
    if not method.checkpoint:
        raise UserError(f"{method.title} ships no checkpoint: train one, and name it with --checkpoint.")
    return Predictor.from_checkpoint(
        find_checkpoint(method.checkpoint, args.weights), backbones=shared, engine=args.engine
    )


def manifest_models(manifest: Manifest, force: bool, weights: str | None = None) -> dict[str, Predictor]:
    """Folder of the answers -> model, as the manifest says.

    Args:
        manifest: what to follow.
        force: take another checkpoint than the manifest's where that is all there is.
        weights: searched first; see `zsseg.weights.search.find_checkpoint`.

    Raises:
        UserError: a model cannot be read, or differs from the manifest's, unless forced.
    """
    shared: dict[str, Backbone] = {}
    predictors: dict[str, Predictor] = {}
    for step in manifest.methods:
        predictor = _model_of(step, shared, weights)
        if predictor.method != step.method:
            raise UserError(f"The manifest says {step.method}, but its checkpoint is of {predictor.method}: mend it.")
        # Both: the same head over another backbone answers otherwise.
        at_hand = (predictor.sha256, predictor.metadata.backbone_sha256)
        if at_hand != (step.sha256, step.backbone_sha256):
            require_force(
                f"The checkpoint {step.checkpoint} is not the one of the manifest (its sha256 differs)", force
            )
        predictors[step.folder] = predictor
    return predictors


def _model_of(step: ManifestMethod, shared: dict[str, Backbone], weights: str | None) -> Predictor:
    # Without training there is no file of its own, only a backbone.
    if not method_of(step.method).trained and not step.sha256:
        folder = find_backbone(step.backbone, weights)
        return Predictor.training_free(folder, backbones=shared, method=step.method, engine=step.engine)
    return Predictor.from_checkpoint(_file_of(step, weights), backbones=shared, engine=step.engine)


def _file_of(step: ManifestMethod, weights: str | None) -> Path:
    """The file with this content, under any name; else the one with this name."""
    paths = (path for path, content in list_checkpoints(weights) if isinstance(content, Metadata))
    # One after the other, until one fits: a sha256 reads the whole file.
    same = (path for path in paths if file_sha256(path) == step.sha256)
    return next(same, None) or find_checkpoint(step.checkpoint, weights)


def require_force(difference: str, force: bool) -> None:
    """Refuse a difference from the manifest; with force, warn only.

    Raises:
        UserError: not forced.
    """
    if not force:
        raise UserError(f"{difference}: take the one that is, or use another one with --force.")
    warn(f"Warning: {difference}.")
