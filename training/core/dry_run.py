"""A dry run: everything that a recipe needs is built, on synthetic data in the official layouts, for two iterations.

It finds what would otherwise fail after a download of 100 GB: a recipe that does not fit its backbone, a class list
that does not fit a mask, a batch that does not fit the memory of one photo. It says nothing about scores or speed.
"""

import dataclasses
from pathlib import Path

import torch

from training.data.sets.known import DATA_SETS
from training.data.sets.synthetic import write_synthetic
from training.recipes import Recipe
from zsseg.bench.machine import peak_memory_gb
from zsseg.errors import UserError
from zsseg.models import build_clip
from zsseg.weights.backbone import save_backbone
from zsseg.weights.released.clip import VIT_B16
from zsseg.weights.search import find_backbone

# Two iterations: a transductive recipe has one in each stage. Three photos: one of them is for development.
ITERS, _PHOTOS = 2, 3


def shortened(recipe: Recipe, batch: int) -> Recipe:
    """Return the recipe with two iterations; a transductive one has one iteration of each stage.

    Names are embedded with the first template only: 171 names with 15 templates take minutes on one core.

    Args:
        recipe: the recipe.
        batch: photos per batch, summed over all devices.
    """
    # Without warm-up: the papers' 1,500 iterations of it would leave both steps at a rate of almost 0.
    return dataclasses.replace(
        recipe, iters=ITERS, batch=batch, warmup=0, eval_every=ITERS, eval_photos=1, templates=recipe.templates[:1]
    )


def announcement(recipe: Recipe, short: Recipe) -> str:
    """Say in which ways a dry run is less than the recipe.

    Args:
        recipe: the whole recipe.
        short: the result of `shortened`.
    """
    templates = f", 1 of {len(recipe.templates)} prompt templates" if len(recipe.templates) > 1 else ""
    return (
        f"{recipe.name}: dry run on synthetic photos of {recipe.size} px. It makes {short.iters} of {recipe.iters:,} "
        f"iterations, with {short.batch} of {recipe.batch} photos each{templates}."
    )


def peak_memory(device: torch.device) -> str:
    """The most memory that this process has used so far, in words; empty where the system does not tell."""
    if device.type == "cuda":
        return f", peak memory {torch.cuda.max_memory_allocated(device) / 1e9:.1f} GB of the GPU"
    peak = peak_memory_gb()
    return "" if peak is None else f", peak memory {peak:.1f} GB"


def write_data(recipe: Recipe, root: Path) -> None:
    """Write a few synthetic photos of every data set of the recipe, in the official layout.

    Raises:
        UserError: the recipe trains on own data, which has no official layout.
    """
    for source in recipe.sources:
        if source.name not in DATA_SETS:
            raise UserError(f"--dry-run needs a known data set, not {source.name}: use training.data check.")
        # Of the recipe's size, so that reading, scaling and cropping do what they do with real photos.
        write_synthetic(DATA_SETS[source.name], root, _PHOTOS, side=recipe.size)


def find_or_make_backbone(name: str, folder: Path) -> Path:
    """Return the folder of a backbone; for "ViT-B-16" that is not there, an untrained one of the same sizes.

    Args:
        name: as in the recipe.
        folder: where the untrained backbone is written.

    Raises:
        UserError: another backbone is missing.
    """
    try:
        return find_backbone(name)
    except UserError:
        if name != "ViT-B-16":
            raise
    print("ViT-B-16 is not installed (zsseg weights get clip-vit-b16): an untrained one of the same sizes is used.")
    # The weights mean nothing, but two dry runs print the same losses.
    torch.manual_seed(0)
    save_backbone(build_clip(VIT_B16), VIT_B16, folder / name)
    return folder / name
