"""The page: a photo and class names in the browser, answered by both methods side by side."""

from zsseg.demo.build import build_demo
from zsseg.demo.callbacks import load_predictors
from zsseg.demo.theme import launch_options

__all__ = ["build_demo", "launch_options", "load_predictors"]
