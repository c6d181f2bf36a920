"""The example questions: pictures that are free to ship (credits in assets/README.md) and names that suit them."""

import filecmp
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from zsseg.demo.pictures import jpeg_uri, shrink
from zsseg.demo.views import escape
from zsseg.image import load_image

THUMBNAIL = 160
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
    Example("A cat", "cat.jpg", "cat, dog, person", "cow, sheep"),
    Example("A raccoon", "raccoon.jpg", "cat, dog, bird", "raccoon, leaves"),
    Example("An astronaut", "astronaut.jpg", "person, hair", "flag, helmet, space suit"),
    Example("A photographer", "photographer.jpg", "person, building, sky", "grass, camera"),
    Example("A rocket", "rocket.jpg", "sky, car", "rocket, tower, light"),
    Example("Coffee", "coffee.jpg", "cup, spoon, dining table", "saucer, wood"),
)


def available() -> tuple[Example, ...]:
    """Return the examples whose picture is there (an installed package may come without `assets/`)."""
    return tuple(example for example in EXAMPLES if example.path.is_file())


def is_untouched(photo: str | None, seen: str, unseen: str) -> bool:
    """Whether a question is an example as it came, or has no photo: then nobody's work is lost if it goes."""
    return photo is None or any(
        (each.seen, each.unseen) == (seen, unseen) and filecmp.cmp(each.path, photo, shallow=False)
        for each in available()
    )


def gallery(shown: Sequence[Example]) -> str:
    """Show the examples as buttons with small pictures."""
    buttons = "".join(
        f'<button type="button" class="zs-example" data-index="{index}" aria-label="Example: {escape(example.title)}"'
        f' title="{escape(example.title)}"><img src="{jpeg_uri(shrink(load_image(example.path), THUMBNAIL))}" alt="">'
        "</button>"
        for index, example in enumerate(shown)
    )
    return f'<div class="zs-gallery" role="group" aria-label="Or try one of these">{buttons}</div>'
