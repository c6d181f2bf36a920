"""Random crops of the pre-training set, with what the teacher says of each crop's cells."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from queue import Queue
from threading import Thread

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from training.pretraining.photos import PretrainingPhoto
from training.pretraining.teacher_maps import TeacherMaps
from zsseg.image.load import resize

MEAN = (123.675, 116.28, 103.53)
STD = (58.395, 57.12, 57.375)


@dataclass(frozen=True)
class CropBatch:
    """B crops.

    Attributes:
        pixels: (B, 3, S, S) float32, normalised, channels last in memory.
        features: (B, S/16, S/16, F) float32, the teacher's components at each cell, of unit mean variance.
        concepts: (B, S/16, S/16, D) float32, the teacher's probabilities times the names' vectors; the norm, 0..1,
            says how sure it is.
        photo: (B,) int64, the row of the photo each crop comes from.
    """

    pixels: Tensor
    features: Tensor
    concepts: Tensor
    photo: Tensor


class ConceptMaps:
    """Each position's class probabilities times the classes' text vectors (ConSE), computed where they are asked for.

    Args:
        maps: what the teacher says of G photos.
        imagenet: (1000, D) vectors of its classes.
    """

    def __init__(self, maps: TeacherMaps, imagenet: np.ndarray) -> None:
        self.maps, self.table = maps, torch.from_numpy(imagenet)

    def __getitem__(self, rows: np.ndarray) -> np.ndarray:
        """Return (B, 14, 14, D) float32 of the photos `rows` (B,)."""
        picked = self.maps.classes[rows].astype(np.int64)
        classes = torch.from_numpy(picked).flatten(0, 2)
        weights = torch.from_numpy(self.maps.probabilities[rows].astype(np.float32)).flatten(0, 2)
        summed = F.embedding_bag(classes, self.table, per_sample_weights=weights, mode="sum")
        return summed.view(*picked.shape[:3], -1).numpy()


class CropSampler:
    """Draws batches of random crops: scale and aspect jitter, mirror, brightness, contrast and colour.

    Args:
        photos: the pre-training set.
        features: (G, 14, 14, F) float16.
        concepts: (G, 14, 14, D), of which only the rows of a batch are read.
        min_area: smallest share of the photo that a crop covers.
        favour: (G,) how often each photo is drawn in `share` of the crops; scaled to a sum of 1.
        share: of the crops, 0..1; the rest come from all photos alike.
    """

    def __init__(
        self,
        photos: Sequence[PretrainingPhoto],
        features: np.ndarray,
        concepts: np.ndarray | ConceptMaps,
        min_area: float,
        favour: np.ndarray | None = None,
        share: float = 0.0,
    ) -> None:
        self.photos = photos
        self.maps = (features, concepts)
        self.min_area = min_area
        self.favour = None if favour is None or not favour.any() else favour / favour.sum()
        self.share = share
        self.feature_scale = float(features[:512].astype(np.float32).var((0, 1, 2)).mean() ** 0.5)

    def stream(self, size: int, batch: int, rng: np.random.Generator) -> Iterator[CropBatch]:
        """Yield batches for ever, prepared one ahead by a thread (cv2 and numpy release the interpreter lock)."""
        queue: Queue[CropBatch] = Queue(maxsize=2)

        def work() -> None:
            while True:
                queue.put(self.draw(size, batch, rng))

        Thread(target=work, daemon=True).start()
        while True:
            yield queue.get()

    def draw(self, size: int, batch: int, rng: np.random.Generator) -> CropBatch:
        """Return one batch of `batch` crops of `size` x `size` pixels."""
        favoured = rng.choice(len(self.photos), batch, p=self.favour)
        rows = np.where(rng.random(batch) < self.share, favoured, rng.integers(0, len(self.photos), batch))
        boxes = np.stack([_random_box(self.photos[row].rgb.shape, self.min_area, rng) for row in rows])
        mirrored = rng.random(batch) < 0.5
        pixels = np.stack(
            [_crop(self.photos[row].rgb, box, size, flip) for row, box, flip in zip(rows, boxes, mirrored, strict=True)]
        )
        grid = _sampling_grid(boxes, mirrored, size // 16)
        features, concepts = (_read(maps[rows], grid) for maps in self.maps)
        return CropBatch(_normalise(pixels, rng), features / self.feature_scale, concepts, torch.from_numpy(rows))


def _random_box(shape: tuple[int, ...], min_area: float, rng: np.random.Generator) -> np.ndarray:
    """Return (y, x, height, width) relative to the photo, 0..1."""
    height, width = shape[:2]
    area = height * width * rng.uniform(min_area, 1)
    aspect = np.exp(rng.uniform(-0.29, 0.29))  # 3:4 to 4:3
    h, w = min(height, (area / aspect) ** 0.5), min(width, (area * aspect) ** 0.5)
    y, x = rng.uniform(0, height - h), rng.uniform(0, width - w)
    return np.array([y / height, x / width, h / height, w / width])


def _crop(rgb: np.ndarray, box: np.ndarray, size: int, flip: bool) -> np.ndarray:
    height, width = rgb.shape[:2]
    y1, x1 = int(box[0] * height), int(box[1] * width)
    y2, x2 = max(y1 + 1, round((box[0] + box[2]) * height)), max(x1 + 1, round((box[1] + box[3]) * width))
    crop = rgb[y1:y2, x1:x2]
    crop = resize(crop, size, size, antialias=True)
    return crop[:, ::-1] if flip else crop


def _sampling_grid(boxes: np.ndarray, mirrored: np.ndarray, cells: int) -> Tensor:
    """Return (B, cells, cells, 2) coordinates (x, y) in -1..1 of the crop's cell centres on the photo's map."""
    centres = (np.arange(cells) + 0.5) / cells
    y = boxes[:, 0:1] + centres * boxes[:, 2:3]  # (B, cells)
    x = boxes[:, 1:2] + np.where(mirrored[:, None], centres[::-1], centres) * boxes[:, 3:4]
    grid = np.empty((len(boxes), cells, cells, 2), np.float32)
    grid[..., 0] = (2 * x - 1)[:, None, :]
    grid[..., 1] = (2 * y - 1)[:, :, None]
    return torch.from_numpy(grid)


def _read(maps: np.ndarray, grid: Tensor) -> Tensor:
    stack = torch.from_numpy(maps).float().permute(0, 3, 1, 2)
    return F.grid_sample(stack, grid, padding_mode="border", align_corners=False).permute(0, 2, 3, 1)


def _jitter(rgb: np.ndarray, factors: np.ndarray) -> np.ndarray:
    """Change brightness, contrast and saturation of a crop (S, S, 3) uint8 by three factors, 1 meaning not at all.

    All three are affine in the colour, hence one 3 x 4 matrix for every pixel.
    """
    bright, contrast, saturation = factors
    mean = bright * rgb.mean()
    mix = saturation * np.eye(3) + (1 - saturation) / 3  # a colour between itself and its grey
    # A grey offset passes through `mix` unchanged, for its rows sum to 1.
    matrix = np.column_stack([contrast * bright * mix, np.full(3, (1 - contrast) * mean)])
    return cv2.transform(rgb, matrix)


def _normalise(pixels: np.ndarray, rng: np.random.Generator) -> Tensor:
    """Jitter the colours of uint8 (B, S, S, 3) and normalise: (B, 3, S, S), channels last in memory."""
    factors = rng.uniform(0.6, 1.4, (len(pixels), 3))
    jittered = np.stack([_jitter(rgb, row) for rgb, row in zip(pixels, factors, strict=True)])
    x = torch.from_numpy(jittered).float()
    return x.sub_(torch.tensor(MEAN)).mul_(1 / torch.tensor(STD)).permute(0, 3, 1, 2)
