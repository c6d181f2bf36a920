"""A handful of drawn photos in PASCAL VOC's layout: coloured rectangles, one colour for each name."""

from pathlib import Path

import cv2
import numpy as np
from PIL import Image

COLOURS = {8: (200, 40, 40), 12: (40, 60, 200), 10: (40, 190, 60), 17: (220, 210, 60)}  # cat, dog, cow, sheep
LISTS = "ImageSets/Segmentation"


def draw_voc(
    root: Path, photos: int = 12, side: int = 64, ids: tuple[int, ...] = (8, 12, 10, 17), seed: int = 0
) -> Path:
    """Write photos with one rectangle each on grey, every fourth for validation; return the VOC2012 folder."""
    home = root / "VOCdevkit/VOC2012"
    for folder in ("JPEGImages", "SegmentationClassAug", LISTS):
        (home / folder).mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    keys = [f"2007_{i:06d}" for i in range(photos)]
    for i, key in enumerate(keys):
        photo = rng.integers(100, 156, (side, side, 3)).astype(np.uint8)
        mask = np.zeros((side, side), np.uint8)
        top, left = rng.integers(0, side // 2, 2)
        raw = ids[(i + i // 4) % len(ids)]  # each fourth, too, meets every name
        box = np.s_[top : top + side // 2, left : left + side // 2]
        photo[box], mask[box] = COLOURS[raw], raw
        mask[top, left : left + side // 2] = 255
        cv2.imwrite(str(home / f"JPEGImages/{key}.jpg"), cv2.cvtColor(photo, cv2.COLOR_RGB2BGR))
        write_mask(home / f"SegmentationClassAug/{key}.png", mask)
    (home / LISTS / "train_aug.txt").write_text("\n".join(k for i, k in enumerate(keys) if i % 4 != 3) + "\n")
    (home / LISTS / "val.txt").write_text("\n".join(keys[3::4]) + "\n")
    return home


def draw_two_colours(root: Path, photos: int = 32, side: int = 64, cell: int = 32) -> Path:
    """Write photos tiled with noisy red (cat) and blue (dog) cells; every pixel has a name."""
    home = draw_voc(root, photos, side)
    rng = np.random.default_rng(1)
    for path in sorted((home / "SegmentationClassAug").glob("*.png")):
        ids = rng.choice([8, 12], (side // cell, side // cell)).astype(np.uint8)
        mask = np.kron(ids, np.ones((cell, cell), np.uint8))
        clean = np.where((mask == 8)[..., None], COLOURS[8], COLOURS[12])
        photo = np.clip(clean + rng.normal(0, 15, clean.shape), 0, 255).astype(np.uint8)
        cv2.imwrite(str(home / f"JPEGImages/{path.stem}.jpg"), cv2.cvtColor(photo, cv2.COLOR_RGB2BGR))
        write_mask(path, mask)
    return home


def write_mask(path: Path, mask: np.ndarray) -> None:
    """Write an index mask with a palette whose grey values are not the ids, as the originals have."""
    image = Image.fromarray(mask).convert("P")
    image.putpalette([(7 * i) % 256 for i in range(768)])
    image.putdata(mask.ravel().tolist())
    image.save(path)
