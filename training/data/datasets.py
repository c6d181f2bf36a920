"""The pixel-labelled sets as lists of photo and mask files, in the layouts they are usually found in.

A set is opened for one split: `train` (development photos left out), `development` (training photos kept for
choices), `val`, and `test` where there is one. Nothing is decoded until a photo is asked for.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from training.data.splits import SETS, class_names, is_development
from zsseg.errors import UserError


@dataclass(frozen=True)
class Item:
    """One labelled photo: a unique key and the two files."""

    key: str
    photo: Path
    mask: Path


@dataclass(frozen=True)
class PhotoSet:
    """One split of one data set.

    Attributes:
        name: one of `training.data.splits.SETS`.
        raw_names: the asked name of every raw mask id, None where the id is never asked.
        items: the photos, in the order of their list.
    """

    name: str
    raw_names: tuple[str | None, ...]
    items: tuple[Item, ...]


def open_set(name: str, root: Path, split: str) -> PhotoSet:
    """List the photos of one split.

    Args:
        name: one of `SETS`.
        root: the folder of the set, or one that holds it (for VOC also a plain VOCdevkit).
        split: `train`, `development`, `val`, `trainval` (train and development) or, for CamVid, `test`.

    Raises:
        UserError: no such set or split, or the files are not there.
    """
    if name not in SETS:
        raise UserError(f"There is no data set {name!r}: choose one of {', '.join(SETS)}.")
    listed = {"development": "train", "trainval": "train"}.get(split, split)
    items = tuple(_LAYOUTS[name](Path(root), listed))
    if split == "train":
        items = tuple(i for i in items if not is_development(i.key))
    elif split == "development":
        items = tuple(i for i in items if is_development(i.key))
    if not items:
        raise UserError(f"{name} has no photo in the split {split!r} under {root}.")
    missing = next((p for i in items[:: max(1, len(items) // 8)] for p in (i.photo, i.mask) if not p.is_file()), None)
    if missing is not None:
        raise UserError(f"{name} is incomplete: {missing} is missing. Check that the data were unpacked whole.")
    return PhotoSet(name, class_names(name), items)


def read_photo(item: Item) -> np.ndarray:
    """Decode the photo to (H, W, 3) uint8 RGB. The files are the trainer's own, hence not read as untrusted."""
    bgr = cv2.imread(str(item.photo), cv2.IMREAD_COLOR)
    if bgr is None:
        raise UserError(f"{item.photo} is not a readable picture.")
    return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB))


def read_mask(item: Item) -> np.ndarray:
    """Decode the mask to raw ids (H, W) uint8; palettes are left alone, for their index is the id."""
    mask = np.array(Image.open(item.mask))
    if mask.ndim != 2 or mask.dtype != np.uint8:
        raise UserError(f"{item.mask} is not an index mask: expected one 8-bit channel of class ids.")
    return mask


def _find(root: Path, places: Iterable[str], proof: str, what: str) -> Path:
    """Return the first of `places` under `root` in which `proof` exists."""
    folders = [root / place for place in places]
    for folder in folders:
        if (folder / proof).exists():
            return folder
    tried = ", ".join(str(f / proof) for f in folders)
    raise UserError(f"{what} was not found under {root} (no {tried}): give its folder with --root or --data-root.")


def _voc(root: Path, split: str) -> Iterator[Item]:
    places = ("voc2012/VOCdevkit/VOC2012", "VOCdevkit/VOC2012", "VOC2012", "")
    home = _find(root, places, "JPEGImages", "PASCAL VOC 2012")
    lists = home / "ImageSets/Segmentation"
    for key in _voc_ids(lists, split):
        masks = (home / f"{folder}/{key}.png" for folder in ("SegmentationClassAug", "SegmentationClass"))
        mask = next((m for m in masks if m.is_file()), home / f"SegmentationClassAug/{key}.png")
        yield Item(f"voc2012/{key}", home / f"JPEGImages/{key}.jpg", mask)


def _voc_ids(lists: Path, split: str) -> list[str]:
    """Read the ids of a split; the augmented training list goes by several names, or is train plus aug."""
    choices = {"train": (("trainaug",), ("train_aug",), ("train", "aug"), ("train",))}.get(split, ((split,),))
    for names in choices:
        files = [lists / f"{n}.txt" for n in names]
        if all(f.is_file() for f in files):
            lines = (line for f in files for line in f.read_text().splitlines() if line.strip())
            # Some lists hold "/JPEGImages/ID.jpg /SegmentationClassAug/ID.png" instead of the bare id.
            return list(dict.fromkeys(Path(line.split()[0]).stem for line in lines))
    raise UserError(f"PASCAL VOC has no list for the split {split!r} in {lists}.")


def _ccp(root: Path, split: str) -> Iterator[Item]:
    home = _find(root, ("ccp", ""), "SegmentationClass", "Clothing Co-Parsing")
    listing = home / f"{split}.txt"
    ids = listing.read_text().split() if listing.is_file() else []
    for key in ids:
        yield Item(f"ccp/{key}", home / f"JPEGImages/{key}.jpg", home / f"SegmentationClass/{key}.png")


def _camvid(root: Path, split: str) -> Iterator[Item]:
    home = _find(root, ("camvid", ""), "trainannot", "CamVid")
    # JPEG here, PNG in the original distribution.
    for mask in sorted((home / f"{split}annot").glob("*.png")):
        photo = home / split / f"{mask.stem}.jpg"
        yield Item(f"camvid/{mask.stem}", photo if photo.is_file() else photo.with_suffix(".png"), mask)


def _coco_mini(root: Path, split: str) -> Iterator[Item]:
    home = _find(root, ("coco_mini", ""), "annotations", "the small COCO set")
    if split != "train":
        return
    for mask in sorted((home / "annotations").glob("*.png")):
        yield Item(f"coco_mini/{mask.stem}", home / f"images/{mask.stem}.jpg", mask)


def _coco_stuff(root: Path, split: str) -> Iterator[Item]:
    home = _find(root, ("coco_stuff164k", ""), "annotations/train2017", "COCO-Stuff 164k")
    suffix = "_labelTrainIds"
    for mask in sorted((home / f"annotations/{split}2017").glob(f"*{suffix}.png")):
        key = mask.stem.removesuffix(suffix)
        yield Item(f"coco_stuff164k/{key}", home / f"images/{split}2017/{key}.jpg", mask)


def _shapes(root: Path, split: str) -> Iterator[Item]:
    home = _find(root, ("shapes", ""), "classes.txt", "the world of shapes")
    if tuple((home / "classes.txt").read_text(encoding="utf-8").splitlines()) != class_names("shapes"):
        raise UserError(f"{home} was drawn with other names: delete it and draw it anew.")
    for mask in sorted((home / f"masks/{split}").glob("*.png")):
        yield Item(f"shapes/{split}-{mask.stem}", home / f"images/{split}/{mask.name}", mask)


_LAYOUTS: dict[str, Callable[[Path, str], Iterator[Item]]] = {
    "voc2012": _voc,
    "ccp": _ccp,
    "camvid": _camvid,
    "coco_mini": _coco_mini,
    "coco_stuff164k": _coco_stuff,
    "shapes": _shapes,
}
