"""Opens a split of a data set as a list of photo and mask files.

Splits are `train` (without development photos), `development` (training photos for choices), `trainval` (both), `val`,
and `test` if the set has one. Nothing is decoded here until `read_photo` or `read_mask` is called.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from training.data.sets.description import DataSet
from training.data.sets.known import DATA_SETS
from training.data.sets.own import describe_own, is_own
from training.data.splits import divide_names, is_development
from zsseg.errors import UserError


@dataclass(frozen=True)
class Item:
    """One labelled photo: a unique key, SET/ID, and the two files."""

    key: str
    photo: Path
    mask: Path


@dataclass(frozen=True)
class PhotoSet:
    """One split of one data set.

    Attributes:
        name: of the data set.
        raw_names: class name of every raw mask id, None for an id that is no class.
        items: the photos, in the order of their list.
        unseen_lists: published lists of unseen class names by name; the first is the default.
    """

    name: str
    raw_names: tuple[str | None, ...]
    items: tuple[Item, ...]
    unseen_lists: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def default_unseen(self) -> tuple[str, ...]:
        """The unseen class names that are used unless others are given."""
        return next(iter(self.unseen_lists.values()), ())

    def split_names(self, unseen: Sequence[str] | None = None) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return the (seen, unseen) class names, each in id order.

        Args:
            unseen: the unseen ones; default: the data set's own.

        Raises:
            ValueError: an unseen name is no class of the data set.
        """
        return divide_names(self.name, self.raw_names, self.default_unseen if unseen is None else unseen)


def describe_set(name: str, root: Path) -> DataSet:
    """Return the description of a data set: a known one, or own data in the folder `root`/`name`, or `root` itself.

    Raises:
        UserError: there is no such data set.
    """
    if name in DATA_SETS:
        return DATA_SETS[name]
    for folder in (root / name, root):
        if folder.name == name and is_own(folder):
            return describe_own(folder)
    known = ", ".join(DATA_SETS)
    raise UserError(
        f"There is no data set {name!r}: choose one of {known}, or make a folder {root / name} with classes.txt, "
        "images/ and masks/ (training/README.md)."
    )


def open_set(name: str, root: Path, split: str) -> PhotoSet:
    """List the photos of one split.

    Args:
        name: a data set that `describe_set` finds.
        root: the folder of the data set, or one that holds it (for VOC also a VOCdevkit).
        split: `train`, `development`, `trainval`, `val` or `test`.

    Raises:
        UserError: there is no such data set or split, or its files are missing.
    """
    root = Path(root)
    one = describe_set(name, root)
    # Development is a part of the published training split.
    listed = {"development": "train", "trainval": "train"}.get(split, split)
    items = tuple(Item(*files) for files in one.files(one.find(root), listed))
    if split == "train":
        items = tuple(i for i in items if not is_development(i.key))
    elif split == "development":
        items = tuple(i for i in items if is_development(i.key))
    if not items:
        raise UserError(f"{name} has no photo in the split {split!r} under {root}.")
    # A sample of the files: `python -m training.data check` reads all of them.
    # Eight to fifteen photos: enough to tell a data set that was unpacked in part.
    missing = next((p for i in items[:: max(1, len(items) // 8)] for p in (i.photo, i.mask) if not p.is_file()), None)
    if missing is not None:
        raise UserError(
            f"{name} is incomplete: {missing} is missing. Find all faults with python -m training.data check."
        )
    return PhotoSet(name, one.class_names, items, one.unseen)


def has_development(name: str, root: Path) -> bool:
    """Whether a data set has photos in its development split; a small one may have none.

    Raises:
        UserError: as `open_set`.
    """
    return any(is_development(item.key) for item in open_set(name, root, "trainval").items)


def read_photo(item: Item) -> np.ndarray:
    """Decode the photo to (H, W, 3) uint8 RGB. The files are the user's own, so they are not treated as untrusted.

    Raises:
        UserError: the file cannot be decoded.
    """
    # cv2 turns the photo by its EXIF tag, as inference does.
    bgr = cv2.imread(str(item.photo), cv2.IMREAD_COLOR)
    if bgr is None:
        raise UserError(f"{item.photo} is not a readable picture.")
    return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB))


def read_mask(item: Item) -> np.ndarray:
    """Decode the mask to raw ids (H, W) uint8. A palette's colours are not used: its indices are the ids.

    Raises:
        UserError: the file cannot be decoded, or is no 8-bit index mask.
    """
    try:
        with Image.open(item.mask) as picture:
            # Inside the block: PIL decodes when the pixels are asked for.
            mask = np.array(picture)
    except Exception as error:  # a missing, damaged or truncated file can raise anything
        raise UserError(f"{item.mask} is not a readable picture ({type(error).__name__}): copy it again.") from error
    # Colours of a palette arrive as their indices (H, W); an RGB mask would have three axes.
    if mask.ndim != 2 or mask.dtype != np.uint8:
        raise UserError(f"{item.mask} is not an index mask: expected one 8-bit channel of class ids.")
    return mask
