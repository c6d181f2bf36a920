"""The description of a data set: class names, unseen classes, and where its files lie. One class for all sets."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from zsseg.errors import UserError
from zsseg.files import read_bytes


@dataclass(frozen=True)
class Files:
    """Where the photos and masks of one split lie. Paths are relative to the folder of the data set.

    Attributes:
        photos: path patterns with "{id}"; the first that exists is used.
        masks: likewise.
        lists: files with one id per line. Several alternatives, the preferred first; the files of one alternative are
            joined. Empty if every mask belongs to the split.
        ids: the ids themselves, instead of `lists`.
        prefix: goes before the id in a photo's key, if the splits have ids in common.
        published: number of photos in the published split; None if unknown.
    """

    photos: tuple[str, ...]
    masks: tuple[str, ...]
    lists: tuple[tuple[str, ...], ...] = ()
    ids: tuple[str, ...] | None = None
    prefix: str = ""
    published: int | None = None


@dataclass(frozen=True)
class DataSet:
    """One data set.

    Attributes:
        name: as in `--data` and in recipes.
        title: for people.
        class_names: class name of every raw mask id, in id order; None for an id that is no class (background).
        unseen: published lists of unseen class names; the first is the default.
        folders: folders under the data root in which the set can lie, "" for the root itself.
        proof: file or folder whose presence identifies the folder of the set.
        splits: "train" and, if there are any, "val" and "test".
        names_file: a file with the class names that must agree with `class_names`; None if there is none.
    """

    name: str
    title: str
    class_names: tuple[str | None, ...]
    unseen: Mapping[str, tuple[str, ...]]
    folders: tuple[str, ...]
    proof: str
    splits: Mapping[str, Files] = field(default_factory=dict)
    names_file: str | None = None

    @property
    def default_unseen(self) -> tuple[str, ...]:
        """The unseen class names that are used unless others are given."""
        return next(iter(self.unseen.values()), ())

    def find(self, root: Path) -> Path:
        """Return the folder of the data set under a data root.

        Raises:
            UserError: it is not there, or its names file has other class names.
        """
        folders = [root / folder for folder in self.folders]
        found = next((folder for folder in folders if (folder / self.proof).exists()), None)
        if found is None:
            tried = ", ".join(str(folder / self.proof) for folder in folders)
            raise UserError(
                f"{self.title} was not found under {root} (no {tried}): give its folder with --root or --data-root."
            )
        if self.names_file is not None:
            # A drawn set carries its names: scenes of an older version can have others.
            lines = tuple(text_of(found / self.names_file).splitlines())
            if lines != self.class_names:
                raise UserError(f"{found / self.names_file} has other class names than {self.title}: make it again.")
        return found

    def files(self, home: Path, split: str) -> Iterator[tuple[str, Path, Path]]:
        """Yield (key, photo, mask) of a split, in the order of its list. Keys are unique; the files need not exist.

        Args:
            home: folder of the data set, as `find` returns it.
            split: a key of `splits`.

        Raises:
            UserError: there is no such split, or its list is missing.
        """
        if split not in self.splits:
            names = ", ".join(self.splits)
            raise UserError(f"{self.title} has no split {split!r}: choose one of {names}, development, trainval.")
        where = self.splits[split]
        for one in self._ids(home, split):
            # The prefix keeps photo 00001 of train and photo 00001 of val apart.
            key = f"{self.name}/{where.prefix}{one}"
            yield key, _first(home, where.photos, one), _first(home, where.masks, one)

    def _ids(self, home: Path, split: str) -> list[str]:
        where = self.splits[split]
        if where.ids is not None:
            return list(where.ids)
        if not where.lists:
            return _ids_of_masks(home, where.masks)
        for alternative in where.lists:
            files = [home / name for name in alternative]
            if all(file.is_file() for file in files):
                lines = (line for file in files for line in text_of(file).splitlines())
                # Some lists hold "/JPEGImages/ID.jpg /SegmentationClassAug/ID.png" instead of the id.
                return list(dict.fromkeys(Path(line.split()[0]).stem for line in lines if line.strip()))
        tried = " or ".join(" + ".join(alternative) for alternative in where.lists)
        raise UserError(f"{self.title} has no list for the split {split!r} in {home}: {tried} is missing.")


def text_of(path: Path) -> str:
    """The text of a list, without the mark that editors of Windows put before it.

    Raises:
        UserError: it is no text in UTF-8.
    """
    try:
        return read_bytes(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is no text in UTF-8 ({error.reason}): save it as UTF-8.") from error


def _first(home: Path, patterns: tuple[str, ...], key: str) -> Path:
    """The first pattern's path that exists; the first of all if none does."""
    paths = [home / pattern.format(id=key) for pattern in patterns]
    if len(paths) == 1:  # the usual case, without a look at the disk for each of 100,000 photos
        return paths[0]
    return next((path for path in paths if path.is_file()), paths[0])


def _ids_of_masks(home: Path, patterns: tuple[str, ...]) -> list[str]:
    ids = set()
    for pattern in patterns:
        before, after = Path(pattern).name.split("{id}")
        paths = (home / pattern).parent.glob(f"{before}*{after}")
        for path in (path for path in paths if not path.name.startswith(".")):  # as "._ID.png" of macOS
            ids.add(path.name[len(before) : len(path.name) - len(after)])
    # Sorted, since batches depend on the order and a folder's is arbitrary.
    return sorted(ids)
