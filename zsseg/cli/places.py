"""Where the answers of ``zsseg segment`` go: nothing that a call writes may replace what it reads."""

import os
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from zsseg.errors import UserError
from zsseg.export.write import PHOTO
from zsseg.files import shortened

_MAIN = ("labels.png", "overlay.png", "scores.npz", "result.json")
_MORE = ("coco.json", "labelme.json", "figure.png")


@dataclass(frozen=True)
class Target:
    """Where the files of one photo go: into a folder, or into a ZIP if there is one."""

    folder: Path
    zip: Path | None

    def files(self, folders: Collection[str], whole: bool) -> Iterator[Path]:
        """The files that an answer makes or replaces; of the masks, whose names are those of the classes, all there.

        Args:
            folders: of the methods.
            whole: all that `zsseg.export.write_answer` writes, as for a manifest, and not the main files alone.
        """
        if self.zip:
            yield self.zip
            return
        if whole:
            yield from (self.folder / "recipe.json", self.folder / PHOTO)
        if whole and len(folders) > 1:
            yield self.folder / "figure.png"
        for folder in (self.folder / name for name in folders):
            yield from (folder / name for name in (*_MAIN, *(_MORE if whole else ())))
            yield from (folder / "masks").glob("*") if whole else ()


def check_apart(inputs: Iterable[str | Path], outputs: Iterable[Path]) -> None:
    """Refuse to write a file that is also read.

    Args:
        inputs: files that the call reads; they need not exist.
        outputs: files that it writes; they need not exist.

    Raises:
        UserError: one is both, by whatever path.
    """
    read = {_identity(path): path for path in inputs}
    for path in outputs:
        one = _identity(path)
        if one and one in read:
            raise UserError(f"The answer would overwrite {shortened(read[one])}, which it is made of: change --out.")


def _identity(path: str | Path) -> tuple[int, int] | None:
    """The file itself, whatever the links and the case of letters that lead to it; None where there is none."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None
    return found.st_dev, found.st_ino
