"""The example questions: pictures that are free to ship (credits in assets/README.md) and names that suit them."""

from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "assets" / "examples"


@dataclass(frozen=True)
class Example:
    """A photo and the names to ask about; `title` is what the thumbnail says."""

    title: str
    file: str
    seen: str
    unseen: str

    @property
    def path(self) -> Path:
        """Where the picture lies."""
        return FOLDER / self.file


EXAMPLES: tuple[Example, ...] = (
    Example("A raccoon", "raccoon.jpg", "cat, dog, bird", "raccoon, leaves"),
    Example("A cat", "cat.jpg", "cat, dog, person", "cow, sheep"),
    Example("An astronaut", "astronaut.jpg", "person, hair", "flag, helmet, space suit"),
    Example("Coffee", "coffee.jpg", "cup, dining table", "spoon, saucer"),
    Example("A photographer", "photographer.jpg", "person, building, sky", "grass, camera"),
    Example("A rocket", "rocket.jpg", "sky, car", "rocket, tower, light"),
)


def available() -> tuple[Example, ...]:
    """Return the examples whose picture is there (an installed package may come without `assets/`)."""
    return tuple(example for example in EXAMPLES if example.path.is_file())
