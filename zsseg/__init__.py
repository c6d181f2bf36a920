"""Zero-shot semantic segmentation with ZegCLIP and CLIP-RC: a photo and class names in, masks out.

The public names, on one screen. Importing the package is cheap: torch is loaded with the first name that needs it.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zsseg.errors import UserError
    from zsseg.image import load_image
    from zsseg.predictor import Predictor
    from zsseg.segmentation import Segmentation
    from zsseg.vocabulary import Vocabulary, build_vocabulary

__version__ = "0.1.0"

__all__ = ["Predictor", "Segmentation", "UserError", "Vocabulary", "__version__", "build_vocabulary", "load_image"]

_HOME = {
    "Predictor": "zsseg.predictor",
    "Segmentation": "zsseg.segmentation",
    "UserError": "zsseg.errors",
    "Vocabulary": "zsseg.vocabulary",
    "build_vocabulary": "zsseg.vocabulary",
    "load_image": "zsseg.image",
}


def __getattr__(name: str) -> object:
    """Import a public name from its module when it is first asked for."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)
