"""The example photos that ship, with names that suit them (credits in assets/README.md)."""

from dataclasses import dataclass
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_FOLDERS = [parent / "assets" / "examples" for parent in (_PACKAGE.parent, _PACKAGE)]
FOLDER = next((folder for folder in _FOLDERS if folder.is_dir()), _FOLDERS[0])
"""Beside the package in a checkout, inside it where it is installed."""


@dataclass(frozen=True)
class Example:
    """A photo and class names for it; `title` is the thumbnail's text."""

    title: str
    file: str
    seen: str
    unseen: str

    @property
    def path(self) -> Path:
        """Where the picture lies."""
        return FOLDER / self.file


EXAMPLES: tuple[Example, ...] = (
    Example("A cat", "cat.jpg", "cat, dog, person", "cow, sheep"),
    Example("A raccoon", "raccoon.jpg", "cat, dog, bird", "raccoon, leaves"),
    Example("An astronaut", "astronaut.jpg", "person, hair", "flag, helmet, space suit"),
    Example("A photographer", "photographer.jpg", "person, building, sky", "grass, camera"),
    Example("A rocket", "rocket.jpg", "sky, car", "rocket, tower, light"),
    Example("Coffee", "coffee.jpg", "cup, spoon, dining table", "saucer, wood"),
)


def available() -> tuple[Example, ...]:
    """Return the examples whose picture is there (a copy of the package may come without them)."""
    return tuple(example for example in EXAMPLES if example.path.is_file())
