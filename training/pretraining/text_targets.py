"""Target embeddings of English names, for both encoders.

The joint space is that of CLIP ViT-B/32 text embeddings, centred (the mean of the listed names is subtracted) and
reduced to JOINT_DIM principal components. Listed names have CLIP's own embedding. All other names, and the 32,000
whole words of open_clip's token table, get an embedding by kernel ridge regression from a sentence encoder, so that
the text encoder learns more words than the lists hold.

The sentence encoder is needed for training only (`requirements-train.txt`); nothing of it is shipped.
"""

import csv
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from training.pretraining.hypernyms import everyday_names
from training.pretraining.sentence_encoder import encode_sentences
from zsseg.files import atomic_path
from zsseg.open_clip_compat import import_open_clip

JOINT_DIM = 192
HELD_OUT = 150
# The best recall@10 of 200 held-out names (training/LOG.md, first round).
_GAMMA, _RIDGE = 0.5, 0.1
# Multi-word LVIS names were embedded with underscores; a name that another list also has is taken from there.
_SOURCES = ("lvis", "oid", "o365", "coco")
# VOC writes these names as one word.
_NATURAL = ("dining table", "potted plant", "tv monitor")


@dataclass(frozen=True)
class TextTargets:
    """Target embeddings, unit vectors in the joint space.

    Attributes:
        names: T lower-case names, the L listed ones first.
        vectors: (T, JOINT_DIM) float32: CLIP's own embedding of listed names, predicted embeddings of the others.
        own: (L, JOINT_DIM) float32: CLIP's own embeddings of the listed names, held-out ones included.
        held_out: (L,) bool, True for listed names whose own embedding is used in no training step and no regression.
            In `vectors` they have a predicted embedding, so that `own` can measure the regression.
    """

    names: tuple[str, ...]
    vectors: np.ndarray
    own: np.ndarray
    held_out: np.ndarray

    def index(self) -> dict[str, int]:
        """Return the row of each name."""
        return {name: row for row, name in enumerate(self.names)}


def load_text_targets(data_root: Path, cache: Path) -> TextTargets:
    """Read the targets from `cache`, an npz file; compute and write it first if it does not exist."""
    if not cache.exists():
        targets = _build(data_root)
        cache.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(cache) as partial:
            np.savez(partial, **{**vars(targets), "names": np.array(targets.names)})
    with np.load(cache) as arrays:
        fields = {key: arrays[key] for key in arrays.files}
    return TextTargets(**{**fields, "names": tuple(fields["names"].tolist())})


def _build(data_root: Path) -> TextTargets:
    listed, vectors = _listed_names(data_root / "text_embeddings")
    held_out = _choose_held_out(listed, data_root)
    # The right singular vectors: rows of length 512, the strongest first.
    basis = np.linalg.svd(vectors, full_matrices=False)[2][:JOINT_DIM]
    own = _unit(vectors @ basis.T)  # (L, JOINT_DIM)
    lemmas = _imagenet_lemmas(data_root)
    others = sorted(_other_names(data_root, lemmas) - set(listed))
    known = [name for name, out in zip(listed, held_out, strict=True) if not out]
    hidden = [name for name, out in zip(listed, held_out, strict=True) if out]
    # Held-out names get their vectors here too: their own would be known otherwise.
    placed = _kernel_ridge(known, own[~held_out], [*hidden, *others])
    every = np.concatenate([own, placed[len(hidden) :]])  # (T, JOINT_DIM)
    every[np.flatnonzero(held_out)] = placed[: len(hidden)]
    names = (*listed, *others)
    return TextTargets(names, every, own, held_out)


def _listed_names(folder: Path) -> tuple[list[str], np.ndarray]:
    """Return the names with a CLIP embedding, and the embeddings (L, 512), centred, of unit norm."""
    chosen: dict[str, np.ndarray] = {}
    with np.load(folder / "clip_vit_b32.npz") as arrays:
        rows = list(zip(arrays["names"], arrays["embeddings"].astype(np.float32), arrays["source"], strict=True))
    # The last source that has a name wins.
    for name, vector, _ in sorted(rows, key=lambda row: _SOURCES.index(row[2])):
        chosen[_clean(name)] = vector
    vectors = np.stack(list(chosen.values()))
    # What all names have in common goes: it makes up most of the cosine of any two texts of CLIP.
    return list(chosen), _unit(vectors - vectors.mean(0))


def _choose_held_out(listed: list[str], data_root: Path) -> np.ndarray:
    """Choose HELD_OUT listed names that are no class of any data set, so that holding them out costs no score."""
    asked = {"sofa", "couch", "potted plant", "tv monitor", "tv", "television", "dining table"}
    for path in data_root.glob("*/classes.txt"):
        asked |= {_clean(line) for line in path.read_text().split("\n")}
    free = [row for row, name in enumerate(listed) if name not in asked]
    mask = np.zeros(len(listed), bool)
    mask[np.random.default_rng(0).permutation(free)[:HELD_OUT]] = True
    return mask


def _imagenet_lemmas(data_root: Path) -> list[list[str]]:
    """Return the lemmas of each of ImageNet's 1,000 classes; the file-name word if no photo lists its lemmas."""
    words = (data_root / "text_embeddings/imagenet1k_names.txt").read_text().strip().split("\n")
    by_class = {_clean(word): [_clean(word)] for word in words}
    for row in _manifest(data_root):
        if row["source"] == "imagenet_samples":
            lemmas = [_clean(name) for name in row["names"].split(";")]
            known = [name for name in lemmas if name in by_class]
            if known:
                by_class[known[0]] = lemmas
    return [by_class[_clean(word)] for word in words]


def _other_names(data_root: Path, lemmas: list[list[str]]) -> set[str]:
    names = {name for group in lemmas for name in group} | set(_NATURAL) | set(everyday_names().values())
    names |= {_clean(name) for row in _manifest(data_root) for name in row["names"].split(";")}
    synonyms = json.loads((data_root / "text_embeddings/lvis_synonyms.json").read_text())
    names |= {_clean(word) for entry in synonyms.values() for word in entry["synonyms"]}
    for path in data_root.glob("*/classes.txt"):
        names |= {_clean(line) for line in path.read_text().split("\n") if line}
    tokens = import_open_clip().get_tokenizer("ViT-B-16").encoder
    # "</w>" marks the end of a word: other tokens are pieces of words.
    words = (token[:-4] for token in tokens if token.endswith("</w>"))
    return names | {word for word in words if word.isascii() and word.isalpha() and len(word) > 1}


def _manifest(data_root: Path) -> list[dict[str, str]]:
    with (data_root / "pretrain/manifest.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _kernel_ridge(names: list[str], vectors: np.ndarray, others: list[str]) -> np.ndarray:
    """Predict embeddings of `others` by ridge regression with a Gaussian kernel on sentence embeddings.

    vectors (len(names), D) of `names`; returns (len(others), D), unit norm.
    """
    known, queries = encode_sentences(names), encode_sentences(others)

    def kernel(left: np.ndarray) -> np.ndarray:
        # exp(-gamma * |a - b|^2), where |a - b|^2 = 2 - 2ab for unit vectors: (A, K).
        similarity: np.ndarray = np.exp(_GAMMA * (2 * left @ known.T - 2))
        return similarity

    weights = np.linalg.solve(kernel(known) + _RIDGE * np.eye(len(known), dtype=np.float32), vectors)
    return _unit(kernel(queries) @ weights)


def _clean(name: str) -> str:
    return " ".join(name.lower().replace("_", " ").split())


def _unit(rows: np.ndarray) -> np.ndarray:
    scaled: np.ndarray = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return scaled.astype(np.float32)
