"""Training recipes: each module below holds one frozen `RECIPE` with its command, training time and scores."""

import importlib
import pkgutil
from functools import cache

from training.recipes.base import Recipe, Source
from zsseg.errors import UserError


def recipe_names() -> list[str]:
    """Names of all recipes, sorted. A recipe is named after its file, whatever folder it lies in."""
    return sorted(_recipes())


def load_recipe(name: str) -> Recipe:
    """Return a recipe by its name; "-" and "_" are alike.

    Raises:
        UserError: there is no such recipe.
    """
    recipe = _recipes().get(name.replace("-", "_").removesuffix(".py"))
    if recipe is None:
        raise UserError(f"There is no recipe {name!r}: choose one of {', '.join(recipe_names())}.")
    return recipe


@cache
def _recipes() -> dict[str, Recipe]:
    """Recipe by module name. The folders are walked, so that a new file needs no registration."""
    found = {}
    for module in pkgutil.walk_packages(__path__, f"{__name__}."):
        recipe = getattr(importlib.import_module(module.name), "RECIPE", None)
        if isinstance(recipe, Recipe):
            found[module.name.rpartition(".")[2]] = recipe
    return found


__all__ = ["Recipe", "Source", "load_recipe", "recipe_names"]
