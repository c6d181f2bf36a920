"""Files: atomic writes, names that every system accepts, and hashes of content."""

import errno
import hashlib
import os
import re
import stat
import tempfile
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from zsseg.characters import JOINERS, without_invisible
from zsseg.errors import UserError

MAX_NAME_BYTES = 120
"""Of a safe name in UTF-8. Systems take 143 to 255, and endings and numbers still have to fit."""

MAX_LOOKED_AT = 2000
"""Characters of a text that may get into a name."""

_FORBIDDEN = re.compile(r'[<>:"/\\|?*\ud800-\udfff]')
# Dots of every width. Programs without Unicode on Windows put the plain sign in the place of a wide or small one, so
# that "．．" would become "..": signs are judged by what they stand for (NFKC).
_ENDS = ". \uff0e\ufe52\u2024\u2025\u2026"
# Devices of Windows, whatever ending follows.
_RESERVED = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³]) *(\.|$)", re.IGNORECASE)


def safe_name(text: str, fallback: str = "unnamed", max_bytes: int = MAX_NAME_BYTES) -> str:
    """Turn a text into the name of a file or folder that every system accepts and that stays in its folder.

    Letters of every script stay. Separators of folders, characters that Windows forbids and invisible characters are
    removed, wide and small forms of them too. Dots and spaces at both ends are removed, so that neither "." nor ".."
    nor a hidden file results. A device of Windows, such as "con", gets a "_" before it. A safe name stays as it is.

    Args:
        text: such as a class name, or the stem of a file name.
        fallback: for a text of which nothing is left.
        max_bytes: of the result in UTF-8; a longer one is cut between two letters.
    """
    # Only the beginning is looked at: sorting the accents of a letter takes the square of their number.
    text = text[:MAX_LOOKED_AT]
    text = "".join("-" if _FORBIDDEN.search(_plain(c)) else c for c in unicodedata.normalize("NFC", text))
    text = without_invisible(text)
    text = "".join(" " if unicodedata.category(c)[0] in "CZ" and c not in JOINERS else c for c in text)
    # Runs of spaces become one, and dots at the ends go: Windows drops them in silence, and two names become one file.
    name = _cut(" ".join(text.split()).strip(_ENDS), max_bytes) or fallback
    return _cut(f"_{name}", max_bytes) if _RESERVED.match(_plain(name)) else name


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text)


def _cut(name: str, max_bytes: int) -> str:
    # A letter that is cut in two is dropped; the new end may be a character that no name may end with.
    return name.encode()[:max_bytes].decode(errors="ignore").rstrip(f"{_ENDS}{JOINERS}")


def slug(name: str) -> str:
    """A name as a part of a file name: lower-case letters and digits of any script, dots inside, dashes, underscores.

    Never empty, at most 60 letters, and a `safe_name`. Of a slug nothing changes.
    """
    name = unicodedata.normalize("NFC", name[:MAX_LOOKED_AT])
    name = unicodedata.normalize("NFC", without_invisible(name).casefold())
    name = "".join(c if c in f"._{JOINERS}" or unicodedata.category(c)[0] in "LMN" else "-" for c in name)
    return safe_name(re.sub("-+", "-", without_invisible(name)).strip("-._")[:60].rstrip("-._"))


def distinct_names(names: Iterable[str]) -> Iterator[str]:
    """The names, with -2, -3 and so on behind repeated ones; the case of letters makes no difference.

    Args:
        names: as `safe_name` gives them; they stay within its length.
    """
    taken: set[str] = set()
    next_number: dict[str, int] = {}
    for name in names:
        # As file systems compare that ignore case: "Cat" and "cat" must not become one file.
        key = unicodedata.normalize("NFC", name.casefold())
        unique, number = name, next_number.get(key, 1)
        # A loop, because a name such as "cat-2" may have been in the list itself.
        while unicodedata.normalize("NFC", unique.casefold()) in taken:
            number += 1
            unique = f"{_cut(name, MAX_NAME_BYTES - len(str(number)) - 1)}-{number}"
        next_number[key] = number
        taken.add(unicodedata.normalize("NFC", unique.casefold()))
        yield unique


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
    # Of a long name only the beginning: the whole of it and the random letters may be more than a system takes.
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem[:20]}-", suffix=path.suffix)
    # The name is what is wanted: writers such as numpy and zipfile open it themselves.
    os.close(handle)
    partial = Path(name)
    try:
        yield partial
        partial.chmod(0o644)  # a temporary file is private, what it becomes need not be
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def check_writable(path: Path) -> None:
    """Find out whether a file can be written, without leaving anything behind; folders of its may still be missing.

    Raises:
        UserError: it cannot.
    """
    if "\0" in str(path):
        raise UserError("What has a null character in its name cannot be written: name another file.")
    try:
        if path.is_dir():
            raise UserError(f"{shortened(path)} is a folder: name a file in it.")
        if path.exists() and not path.is_file():
            raise UserError(f"{shortened(path)} is no plain file: name one.")
        # A trial in the folder: permissions alone do not tell of read-only disks.
        with tempfile.TemporaryFile(dir=next(folder for folder in path.absolute().parents if folder.exists())):
            pass
    except OSError as error:
        reason = error.strerror or error
        raise UserError(f"{shortened(path)} cannot be written ({reason}): name another file.") from error


def write_text(path: Path, text: str) -> None:
    """Write a text file as UTF-8, whole or not at all.

    Raises:
        OSError: it cannot be written.
    """
    with atomic_path(path) as partial:
        partial.write_text(text, encoding="utf-8")


def is_missing(error: Exception) -> bool:
    """Whether a path could not be opened because there is no such file, or no file can have that name.

    A whole document given as a path, such as a picture in base64, is only a name that is too long.
    """
    return isinstance(error, OSError) and error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP)


def read_bytes(path: Path) -> bytes:
    """The content of a file, or of what `check_file` lets pass.

    Raises:
        UserError: it is no file.
        OSError: it cannot be opened.
    """
    check_file(path)
    with path.open("rb", buffering=0) as file:
        return file.read()


def check_file(path: Path) -> None:
    """Refuse what would keep its reader waiting: devices, of which some never end, sockets, and pipes with a name.

    A pipe without a name is read, as a shell makes one for ``<(COMMAND)``: whoever holds it writes or is gone. A pipe
    with a name waits for a writer that may never come, and cannot be read twice.

    Raises:
        UserError: it is one of these.
        OSError: there is no such file, or nobody may look.
    """
    kind = path.stat().st_mode
    if stat.S_ISFIFO(kind) and not _has_name(path):
        return
    found = next((name for is_one, name in _NO_FILES if is_one(kind)), "")
    if found:
        raise UserError(f"{shortened(path)} is not a file: it is a {found}. Name a file.")


_NO_FILES = (
    (stat.S_ISCHR, "device"), (stat.S_ISBLK, "device"), (stat.S_ISFIFO, "named pipe"), (stat.S_ISSOCK, "socket"),
)  # fmt: skip


def _has_name(pipe: Path) -> bool:
    """Whether a pipe lies in a folder. Linux shows one without a name as /dev/fd/63, a link to nothing that exists."""
    place = Path(os.path.realpath(pipe))
    return place.is_fifo() and Path("/dev") not in place.parents


def is_file(path: Path) -> bool:
    """Whether there is a file; False for a name that no file can have, such as one of 300 letters."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def shortened(path: object, letters: int = 100) -> str:
    """A path or another text for a sentence, its middle left out where it is long."""
    text = str(path)
    return text if len(text) <= letters else f"{text[: letters // 2]}…{text[-letters // 4 :]}"


def file_sha256(path: Path) -> str:
    """The sha256 of a file's content, in hexadecimal; the file is read in pieces, however large it is.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def cache_folder() -> Path:
    """This user's folder for what can be made again at any time; it need not exist yet."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "zsseg"
