"""The page: a photo and class names in the browser, answered by both methods side by side."""

from zsseg.demo.build import build_demo
from zsseg.demo.catalog import find_shelf, shelf_of
from zsseg.demo.theme import launch_options

__all__ = ["build_demo", "find_shelf", "launch_options", "shelf_of"]
