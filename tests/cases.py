"""The inputs of public bug reports that lie beside the repository on the machines where it is developed."""

from pathlib import Path

import pytest

_CASES = Path(__file__).resolve().parents[2] / "shared" / "cases"


def case(name: str) -> Path:
    """The folder of one kind of input; the test is skipped where it is missing."""
    folder = _CASES / name
    if not folder.is_dir():
        pytest.skip(f"the collection of reported inputs is not here: {name}")
    return folder
