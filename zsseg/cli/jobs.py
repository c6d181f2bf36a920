"""Long jobs over many photos: a share of them for each process, and a record of what is finished."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zsseg.errors import UserError
from zsseg.files import file_sha256, read_bytes
from zsseg.image.paths import PhotoPath

# ASCII: \d alone takes digits of all scripts.
_SHARD = re.compile(r"([1-9]\d{0,8})/([1-9]\d{0,8})", re.ASCII)
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Shard:
    """Every `count`-th photo from the `index`-th on, both from 1."""

    index: int = 1
    count: int = 1

    def share(self, photos: Sequence[PhotoPath]) -> Sequence[PhotoPath]:
        """This process's photos; the shards 1/n to n/n share all of them without overlap."""
        return photos[self.index - 1 :: self.count]


def read_shard(text: str | None) -> Shard:
    """Read "2/4"; None is everything.

    Raises:
        UserError: it is not of this form, or the first number is larger than the second.
    """
    if text is None:
        return Shard()
    match = _SHARD.fullmatch(text)
    if match is None or int(match[1]) > int(match[2]):
        raise UserError(f"{text} is no shard: give its number and how many there are, such as 2/4.")
    return Shard(int(match[1]), int(match[2]))


class Journal:
    """The finished photos of a job, one JSON line each, so that an interrupted job resumes.

    A photo counts as finished only if its pixels, the question and the models are the same and its files are
    as they were written: a later call may have replaced them by those of another question.
    Each shard has a file of its own, so processes do not write into each other's lines.

    Args:
        folder: of the results.
        shard: of this process.

    Raises:
        UserError: the file cannot be read.
    """

    def __init__(self, folder: Path, shard: Shard) -> None:
        share = "" if shard.count == 1 else f"-{shard.index}-of-{shard.count}"
        self.path = folder / f"finished{share}.jsonl"
        self._done: dict[str, tuple[list[Row], dict[str, str]]] = {}  # the rows, and the sha256 of each file
        try:
            # A killed process can leave half a letter.
            lines = read_bytes(self.path).decode("utf-8", "replace").split("\n") if self.path.exists() else [""]
        except OSError as error:
            raise UserError(f"{self.path} cannot be read ({error.strerror or error}): delete it.") from error
        self._needs_end = lines[-1] != ""  # a killed process leaves half a line
        for line in lines[:-1]:
            self._read(line)

    def _read(self, line: str) -> None:
        try:
            entry = json.loads(line)
            files = {str(name): str(sha256) for name, sha256 in dict(entry["files"]).items()}
            self._done[str(entry["key"])] = [dict(row) for row in entry["rows"]], files
        # A line that nests deeply, or half a line, or one of an earlier version: its photo is done again.
        except (ValueError, KeyError, TypeError, RecursionError):
            return

    def recall(self, key: str) -> list[Row]:
        """What was reported of a photo when it was finished; empty if it was not, or a file has changed since."""
        rows, files = self._done.get(key, ([], {}))
        # Files can have been moved or replaced since: then the photo is done again.
        return rows if files and all(_unchanged(Path(name), content) for name, content in files.items()) else []

    def add(self, key: str, rows: Sequence[Row], files: Sequence[Path]) -> None:
        """Record a finished photo; its files are written already.

        Raises:
            UserError: the record cannot be written.
        """
        try:
            hashes = {str(path): file_sha256(path) for path in files}
            line = json.dumps({"key": key, "rows": [dict(row) for row in rows], "files": hashes}, allow_nan=False)
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a", encoding="utf-8") as file:
                # The half line is ended first, or it would spoil this one.
                file.write(("\n" if self._needs_end else "") + line + "\n")
        except OSError as error:
            raise UserError(f"{self.path} cannot be written ({error.strerror or error}).") from error
        self._needs_end = False


def key_of(pixels: bytes, *asked: object) -> str:
    """The sha256 that two photos share only if their pixels are the same and the same was asked of the same models."""
    # Pixels, not the file: a photo that was renamed or copied is the same.
    digest = hashlib.sha256(pixels)
    digest.update(json.dumps(asked, sort_keys=True, default=str).encode())
    return digest.hexdigest()


def _unchanged(path: Path, sha256: str) -> bool:
    try:
        return path.is_file() and file_sha256(path) == sha256
    except (OSError, ValueError):
        return False
