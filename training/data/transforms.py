"""Augmentation of one photo and its labels with NumPy and OpenCV, a pure function of the given random generator.

Steps and strengths are those of the released code of both papers (mmsegmentation's pipeline): scale jitter, random
crop in which no class covers more than 75 %, horizontal flip, photometric distortion, normalisation, padding. The crop
is cut before it is resized, so that only the pixels that are kept are resized.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from training.data.labels import VOID
from zsseg.image.load import resize

_CROP_TRIES = 10
_CROP_MAX_SHARE = 0.75
# Class shares are counted on every fourth pixel of each axis; that is exact enough to compare with 75 %.
_COUNT_STEP = 4


@dataclass(frozen=True)
class Augmentation:
    """Settings of the augmentation.

    Attributes:
        size: side of the crop in pixels.
        scale: range of the short side after resizing, as a multiple of `size`.
        photometric: distort brightness, contrast, saturation and hue, each with probability 0.5.
        mean: per channel, RGB, 0..255.
        std: per channel, RGB, 0..255.
        antialias: downscale with area averaging, see `zsseg.image.load.resize`.
    """

    size: int
    scale: tuple[float, float]
    photometric: bool
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    antialias: bool = False


def augment(
    rgb: np.ndarray, labels: np.ndarray, how: Augmentation, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Make one training sample.

    Args:
        rgb: (H, W, 3) uint8.
        labels: (H, W) uint8, 255 unlabelled.
        how: settings.
        rng: source of all random choices.

    Returns:
        Normalised photo (3, S, S) float32 and labels (S, S) uint8, S = `how.size`. Padding is 0 (the mean colour) in
        the photo and 255 in the labels.
    """
    # Photo pixels to crop pixels: the short side becomes `size` times the jitter.
    scale = how.size * rng.uniform(*how.scale) / min(labels.shape)
    top, left, bottom, right = _choose_crop(labels, how.size / scale, rng)
    height, width = _target_side(bottom - top, scale, how.size), _target_side(right - left, scale, how.size)
    photo: np.ndarray = resize(rgb[top:bottom, left:right], height, width, how.antialias)
    # Nearest: a mean of two ids is a third class.
    target = cv2.resize(labels[top:bottom, left:right], (width, height), interpolation=cv2.INTER_NEAREST)
    if rng.random() < 0.5:
        photo, target = cv2.flip(photo, 1), cv2.flip(target, 1)
    if how.photometric:
        photo = distort(photo, rng)
    # Padding comes after normalising, so 0 is the mean colour.
    return _pad(normalise(photo, how.mean, how.std), np.asarray(target), how.size)


def normalise(rgb: np.ndarray, mean: tuple[float, ...], std: tuple[float, ...]) -> np.ndarray:
    """(H, W, 3) uint8 -> (H, W, 3) float32, (x - mean) / std per channel."""
    # A look-up table of 256 x 3 values is several times faster than arithmetic on every pixel.
    table = (np.arange(256)[:, None] - np.array(mean)) / np.array(std)
    return np.asarray(cv2.LUT(rgb, table.astype(np.float32)[None]))


def distort(rgb: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Brightness +-32, contrast and saturation x 0.5..1.5, hue +-18 of 180, each with probability 0.5.

    Contrast is applied before or after saturation and hue, with equal probability. rgb (H, W, 3) uint8, likewise
    returned. (mmsegmentation's PhotoMetricDistortion at its defaults.)
    """
    # All draws come first, in a fixed order: another order would change every run of a seed.
    rgb = _linear(rgb, 1.0, rng.uniform(-32, 32) if rng.random() < 0.5 else 0.0)
    contrast = rng.uniform(0.5, 1.5) if rng.random() < 0.5 else 1.0
    contrast_first = rng.random() < 0.5
    saturation = rng.uniform(0.5, 1.5) if rng.random() < 0.5 else 1.0
    hue = int(rng.integers(-18, 19)) if rng.random() < 0.5 else 0
    if contrast_first:
        rgb = _linear(rgb, contrast, 0.0)
    if saturation != 1 or hue:
        hsv = cv2.cvtColor(rgb, cv2.COLOR_RGB2HSV)
        # OpenCV's 8-bit hue is 0..179, half of a degree each; it wraps, so red stays near red.
        hsv[..., 0] = cv2.LUT(hsv[..., 0], ((np.arange(256) + hue) % 180).astype(np.uint8))
        hsv[..., 1] = _linear(hsv[..., 1], saturation, 0.0)
        rgb = cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)
    return rgb if contrast_first else _linear(rgb, contrast, 0.0)


def _linear(values: np.ndarray, factor: float, offset: float) -> np.ndarray:
    if factor == 1 and offset == 0:
        return values
    table = np.clip(np.arange(256) * factor + offset, 0, 255).astype(np.uint8)
    return np.asarray(cv2.LUT(values, table))


def _choose_crop(labels: np.ndarray, side: float, rng: np.random.Generator) -> tuple[int, int, int, int]:
    """Return (top, left, bottom, right) in pixels of the photo; `side` is the side of the crop in those pixels.

    After `_CROP_TRIES` crops that are dominated by one class the last one is taken, as in the released code.
    """
    height, width = labels.shape
    crop_h, crop_w = min(height, round(side)), min(width, round(side))
    box = (0, 0, crop_h, crop_w)
    for _ in range(_CROP_TRIES):
        top, left = int(rng.integers(height - crop_h + 1)), int(rng.integers(width - crop_w + 1))
        box = (top, left, top + crop_h, left + crop_w)
        counts = np.bincount(labels[top : box[2] : _COUNT_STEP, left : box[3] : _COUNT_STEP].ravel(), minlength=256)
        # Void does not count, so a crop of one class in void is refused too.
        labelled = counts[:VOID]
        # The released pipeline's test (mmseg's RandomCrop): more than one class, none above the share.
        if np.count_nonzero(labelled) > 1 and labelled.max() < _CROP_MAX_SHARE * labelled.sum():
            break
    return box


def _target_side(pixels: int, scale: float, size: int) -> int:
    # At most `size`: rounding can give one pixel too many.
    return max(1, min(size, round(pixels * scale)))


def _pad(photo: np.ndarray, labels: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    height, width = labels.shape
    pixels = np.zeros((3, size, size), np.float32)
    # (H, W, 3) -> (3, H, W)
    pixels[:, :height, :width] = photo.transpose(2, 0, 1)
    target = np.full((size, size), VOID, np.uint8)
    target[:height, :width] = labels
    return pixels, target
