"""The example photos that ship, with names that suit them (credits in assets/README.md)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_FOLDERS = [parent / "assets" / "examples" for parent in (_PACKAGE.parent, _PACKAGE)]
FOLDER = next((folder for folder in _FOLDERS if folder.is_dir()), _FOLDERS[0])
"""Beside the package in a checkout, inside it where it is installed."""


class Promise(StrEnum):
    """What an example shows; a test holds the shipped weights of both methods to it.

    UNSEEN: names that the model was never trained on with masks cover most of their objects.
    SEEN: names that it was trained on with masks do.
    FAILURE: an unseen name does not.
    """

    UNSEEN = "Found by name alone, never trained on its masks"
    SEEN = "Trained with masks"
    FAILURE = "An honest failure"


@dataclass(frozen=True)
class Example:
    """A photo and class names for it.

    Attributes:
        title: what the thumbnail says.
        file: name of the picture.
        seen, unseen: texts of the two boxes.
        finds: the names, separated by commas, that cover most of their objects on this photo: all of them unseen or all
            of them seen; "" where `misses` says something.
        misses: the unseen name that does not cover its object, on a photo that is shown as a failure; "" elsewhere.
        labels: id in the ground-truth mask: its class and synonyms, separated by ``|``; empty where no mask ships.
    """

    title: str
    file: str
    seen: str
    unseen: str
    finds: str = ""
    misses: str = ""
    labels: Mapping[int, str] = field(default_factory=dict)

    @property
    def promise(self) -> Promise:
        """What the thumbnail promises of the shipped weights."""
        if self.misses:
            return Promise.FAILURE
        return Promise.SEEN if set(self.finds.split(", ")) <= set(self.seen.split(", ")) else Promise.UNSEEN

    @property
    def path(self) -> Path:
        """Where the picture lies."""
        return FOLDER / self.file

    @property
    def mask(self) -> Path | None:
        """Where the ground-truth mask lies, ids as in `labels` and 255 for unknown; None where none ships."""
        # No mask without meanings: its ids alone would score nothing.
        return FOLDER / "masks" / f"{Path(self.file).stem}.png" if self.labels else None

    @property
    def meanings(self) -> str:
        """What the mask's ids mean, as `zsseg.analysis.label_table.parse_table` reads it."""
        return "\n".join(f"{number}: {name}" for number, name in self.labels.items())


# The first one opens the page. Ids below 80 are those of the 80 things of COCO. Every example keeps its promise with
# both methods: `tests/demo/question/test_promises.py` holds new weights to this table.
EXAMPLES: tuple[Example, ...] = (
    Example(
        "A raccoon", "raccoon.jpg", "cat, dog, bird", "raccoon", finds="raccoon",
        labels={58: "plant", 86: "raccoon"},
    ),
    Example(
        "A pizza", "pizza.jpg", "dining table, fork, person", "pizza", finds="pizza",
        labels={40: "wine glass", 41: "cup", 53: "pizza", 60: "dining table"},
    ),
    Example(
        "Flowers", "flowers.jpg", "bird, cup", "flowers", finds="flowers", labels={87: "flowers | flower"},
    ),
    Example(
        "A bus", "bus.jpg", "bus, car, road", "tree", finds="bus, road",
        labels={0: "person", 2: "car", 5: "bus", 7: "truck", 80: "sky", 83: "road", 84: "tree"},
    ),
    Example(
        "A man and his car", "car.jpg", "person, car, building", "potted plant", finds="person, car",
        labels={0: "person", 2: "car", 58: "potted plant", 67: "cell phone"},
    ),
    Example(
        "A cat on a couch", "cat_on_couch.jpg", "cat, remote, person", "couch, potted plant", misses="couch",
        labels={15: "cat", 57: "couch | sofa", 58: "potted plant", 65: "remote"},
    ),
)  # fmt: skip


def available() -> tuple[Example, ...]:
    """Return the examples whose picture is there (a copy of the package may come without them)."""
    return tuple(example for example in EXAMPLES if example.path.is_file())
