"""The pre-training set: photos in memory, and what the teacher says of every position of each.

The teacher runs once per photo (squeezed to 224 x 224, hence a 14 x 14 grid); crops then read its map by
relative coordinates, so that any number of crops costs the teacher nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from training.pretraining.photos import PretrainingPhoto, iter_photos
from training.pretraining.teacher import Teacher
from zsseg.errors import UserError
from zsseg.image.load import resize

SIDE = 224
GRID = SIDE // 16
TOP = 16
FEATURES = 256
_BATCH = 32
_PCA_PHOTOS = 1500
_KEYS = "photos.txt"  # whose maps these are


@dataclass(frozen=True)
class TeacherMaps:
    """What the teacher says of G photos at GRID x GRID positions each.

    Attributes:
        features: (G, 14, 14, 256) float16, principal components of the trunk's features.
        classes: (G, 14, 14, 16) int16, the most probable ImageNet classes, best first.
        probabilities: (G, 14, 14, 16) float16, theirs.
        explained: share of the trunk's variance that the components keep.
    """

    features: np.ndarray
    classes: np.ndarray
    probabilities: np.ndarray
    explained: float


def load_pretraining_set(
    data_root: Path, cache: Path, more: Path | None = None
) -> tuple[list[PretrainingPhoto], TeacherMaps]:
    """Read the photos and the teacher's maps, computing the maps first where `cache` has none.

    Args:
        data_root: `shared/data`.
        cache: the folder of the maps.
        more: a folder of unlabelled photos.

    Raises:
        UserError: the maps are of other photos.
    """
    photos = list(iter_photos(data_root, more))
    if not (cache / "explained.npy").exists():
        teacher = Teacher(data_root / "teacher/mobilenet_v2_imagenet.npz")
        _build(photos, teacher, cache)
    maps = TeacherMaps(
        features=np.load(cache / "features.npy", mmap_mode="r"),
        classes=np.load(cache / "classes.npy", mmap_mode="r"),
        probabilities=np.load(cache / "probabilities.npy", mmap_mode="r"),
        explained=float(np.load(cache / "explained.npy")),
    )
    if not _is_of(cache, photos):
        raise UserError(
            f"{cache} was made for other photos than these {len(photos)}: delete it, or give the same --photos."
        )
    return photos, maps


def _is_of(cache: Path, photos: Sequence[PretrainingPhoto]) -> bool:
    """Whether the maps are of these photos, in this order."""
    made_for = cache / _KEYS
    return made_for.exists() and made_for.read_text() == _listed(photos)


def _listed(photos: Sequence[PretrainingPhoto]) -> str:
    return "\n".join(photo.key for photo in photos)


def _build(photos: Sequence[PretrainingPhoto], teacher: Teacher, cache: Path) -> None:
    cache.mkdir(parents=True, exist_ok=True)
    mean, basis, explained = _principal_components(photos, teacher)

    def create(name: str, dtype: type, channels: int) -> np.memmap:
        shape = (len(photos), GRID, GRID, channels)
        return np.lib.format.open_memmap(cache / f"{name}.npy", "w+", dtype, shape)

    features = create("features", np.float16, FEATURES)
    classes, probabilities = create("classes", np.int16, TOP), create("probabilities", np.float16, TOP)
    for start in tqdm(range(0, len(photos), _BATCH), "teacher"):
        chunk = slice(start, start + _BATCH)
        trunk = _trunk(photos[chunk], teacher)
        top = teacher.classifier(trunk).softmax(-1).topk(TOP)
        features[chunk] = ((trunk - mean) @ basis).half().numpy()
        classes[chunk], probabilities[chunk] = top.indices.short().numpy(), top.values.half().numpy()
    for array in (features, classes, probabilities):
        array.flush()
    (cache / _KEYS).write_text(_listed(photos))
    # Written last: its presence says that the three maps are whole.
    np.save(cache / "explained.npy", explained)


@torch.inference_mode()
def _trunk(photos: Sequence[PretrainingPhoto], teacher: Teacher) -> Tensor:
    squeezed = np.stack([resize(p.rgb, SIDE, SIDE, antialias=True) for p in photos])
    batch = torch.from_numpy(squeezed).permute(0, 3, 1, 2).float()  # channels last in memory
    with torch.autocast("cpu", torch.bfloat16):
        trunk: Tensor = teacher(batch)
    return trunk.float().permute(0, 2, 3, 1)  # (B, 14, 14, 1280)


def _principal_components(photos: Sequence[PretrainingPhoto], teacher: Teacher) -> tuple[Tensor, Tensor, float]:
    picks = np.random.default_rng(0).permutation(len(photos))[:_PCA_PHOTOS]
    rows = []
    for start in tqdm(range(0, len(picks), _BATCH), "components"):
        trunk = _trunk([photos[i] for i in picks[start : start + _BATCH]], teacher)
        rows.append(trunk.flatten(0, 2)[::4])
    sample = torch.cat(rows)
    mean = sample.mean(0)
    values, vectors = torch.linalg.eigh((sample - mean).T @ (sample - mean))
    basis = vectors[:, -FEATURES:].flip(1)
    return mean, basis, float(values[-FEATURES:].sum() / values.sum())
