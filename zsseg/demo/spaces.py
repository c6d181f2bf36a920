"""The GPU that a Hugging Face Space on shared hardware lends to one call at a time; does nothing elsewhere."""

import importlib
from collections.abc import Callable
from typing import Any, TypeVar

from zsseg.predictor import Predictor

_F = TypeVar("_F", bound=Callable[..., Any])

RUNS_NETWORKS = ("predict", "region_view", "name_warnings", "name_cosines")
"""Methods of a predictor that run its networks and take and give plain values: the page calls no other such one.

The lent GPU is in another process, which gets the arguments by value and sends the result back.
"""


def on_gpu(function: _F) -> _F:
    """Mark a function as one that needs the lent GPU while it runs; elsewhere it is returned as it is."""
    try:
        lender = importlib.import_module("spaces")
    except ImportError:
        return function
    marked: _F = lender.GPU(function)
    return marked


def lend(predictor: Predictor) -> Predictor:
    """Mark every function of a predictor that runs its networks, so that every request gets the GPU."""
    for name in RUNS_NETWORKS:
        # On the object, not the class: Python's and the shell's own predictors stay unmarked.
        marked = on_gpu(method := getattr(predictor, name))
        if marked is not method:
            setattr(predictor, name, marked)
    return predictor
