"""One colour per class name, the same wherever the name appears, and told apart by colour-blind eyes too."""

import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

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


# A name with a colour word is painted in that colour: shades of it, the usual one first.
_SHADES: Mapping[str, tuple[Color, ...]] = {
    "red": ((220, 40, 40), (120, 10, 20), (255, 135, 125), (170, 20, 70), (255, 70, 90)),
    "orange": ((240, 140, 20), (170, 85, 0), (255, 195, 125), (215, 110, 60), (255, 165, 60)),
    "yellow": ((240, 220, 50), (170, 150, 0), (255, 245, 165), (205, 190, 60), (255, 235, 0)),
    "green": ((40, 160, 70), (0, 85, 40), (150, 225, 140), (90, 130, 40), (0, 200, 120)),
    "blue": ((45, 95, 230), (10, 35, 130), (135, 185, 255), (40, 140, 190), (80, 80, 255)),
    "purple": ((140, 60, 190), (75, 15, 105), (205, 155, 245), (165, 40, 150), (110, 90, 200)),
    "pink": ((255, 130, 180), (200, 60, 120), (255, 195, 215), (230, 90, 160), (150, 50, 95)),
    "brown": ((135, 85, 45), (80, 45, 15), (190, 140, 100), (110, 80, 70), (160, 100, 30)),
    "black": ((35, 35, 40), (75, 75, 80), (15, 15, 45), (55, 40, 30), (40, 60, 55)),
    "white": ((245, 245, 240), (215, 220, 230), (250, 240, 215), (225, 240, 225), (235, 225, 245)),
    "grey": ((140, 140, 140), (95, 95, 100), (185, 185, 185), (120, 135, 150), (150, 140, 125)),
}
_WORDS: Mapping[str, str] = {"gray": "grey", "golden": "yellow", "violet": "purple", **{word: word for word in _SHADES}}

# Least distances between two colours of a list, in OKLab, as seen by the eye that sees the smallest difference: a list
# keeps the first that its length allows. Up to eight names usually keep 0.1.
_DISTANCES = (0.14, 0.12, 0.1, 0.08, 0.06, 0.04, 0.0)

# Full protanopia, deuteranopia and tritanopia in linear RGB (Machado, Oliveira and Fernandes 2009), and normal eyes.
_EYES = np.array(
    [
        np.eye(3),
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
    ]
)
# Linear RGB to cone responses, and their cube roots to OKLab (Ottosson 2020).
_CONES = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_OKLAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)


def color_of(name: str) -> Color:
    """The RGB colour, 0..255, that a name has whenever no other class of its list took it first."""
    return colors_of([name])[0]


def colors_of(names: Sequence[str]) -> list[Color]:
    """One colour per name, all different.

    Each name has its own order of preference: shades of the colour that it names, or else a palette in an order from a
    hash of its letters. It takes the first that is far enough from those before it, for normal and for colour-blind
    eyes; so a class added at the end never changes the colours of the others.
    """
    return list(_colors_of(tuple(names)))


@lru_cache(maxsize=64)  # overlay, legend and every other view ask for the same names
def _colors_of(names: tuple[str, ...]) -> tuple[Color, ...]:
    taken: list[Color] = []
    for name in names:
        # Among more names than the palette has colours many are bound to be alike: then being free is enough.
        choice = _choose(_candidates(name), taken) if len(taken) < len(_PALETTE) else None
        taken.append(choice or next(color for color in _preferences(name) if color not in taken))
    return tuple(taken)


def _choose(candidates: Sequence[Color], taken: Sequence[Color]) -> Color | None:
    """The first of the candidates that is far from all that are taken, as far as the list allows."""
    if not taken:
        return candidates[0]
    apart = [min(distance(color, other) for other in taken) for color in candidates]
    for least in _DISTANCES:
        for color, gap in zip(candidates, apart, strict=True):
            if gap > 0 and gap >= least:
                return color
    return None


def distance(one: Color, other: Color) -> float:
    """How different two colours look, in OKLab, to the eye that sees the smallest difference.

    The eyes are normal, protanope, deuteranope and tritanope. Black and white are 1 apart.
    """
    return float(np.linalg.norm(_appearance(one) - _appearance(other), axis=1).min())


@lru_cache(maxsize=4096)
def _appearance(color: Color) -> npt.NDArray[np.float64]:
    """(4, 3) OKLab of a colour for each of the eyes."""
    value = np.array(color) / 255
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    return np.asarray(np.cbrt((_EYES @ linear).clip(0, 1) @ _CONES.T) @ _OKLAB.T)


def _candidates(name: str) -> tuple[Color, ...]:
    words = [_WORDS[word] for word in re.findall("[a-z]+", name.casefold()) if word in _WORDS]
    return _SHADES[words[0]] if words else tuple(_palette_of(name))


def _palette_of(name: str) -> Iterator[Color]:
    """The whole palette in this name's order."""
    code, size = zlib.crc32(name.casefold().encode()), len(_PALETTE)
    step = 1 + code // size % (size - 1)
    for i in range(size):
        yield _PALETTE[(code + i * step) % size]


def _preferences(name: str) -> Iterator[Color]:
    """Every colour that suits a name, then colours drawn from the name without end."""
    yield from _candidates(name)
    code = zlib.crc32(name.casefold().encode())
    while True:
        code = zlib.crc32(code.to_bytes(4, "little"))
        yield code & 255, code >> 8 & 255, code >> 16 & 255
