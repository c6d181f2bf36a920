"""Writes a small synthetic data set in the official layout of any description: for dry runs and tests."""

from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from training.data.labels import VOID
from training.data.sets.description import DataSet, Files
from training.data.splits import is_development

_CELLS = 3  # a photo is a grid of so many cells a side, each of one class


def write_synthetic(one: DataSet, root: Path, photos: int = 4, side: int = 96, seed: int = 0) -> Path:
    """Write photos and masks of every split, with lists and names file; return the folder of the set.

    Args:
        one: the description; the first of its folders and patterns are used.
        root: data root.
        photos: number of photos per split; one training photo belongs to the development split.
        side: short side of a photo in pixels; the long side is a third longer.
        seed: of the contents.
    """
    home = root / one.folders[0]
    # Only what is above `proof`: the files below make it, or it is the file of names.
    (home / one.proof).parent.mkdir(parents=True, exist_ok=True)
    if one.names_file is not None:
        lines = "\n".join(str(name) for name in one.class_names)
        (home / one.names_file).write_text(lines + "\n", encoding="utf-8")
    first = 0
    for number, (split, files) in enumerate(one.splits.items()):
        ids = _choose_ids(f"{one.name}/{files.prefix}", photos, first, with_development=split == "train")
        # Splits have no id in common, as in the published sets.
        first = int(ids[-1]) + 1
        for index, key in enumerate(ids):
            rng = np.random.default_rng([seed, number, index])
            _write_photo(one, home, files, key, (side, side * 4 // 3), rng)
        for name in files.lists[0] if files.lists else ():
            path = home / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("\n".join(ids) + "\n", encoding="utf-8")
    return home


def _choose_ids(prefix: str, photos: int, first: int, with_development: bool) -> list[str]:
    """COCO-like ids from `first` on; the last one is of the development split if wanted, the others are not."""
    kept: list[str] = []
    # Development photos are 1 in 16 by chance, so counting goes on until one turns up.
    development: list[str] = []
    number = first
    while len(kept) < photos or (with_development and not development):
        key = f"{number:012d}"
        (development if with_development and is_development(prefix + key) else kept).append(key)
        number += 1
    # Sorted, so that the last id is the largest and the next split can begin after it.
    chosen = sorted([*kept[: photos - 1], development[0]] if with_development else kept[:photos])
    return [*chosen[:-1], max(chosen)]


def _write_photo(
    one: DataSet, home: Path, files: Files, key: str, size: tuple[int, int], rng: np.random.Generator
) -> None:
    """A grid of cells of random classes: the colour of a cell depends on its class, noise is added."""
    ids = [raw for raw, name in enumerate(one.class_names) if name is not None]
    cells = rng.choice(ids, (_CELLS, _CELLS)).astype(np.uint8)
    mask = cv2.resize(cells, (size[1], size[0]), interpolation=cv2.INTER_NEAREST)
    # A row of void: what handles 255 is tried too.
    mask[0] = VOID
    # One palette for all sets and seeds: a class has the same colour in every photo.
    palette = np.random.default_rng(0).integers(0, 256, (256, 3))
    photo = np.clip(palette[mask] + rng.normal(0, 12, (*size, 3)), 0, 255).astype(np.uint8)
    for pattern, array in ((files.photos[0], photo), (files.masks[0], mask)):
        path = home / pattern.format(id=key)
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(array).save(path)
