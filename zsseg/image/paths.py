"""The photos named on the command line by files, folders and patterns, each with a unique output name."""

import glob
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from zsseg.files import distinct_names, safe_name

SUFFIXES = (
    ".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".pnm",
    ".avif", ".jp2", ".j2k", ".ico", ".tga",
)  # fmt: skip
"""Endings of the files that count as pictures in a folder; a file that is named itself may have any."""


@dataclass(frozen=True)
class PhotoPath:
    """The path of one photo.

    Attributes:
        path: of a file, as it was given; or the folder or pattern itself where it leads to none.
        name: different from all others of the same list, whatever the case of letters; a `zsseg.files.safe_name`.
        problem: the sentence that says why the folder or pattern leads to nothing, or "".
    """

    path: str
    name: str
    problem: str = ""


def find_photos(places: Sequence[str]) -> list[PhotoPath]:
    """All photos, in the order of the arguments, each file once.

    Args:
        places: a file; a folder, which stands for the pictures in it but not in folders below, by name; or a pattern
            with ``*``, ``?`` or ``[ab]``, and ``**`` for folders at any depth, which stands for the files it matches,
            by name. What exists is never a pattern. Files are not opened, and those named need not exist.
    """
    problems: dict[str, str] = {}  # by path; a dict also keeps the order
    seen: set[str] = set()
    for place in places:
        for path, problem in _expanded(place):
            # "a.jpg" and "./a.jpg" are one photo; the path is shown as it was given.
            if (one := _one(path)) not in seen:
                seen.add(one)
                problems[path] = problem
    names = distinct_names(safe_name(Path(path).stem, "photo") for path in problems)
    return [PhotoPath(path, name, problem) for (path, problem), name in zip(problems.items(), names, strict=True)]


def _one(path: str) -> str:
    """The same for all paths of a photo. Links between folders are followed: one may lead back into its own folder.

    A link to a photo is a photo with a name of its own.
    """
    folder, name = os.path.split(os.path.abspath(path))
    try:
        return os.path.join(os.path.realpath(folder), name)
    except ValueError:  # a null character, which no file has
        return path


def _expanded(place: str) -> Iterator[tuple[str, str]]:
    """Paths and problems."""
    if not place:
        yield place, "The name of the photo is empty: name a picture, a folder or a pattern."
    elif os.path.isdir(place):
        yield from _in_folder(Path(place))
    # `lexists`, so that a broken link is a file that cannot be read and not a pattern without a match.
    elif os.path.lexists(place) or not glob.has_magic(place):
        yield place, ""
    else:
        matches = (path for path in glob.glob(place, recursive=True) if os.path.isfile(path))
        # The shortest way to a file comes last and stays: a link in a folder can make many ways.
        files = {_one(path): path for path in sorted(matches, key=lambda path: -path.count(os.sep))}
        yield from ((path, "") for path in sorted(files.values()))
        if not files:
            yield place, f"No file matches {place}: check the pattern and the folder."


def _in_folder(folder: Path) -> Iterator[tuple[str, str]]:
    try:
        files = sorted(path for path in folder.iterdir() if _is_picture(path))
    except OSError as error:
        yield str(folder), f"The folder {folder} cannot be opened ({error.strerror or error}): check its permissions."
        return
    yield from ((str(path), "") for path in files)
    if not files:
        yield str(folder), f"The folder {folder} has no pictures in it: name one that has, or a picture."


def _is_picture(path: Path) -> bool:
    """By its ending; "._NAME.jpg" is what macOS puts beside a picture on foreign disks, and none itself."""
    return path.suffix.lower() in SUFFIXES and not path.name.startswith("._") and path.is_file()
