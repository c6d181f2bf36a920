"""New scenes of drawn shapes, for the models that were trained on such scenes: photo, names and the exact mask."""

import re
import secrets
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from zsseg.demo.catalog import DRAWN, Predictors, working
from zsseg.demo.folders import fresh_folder
from zsseg.image.load import Pixels
from zsseg.synthetic import GROUND, NAMES, held_out, render
from zsseg.text.vocabulary import format_names

_SPLIT = 1000  # no training or test set uses it
_TRIES = 20
_ABSENT = 2  # names in either box that are not in the scene
_PHOTO = re.compile(r"scene-(\d+)\.png")


@dataclass(frozen=True)
class Scene:
    """One scene as a question, with its ground truth.

    Attributes:
        photo, mask: paths of the picture, and of its ids as a grey PNG.
        seen, unseen: texts of the two boxes: what is in the scene, then some names that are not.
        meanings: what the mask's ids mean, as `zsseg.analysis.label_table.parse_table` reads it.
    """

    photo: str
    mask: str
    seen: str
    unseen: str
    meanings: str


def knows_scenes(predictors: Predictors) -> bool:
    """Whether these models were trained on drawn scenes."""
    return any(DRAWN in predictor.metadata.data for predictor in working(predictors).values())


def fresh_scene(number: int | None = None) -> Scene:
    """Draw a scene and write its two files; one with an unseen name, if one is found in a few tries.

    Args:
        number: which scene; None takes a random one.
    """
    # Not from a seeded generator: two visitors should not get the same scene.
    number = secrets.randbelow(2**31) if number is None else number
    photo, mask = _with_unseen(number)
    unseen = set(held_out())
    inside = [NAMES[index] for index in np.unique(mask)]
    # By the scene's number, so that a link gives the same names again.
    absent = [str(name) for name in np.random.default_rng(number).permutation(NAMES) if name not in inside]
    boxes = []
    for wanted in (False, True):
        extra = [name for name in absent if (name in unseen) is wanted and name != GROUND][:_ABSENT]
        boxes.append([name for name in inside if (name in unseen) is wanted] + extra)
    folder = fresh_folder()
    paths = [folder / f"scene-{number}.png", folder / f"scene-{number}-mask.png"]
    # OpenCV writes blue first; the mask is grey.
    for path, picture in zip(paths, (cv2.cvtColor(photo, cv2.COLOR_RGB2BGR), mask), strict=True):
        cv2.imwrite(str(path), picture)
    texts = [format_names([(name,) for name in box]) for box in boxes]
    meanings = "\n".join(f"{NAMES.index(name)}: {name}" for name in inside)
    return Scene(str(paths[0]), str(paths[1]), texts[0], texts[1], meanings)


def _with_unseen(number: int) -> tuple[Pixels, np.ndarray]:
    unseen = [NAMES.index(name) for name in held_out()]
    # The first index with an unseen name, hence a function of the number alone.
    for index in range(_TRIES):
        photo, mask = render(number, _SPLIT, index)
        if np.isin(mask, unseen).any():
            break
    return photo, mask


def is_scene(photo: str | None) -> bool:
    """Whether a file is the picture of a scene, by its name."""
    return number_of(photo) is not None


def number_of(photo: str | None) -> int | None:
    """The number of the scene that a file shows, read from its name; None for any other photo."""
    found = _PHOTO.fullmatch(Path(photo or "").name)
    return int(found[1]) if found else None
