"""Shared by the command lines: errors become sentences and exit codes, numbers and output files are checked first."""

import argparse
import math
import os
import sys
from collections.abc import Callable
from pathlib import Path

from training.runtime.devices import DeviceContext
from zsseg.errors import UserError
from zsseg.files import check_writable


def run_for_person(action: Callable[[], object]) -> int:
    """Run `action`. Returns 0, or 2 after printing a sentence to stderr: a `UserError`, or a file that failed."""
    try:
        action()
        _flush()
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    except OSError as error:  # a full disk, a file that vanished: nothing that the program did wrong
        print(f"{error.filename or 'A file'} cannot be read or written: {error.strerror or error}.", file=sys.stderr)
        _drop_output()
        return 2
    return 0


def _flush() -> None:
    """Write out what stdout holds, here, where a full disk can still be reported."""
    # A program whose stdout is closed has none.
    if sys.stdout is not None:
        sys.stdout.flush()


def _drop_output() -> None:
    """Forget what stdout could not take; at its end the interpreter would try again and complain."""
    try:
        _flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def say(context: DeviceContext, text: str) -> None:
    """Print a line, of several processes only in the main one; at once, since what follows may take a while."""
    if context.is_main:
        print(text, flush=True)


def check_outputs(*paths: Path | None) -> None:
    """Find out before hours of work whether their results can be written; None is no file.

    Raises:
        UserError: one cannot.
    """
    for path in paths:
        if path is not None:
            check_writable(path)


def positive(text: str) -> int:
    """An option's value: a whole number from 1 up.

    Raises:
        argparse.ArgumentTypeError: it is something else.
    """
    number = count(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number from 1 up, not {text}")
    return number


def count(text: str) -> int:
    """An option's value: a whole number from 0 up.

    Raises:
        argparse.ArgumentTypeError: it is something else.
    """
    # isdigit alone takes digits of all scripts and superscripts.
    if not text.isascii() or not text.isdigit():
        raise argparse.ArgumentTypeError(f"must be a whole number, and not below 0: {text}")
    return int(text)


def seed(text: str) -> int:
    """An option's value: a seed that every generator of random numbers takes.

    Raises:
        argparse.ArgumentTypeError: it is something else.
    """
    number = count(text)
    # Runs multiply it: the seeds of iterations and pieces have to fit into 64 bits.
    if number >= 2**32:
        raise argparse.ArgumentTypeError(f"must be a whole number below 2**32 (4,294,967,296), not {text}")
    return number


def positive_number(text: str) -> float:
    """An option's value: a number above 0.

    Raises:
        argparse.ArgumentTypeError: it is something else.
    """
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    # float() reads "nan" and "inf" as well.
    if not (math.isfinite(number) and number > 0):
        raise argparse.ArgumentTypeError(f"must be a number above 0, not {text}")
    return number
