"""Training recipes: a module below holds one frozen `RECIPE`, or a tuple `RECIPES` of related ones."""

import importlib
import pkgutil
from functools import cache

from training.recipes.base import Recipe, Source
from zsseg.errors import UserError


def recipe_names() -> list[str]:
    """Names of all recipes, sorted."""
    return sorted(_recipes())


def load_recipe(name: str) -> Recipe:
    """Return a recipe by its name; "-" and "_" are alike.

    Raises:
        UserError: there is no such recipe.
    """
    # A checkpoint's name and a file's name stand for the recipe as well.
    recipe = _recipes().get(name.replace("-", "_").removesuffix(".py"))
    if recipe is None:
        raise UserError(f"There is no recipe {name!r}: choose one of {', '.join(recipe_names())}.")
    return recipe


@cache
def _recipes() -> dict[str, Recipe]:
    """Recipes by name. The folders are walked, so that a new file needs no registration."""
    found: dict[str, Recipe] = {}
    for file in pkgutil.walk_packages(__path__, f"{__name__}."):
        module = importlib.import_module(file.name)
        own = (*getattr(module, "RECIPES", ()), *([module.RECIPE] if hasattr(module, "RECIPE") else []))
        found |= {recipe.name: recipe for recipe in own}
    return found


__all__ = ["Recipe", "Source", "load_recipe", "recipe_names"]
