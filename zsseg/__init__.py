"""Zero-shot semantic segmentation with ZegCLIP and CLIP-RC: a photo and class names in, masks out.

The public names, on one screen. Importing the package is cheap: torch is loaded with the first name that needs it.
"""

import importlib
from typing import TYPE_CHECKING

from zsseg.version import __version__

if TYPE_CHECKING:
    from zsseg.errors import UserError
    from zsseg.image.load import load_image
    from zsseg.predictor import Predictor
    from zsseg.segmentation import Segmentation
    from zsseg.text.vocabulary import Vocabulary, build_vocabulary

__all__ = ["Predictor", "Segmentation", "UserError", "Vocabulary", "__version__", "build_vocabulary", "load_image"]

# Where each public name lives; `__all__`, the imports for type checkers and this table must agree.
_HOME = {
    "Predictor": "zsseg.predictor",
    "Segmentation": "zsseg.segmentation",
    "UserError": "zsseg.errors",
    "Vocabulary": "zsseg.text.vocabulary",
    "build_vocabulary": "zsseg.text.vocabulary",
    "load_image": "zsseg.image.load",
}


def __getattr__(name: str) -> object:
    """Import a public name from its module on first use."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)
