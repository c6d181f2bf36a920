"""The page: a photo and class names in the browser, answered by both methods side by side."""

from zsseg.demo.build import build_demo
from zsseg.demo.catalog import catalog_of, find_catalog
from zsseg.demo.theme import launch_options

__all__ = ["build_demo", "catalog_of", "find_catalog", "launch_options"]
