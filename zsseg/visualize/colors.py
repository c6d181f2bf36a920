"""One colour per class name, the same wherever the name appears, distinct for colour-blind people too."""

import colorsys
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

Color = tuple[int, int, int]


def _rgb(hue: float, saturation: float, value: float) -> Color:
    red, green, blue = (round(255 * part) for part in colorsys.hsv_to_rgb(hue / 360 % 1, saturation, value))
    return red, green, blue


# Okabe and Ito's seven, then colours chosen greedily, each as far as possible in OKLab from all before it, as seen by
# the worst of normal, deutan and protan eyes. Their number is prime, so that any step through them visits all.
_PALETTE: tuple[Color, ...] = (
    (230, 159, 0), (86, 180, 233), (0, 158, 115), (240, 228, 66), (0, 114, 178), (213, 94, 0), (204, 121, 167),
    (90, 60, 0), (0, 0, 255), (120, 255, 255), (105, 15, 120), (135, 120, 255), (105, 210, 150), (165, 45, 90),
    (60, 60, 180), (105, 255, 165), (150, 75, 0), (165, 210, 255), (255, 75, 105), (225, 15, 210), (195, 45, 150),
    (255, 120, 210), (255, 180, 195), (105, 45, 75), (60, 90, 255), (0, 105, 120), (180, 210, 90), (210, 45, 75),
    (90, 120, 210), (105, 60, 135), (240, 150, 105),
)  # fmt: skip


def hex_color(color: Color) -> str:
    """A colour as ``#rrggbb``, as CSS and people write it."""
    return "#{:02x}{:02x}{:02x}".format(*color)


# A name with a colour word is painted in that colour: hue in degrees, saturation and brightness of its usual shade.
_HUES: Mapping[str, tuple[float, float, float]] = {
    "red": (0, 0.82, 0.86), "orange": (30, 0.92, 0.94), "yellow": (54, 0.79, 0.94), "green": (135, 0.75, 0.63),
    "blue": (224, 0.8, 0.9), "purple": (277, 0.68, 0.75), "pink": (336, 0.49, 1), "brown": (27, 0.67, 0.53),
}  # fmt: skip
# Other shades of it: turn of the hue in degrees, saturation, brightness. Many, as names with one colour word may stand
# beside each other, and lightness is what colour-blind eyes tell them by.
_OTHER = tuple(
    (turn, saturation, value)
    for turn in (0, 12, -12)
    for saturation, value in ((1, 0.42), (0.42, 1), (0.85, 0.7), (1, 0.24), (0.22, 1), (1, 1), (0.6, 0.5), (0.6, 0.85))
)
# None is exactly grey: a palette of grey tones would say of labels.png that it shows its ids as tones.
_GREYS: Mapping[str, tuple[Color, ...]] = {
    "black": tuple((level, level, level + 4) for level in (32, 60, 8, 84)),
    "white": tuple((level, level, level - 4) for level in (245, 222, 255, 205)),
    "grey": tuple((level, level, level + 4) for level in (140, 100, 180, 70, 210)),
}
_SHADES: Mapping[str, tuple[Color, ...]] = {
    **{
        word: (_rgb(hue, saturation, value), *(_rgb(hue + turn, *rest) for turn, *rest in _OTHER))
        for word, (hue, saturation, value) in _HUES.items()
    },
    **_GREYS,
}
_WORDS: Mapping[str, str] = {"gray": "grey", "golden": "yellow", "violet": "purple", **{word: word for word in _SHADES}}

# Least distances between two colours of a list, in OKLab, as seen by the eye that sees the smallest difference: a list
# keeps the first that its length allows. Lists of 8 usually keep 0.1, of 12 0.07.
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
    """The RGB colour, 0..255, of a name, unless another class of its list took it first."""
    return colors_of([name])[0]


def colors_of(names: Sequence[str]) -> list[Color]:
    """One colour per name, all different.

    Each name has its own order of preference: shades of the colour that it names, or else a palette in an order from a
    hash of its letters. It takes the first that is far enough from those before it, for normal and for colour-blind
    eyes; so a class added at the end never changes the colours of the others.
    """
    return list(_colors_of(tuple(names)))


@lru_cache(maxsize=64)  # overlay, legend and every other view need the colours of the same names
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
    """The smallest OKLab difference of two colours, over normal and colour-blind vision.

    The eyes are normal, protanope, deuteranope and tritanope. Black and white are 1 apart.
    """
    return float(np.linalg.norm(_appearance(one) - _appearance(other), axis=1).min())


@lru_cache(maxsize=4096)
def _appearance(color: Color) -> npt.NDArray[np.float64]:
    """(4, 3) OKLab of a colour for each kind of vision."""
    value = np.array(color) / 255
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    return np.asarray(np.cbrt((_EYES @ linear).clip(0, 1) @ _CONES.T) @ _OKLAB.T)


def _candidates(name: str) -> tuple[Color, ...]:
    words = [_WORDS[word] for word in re.findall("[a-z]+", name.casefold()) if word in _WORDS]
    return _SHADES[words[0]] if words else tuple(_palette_of(name))


def _palette_of(name: str) -> Iterator[Color]:
    """The whole palette in this name's order."""
    # Not `hash`, which differs between two processes: a class keeps its colour for good.
    code, size = zlib.crc32(name.casefold().encode()), len(_PALETTE)
    # A step from 1 to size - 1, and another part of the hash than the start: two names rarely have both in common.
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
