"""Builds what a recipe describes: backbone, head, data sets, text embeddings, metadata."""

import datetime
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from training.data.balance import repeats
from training.data.batches import Part
from training.data.datasets import open_set
from training.data.feature_cache import FeatureCache, fill_cache
from training.data.sets.run_files import check_photos
from training.data.splits import union_names
from training.data.transforms import Augmentation
from training.data.views import PhotoFile
from training.recipes import Recipe
from zsseg.errors import UserError
from zsseg.layers import TrunkStem
from zsseg.layers.imagenet import Triple
from zsseg.models import Backbone, SegmentationModel, build_model, init_from_cosine
from zsseg.text.encoder import name_embedding
from zsseg.weights.backbone import load_backbone, read_normalisation
from zsseg.weights.checkpoint import load_checkpoint
from zsseg.weights.metadata import Metadata
from zsseg.weights.search import find_backbone


@dataclass(frozen=True)
class Experiment:
    """Everything that a recipe describes, ready for training.

    Attributes:
        recipe: the recipe.
        model: the head over its frozen backbone, on the CPU.
        parts: the data sets; their labels hold no unseen class.
        metadata: of the checkpoint that the run writes.
        features: cached views of the photos, for a recipe with `views`.
    """

    recipe: Recipe
    model: SegmentationModel
    parts: tuple[Part, ...]
    metadata: Metadata
    features: FeatureCache | None = None

    def augmentation(self) -> Augmentation:
        """Settings of the augmentation."""
        how = self.recipe
        return Augmentation(how.size, how.scale, how.photometric, self.metadata.mean, self.metadata.std, how.antialias)


def assemble(
    recipe: Recipe,
    data_root: Path,
    backbone_folder: Path | None = None,
    features: Path | None = None,
    device: str = "cpu",
) -> Experiment:
    """Build everything that a recipe describes. The initial weights depend on the recipe's seed only.

    Args:
        recipe: the recipe.
        data_root: folder that holds the data sets.
        backbone_folder: overrides the recipe's backbone.
        features: folder of the cached views, for a recipe with `views`; missing views are computed.
        device: that computes them; the model stays on the CPU.

    Raises:
        UserError: the backbone or the photos do not exist, or the cache belongs to others.
    """
    folder = backbone_folder or find_backbone(recipe.backbone)
    backbone = load_backbone(folder)
    parts = build_parts(recipe, data_root)
    # Right before the head is built: nothing above can move its initial weights.
    torch.manual_seed(recipe.seed)
    model = build_head(recipe, backbone)
    metadata = build_metadata(recipe, backbone, parts, recipe.normalisation or read_normalisation(folder))
    return Experiment(recipe, model, parts, metadata, _cached_views(recipe, backbone, parts, features, device))


def _cached_views(
    recipe: Recipe, backbone: Backbone, parts: Sequence[Part], folder: Path | None, device: str
) -> FeatureCache | None:
    if recipe.views is None:
        return None
    stem = backbone.visual.conv1
    if not isinstance(stem, TrunkStem) or folder is None:
        raise UserError(
            f"{recipe.name} trains on cached views: it needs a backbone of frozen networks, and --features."
        )
    places = [(i.key, PhotoFile(str(i.photo))) for p in parts for i in p.photos.items]
    fill_cache(folder, places, recipe.views, stem.to(device))
    stem.cpu()
    return FeatureCache(folder)


def build_parts(recipe: Recipe, data_root: Path, split: str = "train") -> tuple[Part, ...]:
    """Open every data set of the recipe and split its class names; held-out classes become unseen.

    Raises:
        UserError: a set does not exist, or one of its files is missing, damaged or does not fit.
        ValueError: a class is seen in one set and unseen in another.
    """
    # Only the papers' oracle needs to know where unseen classes lie; elsewhere they turn into void on reading.
    reveal = recipe.setting == "transductive" and recipe.pseudo_label_where == "unseen_pixels"
    parts = []
    for source in recipe.sources:
        photos = open_set(source.name, data_root, split)
        # A missing or damaged file is named now, not after hours of training.
        check_photos(photos, photos.items)
        seen, unseen = photos.split_names(source.unseen)
        # Held-out classes measure unseen mIoU in development without a label of any truly unseen class.
        held = tuple(n for n in seen if n in recipe.held_out)
        labelled = tuple(n for n in seen if n not in held)
        parts.append(
            Part(
                photos=photos,
                seen=labelled,
                unseen=held + unseen,
                weight=source.weight,
                void_ignored=source.void_ignored,
                reveal_hidden=reveal,
                repeats=repeats(photos, labelled, source.repeat_rare) if source.repeat_rare else (),
            )
        )
    # Fails where one set would teach a class that another set calls unseen.
    union_names((p.seen, p.unseen) for p in parts)
    return tuple(parts)


def build_head(recipe: Recipe, backbone: Backbone) -> SegmentationModel:
    """Return a newly initialised head, or the head of the recipe's `start_from`.

    Raises:
        UserError: `start_from` has another architecture or another backbone, or the backbone's width does not fit.
    """
    if recipe.start_from is not None:
        # The backbone at hand is passed on, so it is not read from the disk again.
        model, metadata = load_checkpoint(recipe.start_from, {backbone.sha256: backbone})
        if metadata.config != recipe.model or metadata.backbone_sha256 != backbone.sha256:
            raise UserError(f"{recipe.start_from} does not fit {recipe.name}: architecture or backbone differ.")
        return model
    heads = getattr(recipe.model, "decoder_heads", 1)
    if backbone.joint_dim % heads:
        raise UserError(
            f"{recipe.name} has {heads} attention heads, which do not divide the {backbone.joint_dim} channels of "
            f"{backbone.name}: take another --backbone, or another recipe."
        )
    model = build_model(recipe.model, backbone)
    if recipe.init == "cosine":
        init_from_cosine(model, recipe.init_scale, recipe.init_bias)
    return model


def build_metadata(
    recipe: Recipe, backbone: Backbone, parts: Sequence[Part], normalisation: tuple[Triple, Triple]
) -> Metadata:
    """Return the metadata of the checkpoint that the recipe makes, without scores."""
    seen, unseen = union_names((p.seen, p.unseen) for p in parts)
    transductive = recipe.setting == "transductive"
    return Metadata(
        # Names of checkpoints have dashes, but the method's own underscore stays.
        name=recipe.name.replace("_", "-").replace("clip-rc", "clip_rc"),
        method=recipe.model.method,
        setting=recipe.setting,
        config=recipe.model,
        backbone=backbone.name,
        backbone_sha256=backbone.sha256,
        templates=recipe.templates,
        mean=normalisation[0],
        std=normalisation[1],
        size=recipe.size,
        stride=recipe.stride,
        layout=recipe.layout,
        antialias=recipe.antialias,
        seen=seen,
        unseen=unseen,
        seen_penalty=recipe.seen_penalty,
        threshold=recipe.threshold,
        # Without the loss nothing was recovered, so no target is recorded.
        recovery_target=recipe.recovery_target if recipe.recovery > 0 else None,
        pseudo_label_where=recipe.pseudo_label_where if transductive else None,
        data=tuple(p.photos.name for p in parts),
        recipe=recipe.name,
        commit=current_commit(),
        created=datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d"),
    )


def current_commit() -> str:
    """Return the git commit of this code, with "+" if files are modified; empty outside a repository."""
    here = Path(__file__).resolve().parent

    def git(*arguments: str) -> str:
        done = subprocess.run(["git", *arguments], cwd=here, capture_output=True, text=True, check=False)
        return done.stdout.strip() if done.returncode == 0 else ""

    commit = git("rev-parse", "--short=12", "HEAD")
    return f"{commit}+" if commit and git("status", "--porcelain", "--untracked-files=no") else commit


def text_vectors(backbone: Backbone, names: Sequence[str], templates: Sequence[str]) -> Tensor:
    """Return (K, D) unit-norm text embeddings of names: the normalised mean over templates of unit vectors."""
    return torch.stack([name_embedding(backbone, name, templates) for name in names])
