"""Every training photo as a picture with image-level names; no pixel label is read here."""

import io
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image


@dataclass(frozen=True)
class Photo:
    """One picture of the pre-training pool.

    Attributes:
        key: unique name, `source/stem`.
        rgb: (H, W, 3) uint8.
        names: names said of the whole picture, most specific first; empty for an unlabelled picture.
    """

    key: str
    rgb: np.ndarray
    names: tuple[str, ...]


def iter_photos(root: Path) -> Iterator[Photo]:
    """Yield the shards' named pictures, then the training photos of the pixel-labelled sets, unlabelled.

    Validation and test photos are never opened. The order is that of the files, hence the same on every machine.
    """
    for shard in sorted((root / "pretrain").glob("*.tar")):
        yield from _shard(shard)
    for key, path in _training_files(root):
        yield Photo(key, _decode(path.read_bytes()), ())


def _shard(path: Path) -> Iterator[Photo]:
    with tarfile.open(path) as shard:
        for member in shard:
            data = shard.extractfile(member)
            if data is None:
                continue
            if member.name.endswith(".jpg"):
                rgb = _decode(data.read())
            else:
                names = tuple(data.read().decode().split("\n"))
                yield Photo(f"pretrain/{Path(member.name).stem}", rgb, tuple(n for n in names if n))


def _training_files(root: Path) -> Iterator[tuple[str, Path]]:
    voc = root / "voc2012/VOCdevkit/VOC2012"
    for name in (voc / "ImageSets/Segmentation/train_aug.txt").read_text().split():
        yield f"voc2012/{name}", voc / f"JPEGImages/{name}.jpg"
    for name in (root / "ccp/train.txt").read_text().split():
        yield f"ccp/{name}", root / f"ccp/JPEGImages/{name}.jpg"
    for path in sorted((root / "camvid/train").glob("*.jpg")):
        yield f"camvid/{path.stem}", path
    for path in sorted((root / "coco_mini/images").glob("*.jpg")):
        yield f"coco_mini/{path.stem}", path


def _decode(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
