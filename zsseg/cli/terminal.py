"""Output of the command line: answers on stdout, sentences for people on stderr."""

import os
import re
import sys
from contextlib import suppress

from zsseg.errors import UserError

# What moves the cursor, changes colours or titles, or turns the direction of a line; "\n" and "\t" are plain text.
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def say(text: str) -> None:
    """Write to stdout at once; letters that it cannot show, and those that would steer a terminal, are escaped.

    Names of files, headers of checkpoints and manifests are the words of strangers.

    Raises:
        UserError: it takes no more, as a full disk does.
    """
    if sys.stdout is None:  # closed by the caller, who wants the files and the exit code only
        return
    # None where stdout is replaced by an object without one.
    encoding = sys.stdout.encoding or "utf-8"
    try:
        sys.stdout.write(_harmless(text).encode(encoding, "backslashreplace").decode(encoding))
        sys.stdout.flush()
    except OSError as error:
        # At its end the interpreter would try again, and complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise UserError(f"The output cannot be written ({error.strerror or error}).") from error


def warn(sentence: str) -> None:
    """Write one line to stderr, if anybody can take it; what would steer a terminal is escaped."""
    if sys.stderr is None:
        return
    with suppress(OSError):
        sys.stderr.write(f"{_harmless(sentence)}\n")
        sys.stderr.flush()


def for_eyes() -> bool:
    """Whether a person sees stderr as it is written."""
    return sys.stderr is not None and sys.stderr.isatty()


def _harmless(text: str) -> str:
    # Escaped as JSON escapes, so that JSON stays what it says.
    return _CONTROLS.sub(lambda match: f"\\u{ord(match[0]):04x}", text)
