"""Temporary files of visitors: in a folder that belongs to this user alone, and never through a link."""

import getpass
import os
import shutil
import stat
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from zsseg.errors import UserError
from zsseg.files import safe_name

CLEAN_EVERY_SECONDS = 600
KEEP_FILES_SECONDS = 3600 - CLEAN_EVERY_SECONDS
"""Age from which a visitor's files are deleted at the next cleaning, so that none is older than an hour."""

UPLOADS_VARIABLE = "GRADIO_TEMP_DIR"
_UPLOADS = "uploads"


def private_folder() -> Path:
    """The folder for everything temporary, made if need be: one per user, in the system's folder for such files.

    Others may write beside it, so it could be a link that leads anywhere, or a folder of theirs: both are refused.

    Raises:
        UserError: it cannot be made, or is not this user's own.
    """
    root = Path(tempfile.gettempdir()) / f"zsseg-demo-{_user()}"
    advice = "set TMPDIR to another folder, or remove it."
    try:
        root.parent.mkdir(parents=True, exist_ok=True)  # a tidy system may have removed even that
        with suppress(FileExistsError):
            root.mkdir(mode=0o700)
        found = root.lstat()
        if not stat.S_ISDIR(found.st_mode) or (hasattr(os, "getuid") and found.st_uid != os.getuid()):
            raise UserError(f"{root}, where temporary files go, is a link or belongs to somebody else: {advice}")
        # A folder of ours that others may enter, whoever made it so.
        if found.st_mode & 0o077 and os.name == "posix":
            root.chmod(0o700)
    except OSError as error:
        raise UserError(f"{root}, where temporary files go, cannot be used ({error.strerror}): {advice}") from error
    return root


def _user() -> str:
    return str(os.getuid()) if hasattr(os, "getuid") else safe_name(getpass.getuser())


def keep_uploads_private() -> None:
    """Let Gradio put what visitors upload into this user's folder too, unless the environment names another.

    Raises:
        UserError: the folder cannot be used.
    """
    os.environ.setdefault(UPLOADS_VARIABLE, str(private_folder() / _UPLOADS))


def fresh_folder() -> Path:
    """Make an empty folder for one answer's files, until `delete_folders` finds it too old.

    Raises:
        UserError: it cannot be made.
    """
    root = private_folder()
    try:
        # The number of the process goes in front, by which `delete_folders(own=True)` finds its own.
        return Path(tempfile.mkdtemp(prefix=f"{os.getpid()}-", dir=root))
    except OSError as error:
        raise UserError(f"No temporary file can be written ({error.strerror}): try again later.") from error


def temporary_files_problem() -> str:
    """Why no temporary file can be written now, as a sentence, or ""."""
    try:
        folder = fresh_folder()
        # Some bytes, since an empty file can still be made on a full disk.
        (folder / "trial").write_bytes(b"x" * 4096)
        shutil.rmtree(folder, ignore_errors=True)
    except UserError as error:
        return str(error)
    except OSError as error:
        return f"No temporary file can be written ({error.strerror})."
    return ""


def delete_folders(own: bool = False) -> None:
    """Delete every folder that is too old, whichever process made it, and with `own` all that this process made."""
    try:
        root = private_folder()
    except UserError:  # what is not ours is not ours to delete
        return
    mine = f"{os.getpid()}-"
    for folder in root.iterdir():
        with suppress(OSError):  # another process deletes here too
            # A date far ahead is of before the clock was set back; such files would stay for as long as it went back.
            age = abs(time.time() - folder.lstat().st_mtime)
            if folder.name == _UPLOADS or not (age > KEEP_FILES_SECONDS or (own and folder.name.startswith(mine))):
                continue
            # A link is removed itself: what it leads to may be anybody's.
            if folder.is_symlink():
                folder.unlink()
            else:
                shutil.rmtree(folder, ignore_errors=True)
