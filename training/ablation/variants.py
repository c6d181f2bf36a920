"""The two papers' ablations as data: each variant is one change to a recipe."""

import dataclasses
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from training.recipes import Recipe, load_recipe
from training.recipes.self_training import both_stages, without_masks
from zsseg.errors import UserError
from zsseg.models import ClipRCConfig, ZegCLIPConfig

DomainName = Literal["mini", "shapes"]
METHODS: tuple[str, ...] = (ZegCLIPConfig.method, ClipRCConfig.method)
"""The methods of the papers, whose ablations the tables repeat."""
_WARMUP_SHARE = 10  # in a shortened run the warm-up takes at most 1 in 10 iterations


@dataclass(frozen=True)
class Domain:
    """Recipes and data set of one table; the recipes are `METHOD_NAME_inductive`.

    Attributes:
        name: part of the recipes' names.
        data: data set for evaluation, one of `training.data.splits.SETS`.
        split: default split of that set.
    """

    name: DomainName
    data: str
    split: str


DOMAINS: dict[str, Domain] = {
    "mini": Domain("mini", "voc2012", "development"),
    "shapes": Domain("shapes", "shapes", "val"),
}


@dataclass(frozen=True)
class Variant:
    """One change to a recipe.

    Attributes:
        name: of the variant; empty for the unchanged recipe.
        about: description for the table.
        change: returns the changed recipe.
        methods: methods to which the change applies.
    """

    name: str
    about: str
    change: Callable[[Recipe], Recipe]
    methods: tuple[str, ...] = METHODS


@dataclass(frozen=True)
class Length:
    """Length, crop size and number of views that all runs of a table share.

    Attributes:
        iters: iterations of every run; None for the recipe's own.
        size: side of crops and windows in pixels; None for the recipe's own. The stride scales with it.
        views: cached views of each photo, for recipes that train on them; None for the recipe's own.
    """

    iters: int | None = None
    size: int | None = None
    views: int | None = None


def head(changes: Mapping[str, Any]) -> Callable[[Recipe], Recipe]:
    """Return a change of fields of the head's `ModelConfig`."""
    # A change is a function, since what it changes depends on the recipe of the domain.
    return lambda recipe: dataclasses.replace(recipe, model=dataclasses.replace(recipe.model, **changes))


def loss(changes: Mapping[str, Any]) -> Callable[[Recipe], Recipe]:
    """Return a change of fields of the recipe."""
    return lambda recipe: dataclasses.replace(recipe, **changes)


_CLIP_RC = (ClipRCConfig.method,)
VARIANTS: tuple[Variant, ...] = (
    Variant("", "the recipe as it is", lambda recipe: recipe),
    Variant("no-descriptor", "text-only queries, no relationship descriptor", head({"relationship": False})),
    Variant(
        "softmax", "softmax cross-entropy in place of focal + dice on sigmoids (NEL)", loss({"mask_loss": "softmax"})
    ),
    Variant("prompts-0", "no prompts", head({"prompt_depth": 0})),
    Variant("prompts-1", "prompts at the first layer only", head({"prompt_depth": 1})),
    *(
        Variant(f"regions-{count}", f"region tokens: {count}", head({"regions": count}), _CLIP_RC)
        # Squares, for regions lie on a square grid; the papers have 16.
        for count in (1, 4, 16, 49)
    ),
    Variant("no-recovery", "no recovery loss", loss({"recovery": 0.0}), _CLIP_RC),
    # Where it is the recipe's own target, `recipes_of` leaves it out.
    Variant("recovery-clip", "recovery target: frozen CLIP patches", loss({"recovery_target": "clip"}), _CLIP_RC),
    Variant(
        "recovery-prompted",
        "recovery target: prompted encoder patches",
        loss({"recovery_target": "prompted"}),
        _CLIP_RC,
    ),
    Variant("transductive", "self-training in the second half, pseudo-labels on pixels of unseen classes", both_stages),
    Variant(
        "transductive-unlabelled",
        "self-training in the second half, pseudo-labels on all unlabelled pixels",
        # In this order: `both_stages` brings the oracle that `without_masks` removes.
        lambda recipe: without_masks(both_stages(recipe)),
    ),
)


def base_recipe(domain: Domain, method: str, length: Length) -> Recipe:
    """Return a method's shortened recipe in a domain; the last weights are kept, without evaluation on the way.

    Raises:
        UserError: there is no such recipe.
    """
    recipe = load_recipe(f"{method}_{domain.name}_inductive")
    size = length.size or recipe.size
    # The overlap of the windows keeps its share.
    stride = max(1, round(recipe.stride * size / recipe.size))
    if length.iters is not None:
        # A warm-up longer than a short run would be all there is.
        warmup = min(recipe.warmup, length.iters // _WARMUP_SHARE)
        recipe = dataclasses.replace(recipe, iters=length.iters, warmup=warmup)
    views = recipe.views
    if length.views is not None and views is not None:
        views = dataclasses.replace(views, views=length.views)
    recipe = dataclasses.replace(recipe, size=size, stride=stride, views=views)
    # Nothing is chosen on the way, so the only evaluation would be at the end.
    return dataclasses.replace(recipe, ship="last", eval_every=recipe.iters)


def recipes_of(domain: Domain, length: Length, patch: int) -> dict[str, tuple[Variant, Recipe]]:
    """Return the runs of a domain's table by name, METHOD or METHOD-VARIANT, in the order of the table.

    Variants equal to the recipe are left out, and so are variants with more regions than the patch grid can hold.

    Args:
        domain: recipes and data set.
        length: iterations and crop size of every run.
        patch: side of the backbone's patches in pixels.

    Raises:
        UserError: the domain has no recipes, or the crop size is no multiple of the patch side.
    """
    found: dict[str, tuple[Variant, Recipe]] = {}
    for method in METHODS:
        base = base_recipe(domain, method, length)
        if base.size % patch:
            raise UserError(f"A size of {base.size} px does not divide into patches of {patch} px: give a multiple.")
        for variant in (variant for variant in VARIANTS if method in variant.methods):
            recipe = variant.change(base)
            # The unchanged recipe equals its base and stays.
            is_new = recipe != base or not variant.name
            # A grid of regions cannot be finer than the patches'.
            if is_new and math.isqrt(recipe.model.regions) <= base.size // patch:
                name = "-".join(part for part in (method, variant.name) if part)
                # The name leads to the run's folder: it says domain, method and variant.
                found[name] = (variant, dataclasses.replace(recipe, name=f"{domain.name}_{name}"))
    return found
