"""What lies beside the repository on the machines where it is developed; tests skip where it is missing."""

from pathlib import Path

import pytest

# From here alone: counted from a test's own file, a path breaks in silence when the file moves.
_SHARED = Path(__file__).resolve().parents[2] / "shared"
GOLDEN, DATA = _SHARED / "golden", _SHARED / "data"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="the data sets are not at ../shared/data")


def case(name: str) -> Path:
    """The folder of one kind of input from public bug reports; the test is skipped where it is missing."""
    folder = _SHARED / "cases" / name
    if not folder.is_dir():
        pytest.skip(f"the collection of reported inputs is not here: {name}")
    return folder
