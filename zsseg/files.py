"""Files: written so that nobody ever finds half of one, and recognised by their content."""

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Give a temporary file beside `path`; it becomes `path` when the block ends, and vanishes if the block fails.

    A program that is stopped halfway leaves the old file as it was. Two programs that write one file at a time do not
    mix their bytes: the temporary names differ, and the last one to finish wins. The folder is made if need be.

    Args:
        path: the file to write; one that exists is replaced.

    Raises:
        OSError: the folder or the file cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # The ending stays, because numpy appends its own to a name that lacks it; the leading dot hides it from listings.
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=path.suffix)
    os.close(handle)
    partial = Path(name)
    try:
        yield partial
        partial.chmod(0o644)  # a temporary file is private, what it becomes need not be
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a text file as UTF-8, whole or not at all.

    Raises:
        OSError: it cannot be written.
    """
    with atomic_path(path) as partial:
        partial.write_text(text, encoding="utf-8")


def file_sha256(path: Path) -> str:
    """The sha256 of a file's content, in hexadecimal; the file is read in pieces, however large it is.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
