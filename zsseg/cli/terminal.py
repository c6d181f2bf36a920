"""What the shell sees: answers on stdout, sentences for people on stderr."""

import sys


def say(text: str) -> None:
    """Write to stdout at once; letters that it cannot show are escaped."""
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding))
    sys.stdout.flush()


def warn(sentence: str) -> None:
    """Write one line to stderr."""
    sys.stderr.write(f"{sentence}\n")
    sys.stderr.flush()
