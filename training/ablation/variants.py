"""The ablations as data: two domains, and what the papers argue with, each one change to a domain's recipes."""

import dataclasses
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from training.recipes import Recipe, load_recipe
from training.recipes.self_training import both_stages, without_masks
from zsseg.errors import UserError
from zsseg.models import Method

DomainName = Literal["mini", "shapes"]
METHODS: tuple[Method, ...] = ("zegclip", "clip_rc")
_WARMUP_SHARE = 10  # a shortened run warms up for at most one step in so many


@dataclass(frozen=True)
class Domain:
    """What one table is about; its recipes are `METHOD_WORLD_inductive`.

    Attributes:
        name: in the recipes' names.
        data: the set that is judged, one of `training.data.splits.SETS`.
        split: of that set, unless another is asked for.
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
        name: of the change; empty for the recipe as it is.
        about: what it is, for the table.
        change: makes the changed recipe of the recipe.
        methods: whose recipes it makes sense for.
    """

    name: str
    about: str
    change: Callable[[Recipe], Recipe]
    methods: tuple[Method, ...] = METHODS


@dataclass(frozen=True)
class Length:
    """What all runs of a table have in common, so that they can be compared.

    Attributes:
        iters: steps of every run; None for each recipe's own.
        size: side of the crops and windows in px; None for each recipe's own. The stride changes with it.
    """

    iters: int | None = None
    size: int | None = None


def head(changes: Mapping[str, Any]) -> Callable[[Recipe], Recipe]:
    """A change of fields of the head."""
    return lambda recipe: dataclasses.replace(recipe, model=dataclasses.replace(recipe.model, **changes))


def loss(changes: Mapping[str, Any]) -> Callable[[Recipe], Recipe]:
    """A change of the recipe's losses."""
    return lambda recipe: dataclasses.replace(recipe, **changes)


_CLIP_RC: tuple[Method, ...] = ("clip_rc",)
VARIANTS: tuple[Variant, ...] = (
    Variant("", "the recipe as it is", lambda recipe: recipe),
    Variant("no-descriptor", "queries of the text alone, no relationship descriptor", head({"relationship": False})),
    Variant(
        "softmax", "softmax cross-entropy in place of focal + dice on sigmoids (NEL)", loss({"mask_loss": "softmax"})
    ),
    Variant("prompts-0", "no prompts", head({"prompt_depth": 0})),
    Variant("prompts-1", "prompts at the first layer only", head({"prompt_depth": 1})),
    *(
        Variant(f"regions-{count}", f"region tokens: {count}", head({"regions": count}), _CLIP_RC)
        for count in (1, 4, 16, 49)
    ),
    Variant("no-recovery", "no recovery loss", loss({"recovery": 0.0}), _CLIP_RC),
    Variant("recovery-clip", "recovers the untouched CLIP's patches", loss({"recovery_target": "clip"}), _CLIP_RC),
    Variant(
        "recovery-prompted", "recovers the prompted tower's patches", loss({"recovery_target": "prompted"}), _CLIP_RC
    ),
    Variant("transductive", "transductive from half way on, pseudo-labels where the truth is unseen", both_stages),
    Variant(
        "transductive-unlabelled",
        "transductive from half way on, pseudo-labels on any unlabelled pixel",
        lambda recipe: without_masks(both_stages(recipe)),
    ),
)


def base_recipe(domain: Domain, method: Method, length: Length) -> Recipe:
    """A method's recipe in a domain, shortened; the last weights count, and nothing is judged on the way.

    Raises:
        UserError: this domain has no such recipe here.
    """
    recipe = load_recipe(f"{method}_{domain.name}_inductive")
    size = length.size or recipe.size
    stride = max(1, round(recipe.stride * size / recipe.size))
    if length.iters is not None:
        warmup = min(recipe.warmup, length.iters // _WARMUP_SHARE)
        recipe = dataclasses.replace(recipe, iters=length.iters, warmup=warmup)
    return dataclasses.replace(recipe, size=size, stride=stride, ship="last", eval_every=recipe.iters)


def recipes_of(domain: Domain, length: Length, patch: int) -> dict[str, tuple[Variant, Recipe]]:
    """Every run of a domain's table by its name, METHOD or METHOD-VARIANT, in the table's order.

    A change that changes nothing (the recipe has so many regions already) is left out, and so are more regions than
    the grid of patches has room for.

    Args:
        domain: whose recipes.
        length: of every run.
        patch: side of the backbone's patches in px.

    Raises:
        UserError: this domain has no recipes here, or a crop is no whole number of patches.
    """
    found: dict[str, tuple[Variant, Recipe]] = {}
    for method in METHODS:
        base = base_recipe(domain, method, length)
        if base.size % patch:
            raise UserError(f"A size of {base.size} px does not divide into patches of {patch}: give a multiple of it.")
        for variant in (variant for variant in VARIANTS if method in variant.methods):
            recipe = variant.change(base)
            is_new = recipe != base or not variant.name
            if is_new and math.isqrt(recipe.model.regions) <= base.size // patch:
                name = "-".join(part for part in (method, variant.name) if part)
                found[name] = (variant, dataclasses.replace(recipe, name=f"{domain.name}_{name}"))
    return found
