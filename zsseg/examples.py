"""The example photos that ship, with names that suit them (credits in assets/README.md)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_FOLDERS = [parent / "assets" / "examples" for parent in (_PACKAGE.parent, _PACKAGE)]
FOLDER = next((folder for folder in _FOLDERS if folder.is_dir()), _FOLDERS[0])
"""Beside the package in a checkout, inside it where it is installed."""


@dataclass(frozen=True)
class Example:
    """A photo and class names for it.

    Attributes:
        title: what the thumbnail says.
        file: name of the picture.
        seen, unseen: texts of the two boxes.
        finds: the unseen name that covers most of its object on this photo, or "" where none is promised. A test holds
            the shipped weights to it.
        misses: the unseen name that does not, on a photo that is shown as a failure; "" elsewhere. Tested as well.
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


# The first one opens the page. Ids below 80 are those of the 80 things of COCO. The first three keep a promise with
# both methods, the fourth is a failure that is labelled as one; nothing is promised of the others.
EXAMPLES: tuple[Example, ...] = (
    Example(
        "A pizza", "pizza.jpg", "dining table, fork, person", "pizza", finds="pizza",
        labels={40: "wine glass", 41: "cup", 53: "pizza", 60: "dining table"},
    ),
    Example("Suitcases", "suitcases.jpg", "person, book", "suitcase", finds="suitcase", labels={28: "suitcase"}),
    Example(
        "A bus", "bus.jpg", "bus, car, road", "tree", finds="tree",
        labels={0: "person", 2: "car", 5: "bus", 7: "truck", 80: "sky", 83: "road", 84: "tree"},
    ),
    Example(
        "A cat on a couch", "cat_on_couch.jpg", "cat, remote, person", "couch, potted plant", misses="couch",
        labels={15: "cat", 57: "couch | sofa", 58: "potted plant", 65: "remote"},
    ),
    Example(
        "A gull by the sea", "gull.jpg", "bird, sky, person", "sea, beach",
        labels={0: "person", 8: "boat", 14: "bird", 80: "sky", 81: "sea", 82: "beach"},
    ),
    Example(
        "A man and his car", "car.jpg", "car, person, building, sidewalk", "potted plant",
        labels={0: "person", 2: "car", 58: "potted plant", 67: "cell phone"},
    ),
    Example(
        "A seaplane", "seaplane.jpg", "aeroplane, boat, sky", "water",
        labels={0: "person", 4: "aeroplane | airplane", 8: "boat", 80: "sky", 81: "water"},
    ),
    Example(
        "A bear", "bear.jpg", "bear, bird, person", "grass", labels={14: "bird", 21: "bear", 85: "grass"}
    ),
    Example("A cat", "cat.jpg", "cat, dog, person", "cow, sheep"),
    Example("A raccoon", "raccoon.jpg", "cat, dog, bird", "raccoon, leaves"),
    Example("An astronaut", "astronaut.jpg", "person, hair", "flag, helmet, space suit"),
    Example("A photographer", "photographer.jpg", "person, building, sky", "grass, camera"),
    Example("A rocket", "rocket.jpg", "sky, car", "rocket, tower, light"),
    Example("Coffee", "coffee.jpg", "cup, spoon, dining table", "saucer, wood"),
)  # fmt: skip


def available() -> tuple[Example, ...]:
    """Return the examples whose picture is there (a copy of the package may come without them)."""
    return tuple(example for example in EXAMPLES if example.path.is_file())
