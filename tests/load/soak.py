"""The soak that runs beside the suite: a process of its own, begun with the first test and awaited by the last."""

import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MINUTES = 3
# Mean seconds between two questions of one of the sixteen visitors: they take about a tenth of a core in all.
_PAUSE = 8
# From the end of all other tests, on the slowest machine.
_MAX_SECONDS = 1800


def begin(shared: Path) -> None:
    """Begin it: tiny models, whose visitors step aside for tests that need the machine for themselves.

    Args:
        shared: folder of the run, where ``soak/log``, ``soak/soak.json`` and last ``soak/code`` are written.
    """
    folder = shared / "soak"
    folder.mkdir()
    options = {"side": 64, "minutes": MINUTES, "pause": _PAUSE, "beside": shared, "json": folder / "soak.json"}
    texts = [text for name, value in options.items() for text in (f"--{name}", str(value))]
    command = [sys.executable, "-m", "tests.load", "--tiny", *texts]
    # A child of the shell's, not of this process, which may end before it: the code is written all the same.
    shell = '("$@" > "$0/log" 2>&1 < /dev/null; echo $? > "$0/code") &'
    environment = {**os.environ, "TMPDIR": str(folder)}
    subprocess.run(["sh", "-c", shell, str(folder), *command], cwd=ROOT, env=environment, check=True)


def end(shared: Path) -> str:
    """Wait for it and return its exit code."""
    code = shared / "soak" / "code"
    deadline = time.monotonic() + _MAX_SECONDS
    while not code.exists() or not code.read_text():
        assert time.monotonic() < deadline, "the soak did not end"
        time.sleep(0.5)
    return code.read_text().strip()
