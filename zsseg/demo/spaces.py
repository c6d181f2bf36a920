"""The GPU that a Hugging Face Space on shared hardware lends to one call at a time; elsewhere, nothing."""

import importlib
from collections.abc import Callable
from typing import Any, TypeVar

_F = TypeVar("_F", bound=Callable[..., Any])


def on_gpu(function: _F) -> _F:
    """Mark a function as one that needs the lent GPU while it runs; elsewhere it is returned as it is."""
    try:
        lender = importlib.import_module("spaces")
    except ImportError:
        return function
    marked: _F = lender.GPU(function)
    return marked
