"""Your own data: a folder of photos, index masks and a file of class names, described without any code.

    my_set/
      classes.txt    one class name per mask id, from id 0; "-" for an id that is no class (background)
      unseen.txt     optional: the unseen class names, one per line
      images/ID.jpg  photos (.jpg, .jpeg, .png or .webp)
      masks/ID.png   8-bit index masks of the same size; 255 is unlabelled
      train.txt      optional: ids of the training photos, one per line; then val.txt is needed, too
      val.txt

Without the two lists every fifth photo, chosen by its id, is a validation photo.
"""

import zlib
from pathlib import Path

from training.data.sets.description import DataSet, Files, text_of
from zsseg.errors import UserError
from zsseg.text.vocabulary import parse_names

CLASSES_FILE, UNSEEN_FILE = "classes.txt", "unseen.txt"
NO_CLASS_LINE = "-"
_VALIDATION_OF = 5
_PHOTOS = tuple(f"images/{{id}}.{suffix}" for suffix in ("jpg", "jpeg", "png", "webp", "JPG", "JPEG", "PNG"))
_MASKS = ("masks/{id}.png",)


def is_own(folder: Path) -> bool:
    """Whether a folder looks like own data: it has class names and masks."""
    return (folder / CLASSES_FILE).is_file() and (folder / "masks").is_dir()


def describe_own(folder: Path) -> DataSet:
    """Describe a folder of own data.

    Args:
        folder: its name is the name of the data set.

    Raises:
        UserError: the names are empty, occur twice, are too many or would be read as others, or an unseen name is no
            class.
    """
    names = tuple(None if line == NO_CLASS_LINE else line for line in _lines(folder / CLASSES_FILE))
    classes = [name for name in names if name is not None]
    # 255 is void, so ids 0..254 are left.
    if not classes or len(set(classes)) < len(classes) or len(names) > 255:
        raise UserError(
            f"{folder / CLASSES_FILE} needs one class name per mask id, 1 to 255 lines, each name once, "
            f"and {NO_CLASS_LINE!r} for an id that is no class."
        )
    _check_names(folder / CLASSES_FILE, names)
    unseen = tuple(_lines(folder / UNSEEN_FILE)) if (folder / UNSEEN_FILE).is_file() else ()
    if strange := sorted(set(unseen) - set(classes)):
        raise UserError(f"{folder / UNSEEN_FILE} names {', '.join(strange)}, which {CLASSES_FILE} does not have.")
    return DataSet(
        name=folder.name,
        title=f"your own data {folder.name}",
        class_names=names,
        unseen={"own": unseen},
        # The data root can be the parent of the folder, or the folder itself.
        folders=(folder.name, ""),
        proof=CLASSES_FILE,
        splits=_splits(folder),
    )


def _check_names(path: Path, names: tuple[str | None, ...]) -> None:
    """Refuse names that a request would change or merge: the answers would not fit the ids of the masks.

    Raises:
        UserError: there is such a name.
    """
    owners: dict[str, str] = {}  # by what a name is in any case of letters
    for number, name in enumerate(names):
        if name is None:
            continue
        read = _as_read(path, number, name)
        if read != name:
            # The two may look alike: an accent of its own, or a sign that nobody sees.
            advice = f"write “{read}”, copied from here" if read else f"write a name, or {NO_CLASS_LINE!r} for no class"
            raise UserError(f"{path} names id {number} “{name}”, which is not read as it stands: {advice}.")
        other = owners.setdefault(name.casefold(), name)
        if other != name:
            raise UserError(f"{path} names “{other}” and “{name}”, which are one class: give one of them another name.")


def _as_read(path: Path, number: int, name: str) -> str:
    """What a request makes of a name: without synonyms, quotes, bullets; "" if nothing is left."""
    try:
        groups = parse_names([name])
    except UserError as error:
        raise UserError(f"{path}, name of id {number}: {error}") from error
    # A line is one name: evaluations compare answers with it, so there is no place for synonyms.
    return groups[0][0] if groups else ""


def _splits(folder: Path) -> dict[str, Files]:
    if (folder / "train.txt").is_file():
        return {split: Files(_PHOTOS, _MASKS, lists=((f"{split}.txt",),)) for split in ("train", "val")}
    # A leading dot marks what macOS puts beside files on foreign disks, "._ID.png", which is no picture.
    ids = sorted(path.stem for path in (folder / "masks").glob("*.png") if not path.name.startswith("."))
    # By a checksum of the id: adding photos moves none between the splits. "val " keeps this choice apart from
    # that of development photos, which is made the same way.
    validation = {one for one in ids if zlib.crc32(f"val {one}".encode()) % _VALIDATION_OF == 0}
    return {
        "train": Files(_PHOTOS, _MASKS, ids=tuple(one for one in ids if one not in validation)),
        "val": Files(_PHOTOS, _MASKS, ids=tuple(one for one in ids if one in validation)),
    }


def _lines(path: Path) -> list[str]:
    return [" ".join(line.split()) for line in text_of(path).splitlines() if line.strip()]
