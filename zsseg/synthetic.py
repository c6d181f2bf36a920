"""A synthetic domain: coloured, textured shapes on textured grounds, with exact masks and names made of parts.

A scene is a pure function of (seed, split, index). Everything is drawn at three times the size; the photo is the mean
of each pixel's 9 parts, the mask their majority. Names are made of three words, "striped red star". Those held out as
unseen are new only as combinations: each word, and each pair of words in them, also occurs in seen names.
"""

from collections.abc import Mapping
from itertools import product

import cv2
import numpy as np

TEXTURES = ("plain", "striped", "dotted")
# Hue in OpenCV's half degrees.
HUES: Mapping[str, int] = {"red": 0, "orange": 13, "yellow": 28, "green": 60, "blue": 110, "purple": 145}
SHAPES = ("circle", "square", "triangle", "star")
GROUND = "ground"
COMBINATIONS = tuple(product(TEXTURES, HUES, SHAPES))

NAMES = (GROUND, *(" ".join(words) for words in COMBINATIONS))
"""The name of every raw mask id, in id order."""

SIDE = 128
"""Height and width of a scene in pixels."""

_FINE = 3  # parts of a pixel along one side
_RADII = (24.0, 40.0)  # of a shape, in pixels
_TILT = np.pi / 9  # of a shape, at most, to either side
_INSIDE = 0.85  # radii that a centre keeps from the edge
_LEAST_VISIBLE = 0.7  # share of a shape that others may not cover
_TRIES = 30


def held_out() -> tuple[str, ...]:
    """The unseen names: one in six, as many of each word of a kind, no two of a colour and a shape in common."""
    unseen = []
    for texture, colour, shape in COMBINATIONS:
        place, turn = list(HUES).index(colour), TEXTURES.index(texture)
        if (place + turn) % len(TEXTURES) and SHAPES.index(shape) == (place - turn) % len(SHAPES):
            unseen.append(" ".join((texture, colour, shape)))
    return tuple(unseen)


def render(seed: int, split: int, index: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw one scene of two to four shapes, later ones in front; a shape for which there is no room is left out.

    Args:
        seed, split, index: which scene; nothing else decides what is drawn.

    Returns:
        (SIDE, SIDE, 3) uint8 RGB, and (SIDE, SIDE) uint8 raw ids as in `NAMES`.
    """
    # A list of numbers seeds each scene on its own: scenes can be drawn in any order and by several processes.
    rng = np.random.default_rng([seed, split, index])
    canvas = _ground(rng)
    owner = np.zeros(canvas.shape[:2], np.uint8)  # 0 the ground, i the i-th shape
    ids, areas = [0], [0]
    for _ in range(rng.integers(2, 5)):
        placed = _place(rng, owner, areas)
        if placed is None:
            continue
        shape, inside, centre = placed
        choice = int(rng.integers(len(TEXTURES) * len(HUES)))
        texture, colour = TEXTURES[choice % len(TEXTURES)], list(HUES)[choice // len(TEXTURES)]
        owner[inside] = len(ids)
        canvas[inside] = _painted(rng, texture, colour, np.argwhere(inside) - centre)
        areas.append(int(inside.sum()))
        ids.append(1 + COMBINATIONS.index((texture, colour, shape)))
    photo = cv2.resize(canvas, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    photo = np.clip(_add_light(rng, photo) + rng.normal(0, 3, photo.shape), 0, 255).astype(np.uint8)
    return photo, np.array(ids, np.uint8)[_majority(owner, len(ids))]


def _place(rng: np.random.Generator, owner: np.ndarray, areas: list[int]) -> tuple[str, np.ndarray, np.ndarray] | None:
    """Choose a shape and a place that leaves enough of every earlier shape; None where no try finds one.

    Args:
        owner: (3S, 3S) which shape is in front, 0 for the ground.
        areas: how large each shape was when drawn, by its number.

    Returns:
        The shape, its inside (3S, 3S) bool, and its centre (y, x) on the fine grid.
    """
    visible = np.bincount(owner.ravel(), minlength=len(areas))
    shape, side = SHAPES[rng.integers(len(SHAPES))], SIDE * _FINE
    for _ in range(_TRIES):
        radius = _FINE * rng.uniform(*_RADII)
        centre = rng.uniform(_INSIDE * radius, side - _INSIDE * radius, 2)
        angle = rng.uniform(-_TILT, _TILT)
        inside = np.zeros(owner.shape, np.uint8)
        # Without antialiasing: a part of a pixel belongs to one shape, and the mean of nine makes the soft edge.
        cv2.fillPoly(inside, [_turned(_OUTLINES[shape], radius, centre, angle)], 1)
        # What this shape would hide is taken off every earlier one.
        left = visible - np.bincount(owner[inside > 0], minlength=len(areas))
        if (left[1:] >= _LEAST_VISIBLE * np.array(areas)[1:]).all():
            return shape, inside > 0, centre[::-1]  # OpenCV has x first, arrays have y first
    return None


def _turned(points: np.ndarray, radius: float, centre: np.ndarray, angle: float) -> np.ndarray:
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return np.asarray(np.rint(points @ turn * radius + centre), np.int32)


def _polygon(radii: np.ndarray) -> np.ndarray:
    """Points around the origin at equal angles, the first on top, (n, 2)."""
    angles = np.linspace(-np.pi / 2, 1.5 * np.pi, len(radii), endpoint=False)
    return np.asarray(np.stack([np.cos(angles), np.sin(angles)], 1) * radii[:, None])


# Outlines of about equal area at radius 1.
_OUTLINES: Mapping[str, np.ndarray] = {
    "circle": _polygon(np.full(64, 0.9)),
    "square": 0.82 * np.array([[-1, -1], [-1, 1], [1, 1], [1, -1]]),
    "triangle": _polygon(np.full(3, 1.3)),
    "star": _polygon(np.tile([1.3, 0.55], 5)),
}


def _painted(rng: np.random.Generator, texture: str, colour: str, places: np.ndarray) -> np.ndarray:
    """Colours (n, 3) uint8 of n places (y, x) on the fine grid, seen from the shape's centre."""
    hue = (HUES[colour] + rng.uniform(-3, 3)) % 180
    base = _rgb(hue, rng.uniform(190, 255), rng.uniform(170, 245))
    # The second colour is a shade of the first, so that a shape has one colour only.
    other = 0.4 * base if rng.random() < 0.5 else base + 0.65 * (255 - base)
    period, angle = _FINE * rng.uniform(6, 9), rng.uniform(0, np.pi)
    y, x = places.T.astype(np.float32) / np.float32(period)
    across, along = np.cos(angle) * x + np.sin(angle) * y, np.cos(angle) * y - np.sin(angle) * x
    if texture == "striped":
        second = across % 1 < 0.5
    elif texture == "dotted":
        second = (across % 1 - 0.5) ** 2 + (along % 1 - 0.5) ** 2 < 0.32**2
    else:
        second = np.zeros(len(places), np.bool_)
    return np.asarray(np.stack([base, other]).astype(np.uint8)[second.astype(np.uint8)])


def _ground(rng: np.random.Generator) -> np.ndarray:
    """A muted colour with clouds, grain or faint lines, (3S, 3S, 3) uint8."""
    base = _rgb(rng.uniform(0, 180), rng.uniform(0, 60), rng.uniform(70, 210))
    cells = int(rng.choice([4, 12, 48]))
    clouds = cv2.resize(rng.normal(0, 1, (cells, cells)).astype(np.float32), (SIDE, SIDE))
    y, x = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    angle, period = rng.uniform(0, np.pi), rng.uniform(5, 20)
    lines = np.sin((np.cos(angle) * x + np.sin(angle) * y) * 2 * np.pi / period)
    level = rng.uniform(4, 22) * clouds + rng.choice([0, 1]) * rng.uniform(4, 14) * lines
    # Nothing here has an edge: it need not be drawn finely.
    coarse = np.clip(base + level[..., None], 0, 255).astype(np.uint8)
    return np.asarray(cv2.resize(coarse, None, fx=_FINE, fy=_FINE, interpolation=cv2.INTER_NEAREST))


def _add_light(rng: np.random.Generator, photo: np.ndarray) -> np.ndarray:
    """A brightness gradient across the scene."""
    y, x = np.mgrid[-1 : 1 : SIDE * 1j, -1 : 1 : SIDE * 1j]
    angle = rng.uniform(0, 2 * np.pi)
    lit: np.ndarray = photo * (1 + rng.uniform(0, 0.18) * (np.cos(angle) * x + np.sin(angle) * y))[..., None]
    return lit


def _majority(owner: np.ndarray, count: int) -> np.ndarray:
    """(3S, 3S) -> (S, S): which owner has most of each pixel, the first at ties."""
    size = (SIDE, SIDE)
    shares = [
        cv2.resize((owner == number).astype(np.float32), size, interpolation=cv2.INTER_AREA) for number in range(count)
    ]
    return np.asarray(np.argmax(shares, 0))


def _rgb(hue: float, saturation: float, value: float) -> np.ndarray:
    pixel = np.array([[[hue, saturation, value]]]).astype(np.uint8)
    return np.asarray(cv2.cvtColor(pixel, cv2.COLOR_HSV2RGB)[0, 0], np.float32)
