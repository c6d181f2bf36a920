"""What the shell sees: answers on stdout, sentences for people on stderr."""

import os
import sys
from contextlib import suppress

from zsseg.errors import UserError


def say(text: str) -> None:
    """Write to stdout at once; letters that it cannot show are escaped.

    Raises:
        UserError: it takes no more, as a full disk does.
    """
    # None where stdout is replaced by an object without one.
    encoding = sys.stdout.encoding or "utf-8"
    try:
        sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding))
        sys.stdout.flush()
    except OSError as error:
        # At its end the interpreter would try again, and complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise UserError(f"The output cannot be written ({error.strerror or error}).") from error


def warn(sentence: str) -> None:
    """Write one line to stderr, if anybody can take it."""
    with suppress(OSError):
        sys.stderr.write(f"{sentence}\n")
        sys.stderr.flush()
