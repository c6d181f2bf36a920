"""The example photos as buttons, and whether what is on the page is still one of them."""

import filecmp
from collections.abc import Sequence

from markupsafe import Markup

from zsseg.demo.html.pictures import jpeg_uri, shrink
from zsseg.demo.html.templates import render
from zsseg.examples import Example, available
from zsseg.image.load import load_image

THUMBNAIL = 160


def is_untouched(photo: str | None, seen: str, unseen: str) -> bool:
    """Whether a question is an example as it came, or has no photo: then it may be replaced, nobody's work is lost."""
    return photo is None or any(
        (example.seen, example.unseen) == (seen, unseen) and filecmp.cmp(example.path, photo, shallow=False)
        for example in available()
    )


def thumbnails(shown: Sequence[Example]) -> Markup:
    """Show the examples as buttons with small pictures."""
    examples = [
        {"title": example.title, "picture": jpeg_uri(shrink(load_image(example.path), THUMBNAIL))} for example in shown
    ]
    return render("gallery.html", examples=examples)
