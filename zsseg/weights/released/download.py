"""Downloads of one file: from the start, into a temporary file, which gets its name when it is whole and verified."""

import hashlib
import os
import urllib.error
import urllib.request
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

from zsseg.errors import UserError
from zsseg.files import atomic_path
from zsseg.version import __version__

LARGEST_FILE = 4 * 2**30
"""Bytes. The published models have less than 1 GiB."""

_TIMEOUT_SECONDS = 60.0  # without a byte
# Bytes read at a time; the hash is taken on the way, so the file is not read again.
_PIECE = 2**20


def is_url(source: str) -> bool:
    """Say whether `source` is an address of HTTP."""
    return source.startswith(("http://", "https://"))


def download(url: str, target: Path, sha256: str = "", largest: int = LARGEST_FILE) -> str:
    """Download a file and return its sha256. Nothing is resumed: a part of an old version must not join a new one.

    Args:
        url: of http or https.
        target: becomes the file when it is whole.
        sha256: that it must have, where it is known.
        largest: bytes.

    Raises:
        UserError: the network is forbidden (HF_HUB_OFFLINE) or fails, or the file is too large, cut off or another.
    """
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "TRUE", "ON", "YES"):
        raise UserError(f"HF_HUB_OFFLINE forbids the download of {url}: set HF_HUB_OFFLINE=0.")
    try:
        request = urllib.request.Request(url, headers={"User-Agent": f"zsseg/{__version__}"})
        with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS) as response:
            with atomic_path(target) as partial:
                with partial.open("wb") as file:
                    found = _copy(response, file, url, largest)
                if sha256 and found != sha256:
                    # Raised inside `atomic_path`, which then throws the file away.
                    raise UserError(f"What {url} sent is not the published file (its sha256 is {found}): try later.")
            return found
    except UserError:
        raise
    # ValueError: no address at all, such as "http://[", or one with a letter beyond ASCII.
    except (urllib.error.URLError, HTTPException, OSError, ValueError) as error:
        raise UserError(f"{url} could not be downloaded ({_reason(error)}): check the network and the disk.") from error


def _copy(response: HTTPResponse, file: BinaryIO, url: str, largest: int) -> str:
    """Copy the body into the file and return its sha256."""
    expected = response.headers.get("Content-Length", "")
    # What a server says of the length may be wrong or missing, so the bytes are counted as well.
    if expected.isdecimal() and int(expected) > largest:
        raise UserError(f"{url} has {int(expected):,} bytes, more than the {largest:,} that are accepted.")
    digest, size = hashlib.sha256(), 0
    while piece := response.read(_PIECE):
        size += len(piece)
        if size > largest:
            raise UserError(f"{url} sends more than the {largest:,} bytes that are accepted.")
        digest.update(piece)
        file.write(piece)
    if expected.isdecimal() and size != int(expected):
        raise UserError(f"{url} was cut off after {size:,} of {int(expected):,} bytes: try again.")
    # Servers answer with a page where a file is gone or a login is asked for, and call that a success.
    if response.headers.get_content_type() == "text/html":
        raise UserError(f"{url} sent a web page and no file: open it in a browser, and give the file with --source.")
    return digest.hexdigest()


def _reason(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return f"HTTP {error.code} {error.reason}"
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    return str(reason) or type(error).__name__


def file_name(url: str) -> str:
    """The last part of an address's path, safe as a file's name; "weights" where there is none."""
    # Leading dots go too: no hidden file, no "..".
    last = urlsplit(url).path.rpartition("/")[2]
    kept = "".join(letter for letter in last if letter.isalnum() or letter in "._-").lstrip(".")
    return kept[-100:] or "weights"
