"""The example photos as buttons, and whether what is on the page is still one of them."""

import filecmp
from collections.abc import Sequence

from zsseg.demo.html import escape
from zsseg.demo.pictures import jpeg_uri, shrink
from zsseg.examples import Example, available
from zsseg.image.load import load_image

THUMBNAIL = 160


def is_untouched(photo: str | None, seen: str, unseen: str) -> bool:
    """Whether a question is an example as it came, or has no photo: then nobody's work is lost if it goes."""
    return photo is None or any(
        (example.seen, example.unseen) == (seen, unseen) and filecmp.cmp(example.path, photo, shallow=False)
        for example in available()
    )


def thumbnails(shown: Sequence[Example]) -> str:
    """Show the examples as buttons with small pictures."""
    buttons = "".join(
        f'<button type="button" class="zs-example" data-index="{index}" aria-label="Example: {escape(example.title)}"'
        f' title="{escape(example.title)}"><img src="{jpeg_uri(shrink(load_image(example.path), THUMBNAIL))}" alt="">'
        "</button>"
        for index, example in enumerate(shown)
    )
    return f'<div class="zs-gallery" role="group" aria-label="Or try one of these">{buttons}</div>'
