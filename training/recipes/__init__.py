"""Experiments: a recipe is a file of this folder with one frozen `RECIPE`, the command, the hours and the score."""

import importlib
import pkgutil

from training.recipes.base import Recipe, Source
from zsseg.errors import UserError


def recipe_names() -> list[str]:
    """Names of the files with a head's recipe, sorted; the backbone's own recipe is `training.pretrain`'s."""
    modules = (m.name for m in pkgutil.iter_modules(__path__))
    return sorted(name for name in modules if _recipe_of(name) is not None)


def load_recipe(name: str) -> Recipe:
    """Import the recipe of a file by the file's name, "-" and "_" alike.

    Raises:
        UserError: there is no such file.
    """
    module = name.replace("-", "_").removesuffix(".py")
    recipe = _recipe_of(module) if module in recipe_names() else None
    if recipe is None:
        raise UserError(f"There is no recipe {name!r}: choose one of {', '.join(recipe_names())}.")
    return recipe


def _recipe_of(module: str) -> Recipe | None:
    found = getattr(importlib.import_module(f"{__name__}.{module}"), "RECIPE", None)
    return found if isinstance(found, Recipe) else None


__all__ = ["Recipe", "Source", "load_recipe", "recipe_names"]
