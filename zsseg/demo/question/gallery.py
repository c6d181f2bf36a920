"""The example photos and a drawn scene as buttons, and which picture is on the page."""

import filecmp
import shutil
from collections.abc import Sequence
from pathlib import Path

from markupsafe import Markup

from zsseg.demo.actions import Answer
from zsseg.demo.folders import fresh_folder
from zsseg.demo.html.pictures import jpeg_uri, shrink
from zsseg.demo.html.templates import render
from zsseg.demo.question import scene
from zsseg.errors import UserError
from zsseg.examples import Example, Promise, available
from zsseg.image.load import load_image
from zsseg.text.vocabulary import parse_names

THUMBNAIL = 200  # pixels of the longer side
SCENE = 14
"""Number of the drawn scene among the examples; it shows unseen names."""


def is_untouched(photo: str | None, seen: str, unseen: str) -> bool:
    """Whether a question is an unchanged example or has no photo, so that replacing it loses no work."""
    example = example_of(photo)
    return photo is None or (example is not None and _names(example.seen, example.unseen) == _names(seen, unseen))


def _names(seen: str, unseen: str) -> set[tuple[str, ...]]:
    try:
        return {*parse_names(seen), *parse_names(unseen)}
    except UserError:  # an example has no such name
        return set()


def example_of(photo: str | None) -> Example | None:
    """The example that a file shows, found by content, not by name; None for any other picture."""
    if photo is None:
        return None
    # By content, since Gradio serves a copy of an example from its own folder.
    return next((each for each in available() if filecmp.cmp(each.path, photo, shallow=False)), None)


def example_files(example: Example) -> tuple[str, str | None]:
    """Copies of an example's photo and of its mask, if it has one, that are deleted like a visitor's files.

    Gradio hands out files of the temporary folder and of the folder where the program was started, and no others.
    """
    folder = str(fresh_folder())
    return shutil.copy(example.path, folder), None if example.mask is None else shutil.copy(example.mask, folder)


def link_picture(answer: Answer | None) -> dict[str, str]:
    """What a link says of the picture of an answer: a scene's number, an example, or the name of a visitor's file."""
    if answer is None:
        return {}
    number, example = scene.number_of(answer.file_name), example_of(answer.path)
    if number is not None:
        return {"scene": str(number)}
    return {"photo": answer.file_name} if example is None else {"example": Path(example.file).stem}


def thumbnails(shown: Sequence[Example], with_scene: bool) -> Markup:
    """Show the examples, and a drawn scene where a model knows such scenes, as buttons grouped by what they promise."""
    groups: dict[str, list[dict[str, object]]] = {}
    for index, each in enumerate(shown):
        picture = jpeg_uri(shrink(load_image(each.path), THUMBNAIL))
        entry = {"title": each.title, "finds": each.finds, "misses": each.misses, "key": index, "picture": picture}
        groups.setdefault(each.promise, []).append(entry)
    if with_scene:
        drawn = scene.fresh_scene(SCENE)
        name, picture = parse_names(drawn.unseen)[0][0], jpeg_uri(load_image(drawn.photo))
        entry = {"title": "A drawn scene", "finds": name, "misses": "", "key": "scene", "picture": picture}
        # Among the first, where a visitor on a phone sees it as well: its words are mixes that no mask was trained on.
        groups.setdefault(Promise.UNSEEN, []).insert(2, entry)
    return render("gallery.html", groups=groups)
