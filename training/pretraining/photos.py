"""Every training photo as a picture with image-level names.

Of the pixel-labelled sets it is read *which* names a photo shows, as a caption would say it, never where. More photos
come from a folder; where one lies says what it shows: `SET/NAME,NAME/…` that of SET's names it shows these and no
other, anything else that nothing is known.
"""

import io
import os
import tarfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from training.data.splits import SETS, class_names, is_development
from zsseg.errors import UserError
from zsseg.image.load import load_image
from zsseg.image.paths import SUFFIXES

_LONG_SIDE = 224  # pixels kept of one of the more photos: what the teacher looks at


@dataclass(frozen=True)
class PretrainingPhoto:
    """One picture of the pre-training set.

    Attributes:
        key: unique name, `source/stem`.
        rgb: (H, W, 3) uint8.
        names: names said of the whole picture, most specific first; empty for an unlabelled picture.
    """

    key: str
    rgb: np.ndarray
    names: tuple[str, ...]


def iter_photos(root: Path, more: Path | None = None) -> Iterator[PretrainingPhoto]:
    """Yield the shards' named pictures, the training photos of the pixel-labelled sets, then those of `more`.

    CamVid's, which all show the same, have no names. Photos of the development split are left out: a tower that learnt
    the teacher's answers on them would know them by heart. Those of validation and test are never opened. The order is
    that of the files, hence the same on every machine.

    Args:
        root: `shared/data`.
        more: a folder of photos, folders in it included, of which no more is known than where they lie.

    Raises:
        UserError: there is no picture in `more`, one of them cannot be read, or a folder of a labelled set is called by
            a name that the set does not have.
    """
    for shard in sorted((root / "pretrain").glob("*.tar")):
        yield from _shard(shard)
    for key, photo, mask in _training_files(root):
        yield PretrainingPhoto(key, _decode(photo.read_bytes()), _names_in_mask(key, mask))
    if more is not None:
        yield from _more(more)


def _more(folder: Path) -> Iterator[PretrainingPhoto]:
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    if not paths:
        raise UserError(f"There is no picture in {folder}: name a folder that has some.")
    with ThreadPoolExecutor(os.cpu_count()) as readers:
        decoded = readers.map(lambda path: load_image(path, _LONG_SIDE), paths)
        for path, rgb in zip(paths, decoded, strict=True):
            place = path.relative_to(folder)
            names = _names_of_folders(place)
            yield PretrainingPhoto(str(place if names else "more" / place), rgb, names)


def _names_of_folders(place: Path) -> tuple[str, ...]:
    """Names that the folders of a photo say it shows: those of `SET/NAME,NAME/…`."""
    folders = place.parts[:-1]
    if len(folders) < 2 or folders[0] not in SETS:
        return ()
    names = tuple(folders[1].split(","))
    asked = [name for name in class_names(folders[0]) if name is not None]
    if strange := [name for name in names if name not in asked]:
        raise UserError(f"{place}: {folders[0]} has no name {', '.join(strange)}. It has {', '.join(asked)}.")
    return names


def _names_in_mask(key: str, mask: Path) -> tuple[str, ...]:
    """Names that a photo of a labelled set shows, in id order, if they may be said."""
    name = key.split("/")[0]
    if name == "camvid":
        return ()
    raw_names = class_names(name)
    shown = np.unique(np.asarray(Image.open(mask)))
    shown_names = (raw_names[i] for i in shown if i < len(raw_names))
    return tuple(shown_name for shown_name in shown_names if shown_name is not None)


def _shard(path: Path) -> Iterator[PretrainingPhoto]:
    with tarfile.open(path) as shard:
        for member in shard:
            data = shard.extractfile(member)
            if data is None:
                continue
            if member.name.endswith(".jpg"):
                rgb = _decode(data.read())
            else:
                names = tuple(data.read().decode().split("\n"))
                yield PretrainingPhoto(f"pretrain/{Path(member.name).stem}", rgb, tuple(n for n in names if n))


def _training_files(root: Path) -> Iterator[tuple[str, Path, Path]]:
    """Key, photo and mask of every photo of the labelled sets that training may open."""
    return (files for files in _listed_files(root) if not is_development(files[0]))


def _listed_files(root: Path) -> Iterator[tuple[str, Path, Path]]:
    voc = root / "voc2012/VOCdevkit/VOC2012"
    for name in (voc / "ImageSets/Segmentation/train_aug.txt").read_text().split():
        yield f"voc2012/{name}", voc / f"JPEGImages/{name}.jpg", voc / f"SegmentationClassAug/{name}.png"
    for name in (root / "ccp/train.txt").read_text().split():
        yield f"ccp/{name}", root / f"ccp/JPEGImages/{name}.jpg", root / f"ccp/SegmentationClass/{name}.png"
    for path in sorted((root / "camvid/train").glob("*.jpg")):
        yield f"camvid/{path.stem}", path, root / f"camvid/trainannot/{path.stem}.png"
    for path in sorted((root / "coco_mini/images").glob("*.jpg")):
        yield f"coco_mini/{path.stem}", path, root / f"coco_mini/annotations/{path.stem}.png"


def _decode(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
