"""One colour per class name, the same wherever the name appears."""

import zlib
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import islice

import numpy as np

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


def hex_color(color: Color) -> str:
    """A colour as ``#rrggbb``, as CSS and people write it."""
    return "#{:02x}{:02x}{:02x}".format(*color)


def color_of(name: str) -> Color:
    """The RGB colour, 0..255, that a name has whenever no other class of its list took it first."""
    return colors_of([name])[0]


def colors_of(names: Sequence[str]) -> list[Color]:
    """One colour per name, all different.

    Each name has its own order of preference, from a hash of its letters, and takes the first colour that is free and
    not too like those before it; so a class added at the end never changes the colours of the others.
    """
    return list(_colors_of(tuple(names)))


@lru_cache(maxsize=64)  # overlay, legend and every other view need the colours of the same names
def _colors_of(names: tuple[str, ...]) -> tuple[Color, ...]:
    taken: list[Color] = []
    for name in names:
        # Many colours are bound to be alike: then being free is enough.
        choice = islice(_preferences(name), len(_PALETTE) if len(taken) < len(_PALETTE) else 0)
        clear = (color for color in choice if not _alike(color, taken))
        free = (color for color in _preferences(name) if color not in taken)
        taken.append(next(clear, None) or next(free))
    return tuple(taken)


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
