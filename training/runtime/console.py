"""What the scripts' command lines share."""

import sys
from collections.abc import Callable

from zsseg.errors import UserError


def run_for_person(action: Callable[[], object]) -> int:
    """Run; a `UserError` becomes its sentence on stderr and exit code 2."""
    try:
        action()
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    return 0
