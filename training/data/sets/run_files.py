"""Checks every file of a run before it begins, so that one bad mask does not stop it hours later.

Headers and ends only, so that 100,000 photos take a minute or two; `python -m training.data check` reads every pixel.
"""

from collections.abc import Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from training.data.datasets import Item, PhotoSet, read_mask
from training.data.labels import VOID
from training.data.sets.known import DATA_SETS
from training.runtime.devices import available_cores
from zsseg.errors import UserError
from zsseg.image.pages import stored_turn

_SAMPLE = 100  # masks
_SIDEWAYS = (5, 6, 7, 8)  # EXIF orientations that exchange width and height
_LOSSY = ("JPEG", "MPO", "JPEG2000", "AVIF", "WEBP")
_ENDS = {"PNG": b"IEND\xaeB`\x82", "JPEG": b"\xff\xd9"}


def check_photos(photos: PhotoSet, items: Sequence[Item]) -> None:
    """Check some photos of a data set; see `check_files`. Of own data a sample of the masks' values is checked as well.

    Raises:
        UserError: a file is missing, damaged or does not fit, or the masks hold ids that stand for nothing.
    """
    check_files(items)
    if photos.name in DATA_SETS:  # published masks mean what they say
        return
    sample = items[:: max(1, len(items) // _SAMPLE)]
    values: set[int] = set().union(*(np.unique(read_mask(item)).tolist() for item in sample))
    strange = sorted(values - {VOID, *range(len(photos.raw_names))})
    if strange:
        raise UserError(
            f"The masks of {photos.name} hold {', '.join(map(str, strange[:5]))}, which no line of classes.txt stands "
            "for: save the ids of its lines, counted from 0, or add a line for each, “-” for what is no class."
        )
    if problem := black_and_white(photos.name, photos.raw_names, values):
        raise UserError(problem)


def black_and_white(name: str, raw_names: Sequence[str | None], values: Set[int]) -> str:
    """Why the values of a set's masks can be no class ids, as a sentence, or "".

    Args:
        name: of the data set.
        raw_names: class name of every raw id; of published sets the masks mean what they say.
        values: all that occur in the masks.
    """
    # With a single class, 0 and 255 are all there is.
    if name in DATA_SETS or len(raw_names) < 2 or VOID not in values or not values <= {0, VOID}:
        return ""
    held = f"only 0 and {VOID}" if 0 in values else f"only {VOID}"
    return f"The masks of {name} hold {held}, and {VOID} means unlabelled: save class ids in them, such as 0 and 1."


def check_files(items: Sequence[Item]) -> None:
    """Check that photos and masks exist, can be opened, are whole and fit each other.

    Raises:
        UserError: one does not; the sentence names the first such file and counts the photos with a fault.
    """
    with ThreadPoolExecutor(available_cores()) as readers:
        faults = [fault for fault in readers.map(file_fault, items) if fault]
    if faults:
        others = f" {len(faults) - 1} more of {len(items)} photos have a fault." if len(faults) > 1 else ""
        raise UserError(f"{faults[0]}{others} Find all faults with python -m training.data check.")


def file_fault(item: Item) -> str:
    """What is wrong with a photo or its mask, as a sentence, or ""."""
    headers = []
    for path in (item.photo, item.mask):
        if not path.is_file():
            return f"{path} is missing."
        if path.stat().st_size == 0:
            return f"{path} is an empty file."
        try:
            with Image.open(path) as picture:
                headers.append((picture.size, stored_turn(picture), picture.mode, picture.format))
        except Exception:  # a damaged header can raise anything
            return f"{path} is not a readable picture."
        # Sizes stand in the header: a picture that was cut short looks whole without its end.
        if not _is_whole(path, headers[-1][3]):
            return f"{path} is cut short or damaged."
    (stored, turn, _, _), (size, own_turn, mode, kind) = headers
    return _no_ids(item.mask, own_turn, mode, kind) or misfit(item, stored, turn, size)


def _no_ids(mask: Path, turn: int, mode: str, kind: str | None) -> str:
    """Why the pixels of a mask are no class ids where they are stored, as a sentence, or ""."""
    if kind in _LOSSY:  # whatever the name of the file says
        return f"{mask} is a {kind} picture, which alters class ids: save it as PNG."
    if mode not in ("L", "P"):
        return f"{mask} is not an index mask: expected one 8-bit channel of class ids."
    if turn != 1:
        return f"{mask} is turned by a tag of its own (orientation {turn}): save it upright without the tag."
    return ""


def misfit(item: Item, stored: tuple[int, int], turn: int, mask: tuple[int, int]) -> str:
    """Why a photo and its mask do not belong together, as a sentence, or "".

    A photo that EXIF turns is read upright, as everywhere in this program. Whether its mask was drawn upright too shows
    only where the turn changes the size; else there is no way to tell, and scores would be wrong without an error.

    Args:
        item: the two files.
        stored: width and height of the photo as its pixels are stored.
        turn: EXIF's number of the turn, 1..8.
        mask: width and height of the mask.
    """
    width, height = stored[::-1] if turn in _SIDEWAYS else stored
    # Turned and nothing to tell by: a half turn or a mirror, a square photo, or a mask that lies as stored.
    if turn != 1 and (stored == (width, height) or mask == stored):
        return (
            f"{item.photo} is turned by its EXIF tag (orientation {turn}), and {item.mask} has no such tag: turn the "
            "pixels of the photo and remove the tag, so that both lie the same way."
        )
    if mask != (width, height):
        return f"{item.photo} has {width}x{height} pixels and {item.mask} {mask[0]}x{mask[1]}: give masks of one size."
    return ""


def _is_whole(path: Path, kind: str | None) -> bool:
    """Whether a picture has its end; where another program appended something, whether it can be decoded."""
    end = _ENDS.get(kind or "")
    with path.open("rb") as file:
        file.seek(-min(64, path.stat().st_size), 2)
        if end is not None and end in file.read():
            return True
    try:
        with Image.open(path) as picture:
            picture.load()
    except Exception:  # a damaged body can raise anything
        return False
    return True
