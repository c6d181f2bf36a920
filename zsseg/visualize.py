"""Pictures of a segmentation: overlay, legend, heat maps, features as colours. numpy, OpenCV and colour maps only."""

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import cv2
import matplotlib
import numpy as np
import numpy.typing as npt

from zsseg.image import Pixels
from zsseg.segmentation import NONE, FloatArray, Segmentation

Color = tuple[int, int, int]

# Okabe and Ito's seven, then colours chosen greedily, each as far as possible in OKLab from all before it, as seen by
# the worst of normal, deutan and protan eyes. Their number is prime, so that any step through them visits all.
_PALETTE: tuple[Color, ...] = (
    (230, 159, 0), (86, 180, 233), (0, 158, 115), (240, 228, 66), (0, 114, 178), (213, 94, 0), (204, 121, 167),
    (90, 60, 0), (0, 0, 255), (120, 255, 255), (105, 15, 120), (135, 120, 255), (105, 210, 150), (165, 45, 90),
    (60, 60, 180), (105, 255, 165), (150, 75, 0), (165, 210, 255), (255, 75, 105), (225, 15, 210), (195, 45, 150),
    (255, 120, 210), (255, 180, 195), (105, 45, 75), (60, 90, 255), (0, 105, 120), (180, 210, 90), (210, 45, 75),
    (90, 120, 210), (105, 60, 135), (240, 150, 105),
)  # fmt: skip


@dataclass(frozen=True)
class LegendRow:
    """One line of a legend.

    Attributes:
        name: the class.
        color: its RGB in the overlay, 0..255.
        seen: True where the class counts as seen; others are hatched in the overlay.
        area: its share of the photo, 0..1.
    """

    name: str
    color: Color
    seen: bool
    area: float

    @property
    def hex(self) -> str:
        """The colour as ``#rrggbb``."""
        return "#{:02x}{:02x}{:02x}".format(*self.color)


def color_of(name: str) -> Color:
    """The RGB colour, 0..255, that a name has whenever no other class of its list took it first."""
    return colors_of([name])[0]


def colors_of(names: Sequence[str]) -> list[Color]:
    """One colour per name, all different.

    Each name has its own order of preference, from a hash of its letters, and takes the first colour that is free and
    not too like those before it; so a class added at the end never changes the colours of the others.
    """
    taken: list[Color] = []
    for name in names:
        # Many colours are bound to be alike: then being free is enough.
        choice = islice(_preferences(name), len(_PALETTE) if len(taken) < len(_PALETTE) else 0)
        clear = (color for color in choice if not _alike(color, taken))
        free = (color for color in _preferences(name) if color not in taken)
        taken.append(next(clear, None) or next(free))
    return taken


def _alike(color: Color, others: Sequence[Color]) -> bool:
    """Whether a colour is within 160 (of 765) of another by the "redmean" distance, a cheap stand-in for the eye's."""
    red, green, blue = (np.array([color, *others], dtype=np.float64)[:, channel] for channel in range(3))
    mean = (red[1:] + red[0]) / 2 / 256
    red, green, blue = ((channel[1:] - channel[0]) ** 2 for channel in (red, green, blue))
    return bool(((2 + mean) * red + 4 * green + (3 - mean) * blue < 160**2).any())


def _preferences(name: str) -> Iterator[Color]:
    """The whole palette in this name's order, then colours drawn from the name without end."""
    code, size = zlib.crc32(name.casefold().encode()), len(_PALETTE)
    step = 1 + code // size % (size - 1)
    for i in range(size):
        yield _PALETTE[(code + i * step) % size]
    while True:
        code = zlib.crc32(code.to_bytes(4, "little"))
        yield code & 255, code >> 8 & 255, code >> 16 & 255


def overlay(image: Pixels, seg: Segmentation, opacity: float = 0.6) -> Pixels:
    """Paint the labels over the photo.

    Unseen classes are hatched, regions outlined, pixels that are none of the classes left as they are.

    Args:
        image: (H,W,3) RGB, the photo that was segmented.
        seg: the answer, of the same height and width.
        opacity: of the paint, 0..1.

    Returns:
        (H,W,3) RGB.

    Raises:
        ValueError: the sizes differ.
    """
    labels = seg.labels
    if image.shape != (*labels.shape, 3):
        raise ValueError(f"a photo of {image.shape} does not match labels of {labels.shape}")
    colors = np.array([*colors_of(seg.names), (0, 0, 0)], dtype=np.uint8)
    unseen = np.array([*(not seen for seen in seg.seen), False])
    paint = colors[labels]  # (H, W, 3); NONE = -1 reads the last row
    hatched = _stripes(*labels.shape) & unseen[labels]
    paint[hatched] = _contrasting(colors)[labels[hatched]]
    paint[_outlines(labels)] = 0
    blend = cv2.addWeighted(image, 1 - opacity, paint, opacity, 0)
    none = labels == NONE
    blend[none] = image[none]
    return np.asarray(blend, dtype=np.uint8)


def _stripes(height: int, width: int) -> npt.NDArray[np.bool_]:
    period = max(6, min(height, width) // 32)
    return np.add.outer(np.arange(height), np.arange(width)) % period < max(1, period // 5)


def _contrasting(colors: Pixels) -> Pixels:
    """Each colour half way to black or white, whichever is farther."""
    light = colors @ np.array([0.299, 0.587, 0.114]) > 128
    return (colors // 2 + np.where(light, 0, 127)[:, None]).astype(np.uint8)


def _outlines(labels: npt.NDArray[np.int16]) -> npt.NDArray[np.bool_]:
    edges = np.zeros(labels.shape, dtype=np.bool_)
    edges[:, 1:] |= labels[:, 1:] != labels[:, :-1]
    edges[1:] |= labels[1:] != labels[:-1]
    return edges


def legend(seg: Segmentation) -> list[LegendRow]:
    """One row per class, in the order asked; the shares add up to 1 less what is none of the classes."""
    rows = zip(seg.names, colors_of(seg.names), seg.seen, seg.area, strict=True)
    return [LegendRow(*row) for row in rows]


def score_map(scores: FloatArray) -> Pixels:
    """(H,W) scores in 0..1 -> (H,W,3) RGB heat; the scale is always 0..1, so maps can be compared."""
    return _colored(scores, "inferno")


def cosine_map(cosine: FloatArray) -> Pixels:
    """(h,w) cosines -> (h,w,3) RGB on a fixed scale from 0 to 1; below 0 is drawn as 0."""
    return _colored(cosine, "viridis")


def _colored(values: FloatArray, cmap: str) -> Pixels:
    table = (matplotlib.colormaps[cmap](np.arange(256))[:, :3] * 255 + 0.5).astype(np.uint8)
    return np.asarray(table[(np.clip(values, 0, 1) * 255 + 0.5).astype(np.uint8)])


def pca_rgb(maps: Sequence[FloatArray]) -> list[Pixels]:
    """Draw feature maps by their three main directions, in one basis and on one scale, so colours can be compared.

    Every feature is brought to unit length first; else the decoder's, many times longer, would choose the basis alone.

    Args:
        maps: (h,w,D) each; h and w may differ, D may not.

    Returns:
        (h,w,3) RGB each; the scale runs from the 2nd to the 98th percentile over all maps.
    """
    vectors = np.concatenate([_unit(m.reshape(-1, m.shape[2])) for m in maps]).astype(np.float64)  # (sum h*w, D)
    vectors -= vectors.mean(0)
    directions = np.linalg.eigh(vectors.T @ vectors)[1][:, ::-1][:, :3]  # (D, 3), largest variance first
    # The sign of an eigenvector is arbitrary: fix it, so the same features always get the same colours.
    strongest = directions[np.abs(directions).argmax(0), np.arange(directions.shape[1])]
    projected = vectors @ (directions * np.sign(strongest))
    projected = np.pad(projected, ((0, 0), (0, 3 - projected.shape[1])))  # D may be below 3
    low, high = np.percentile(projected, (2, 98), axis=0)
    # Rounding noise is not variance: a direction in which nothing differs is drawn mid-grey.
    span = np.where(high - low > 1e-6, high - low, np.inf)
    level = np.where(np.isinf(span), 0.5, (projected - low) / span)
    colors = (np.clip(level, 0, 1) * 255 + 0.5).astype(np.uint8)
    ends = np.cumsum([m.shape[0] * m.shape[1] for m in maps])
    parts = np.split(colors, ends[:-1])
    return [part.reshape(*m.shape[:2], 3) for part, m in zip(parts, maps, strict=True)]


def _unit(vectors: FloatArray) -> FloatArray:
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(length, 1e-12), dtype=np.float32)


def enlarge(picture: Pixels, height: int, width: int) -> Pixels:
    """(h,w,3) -> (height,width,3) by repetition, so that each patch stays a visible block."""
    return np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_NEAREST), dtype=np.uint8)
