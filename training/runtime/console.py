"""Shared by the command lines: errors become sentences and exit codes."""

import sys
from collections.abc import Callable

from zsseg.errors import UserError


def run_for_person(action: Callable[[], object]) -> int:
    """Run `action`. Returns 0, or 2 after printing the sentence of a `UserError` to stderr."""
    try:
        action()
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    return 0
