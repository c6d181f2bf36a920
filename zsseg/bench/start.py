"""How long commands take from their start, each in a process of its own."""

import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import partial
from importlib.util import find_spec

from zsseg.bench.timing import Clock, Row
from zsseg.errors import UserError
from zsseg.examples import available

PART = "start"
_PATIENCE = 120.0  # seconds to wait for the page


def measure_starts(clock: Clock) -> Iterator[Row]:
    """Python itself, torch alone, then the package, the commands and the page.

    Raises:
        UserError: a command failed.
    """
    python = sys.executable
    cli = [python, "-m", "zsseg"]
    commands = {
        # Python and torch alone: what is beyond them is the package's own.
        "python": [python, "-c", "pass"],
        "import torch": [python, "-c", "import torch"],
        "import zsseg": [python, "-c", "import zsseg"],
        "zsseg --help": [*cli, "--help"],
        "zsseg info": [*cli, "info"],
    }
    with tempfile.TemporaryDirectory() as folder:
        if photos := available():
            words = ["--unseen", "cat, dog", "--method", "zegclip", "--out", folder]
            commands["zsseg segment, one photo"] = [*cli, "segment", str(photos[0].path), *words]
        for step, command in commands.items():
            yield clock.measure(PART, step, partial(_run, command))
    if find_spec("gradio") is not None:
        yield clock.measure_seconds(PART, "zsseg demo to /healthz", _start_page)


def _run(command: Sequence[str]) -> None:
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise UserError(f"{' '.join(command[1:])} failed: {' '.join(result.stderr.strip().splitlines()[-1:])}")


def _start_page() -> float:
    """Seconds from the start of the page's process to its first good answer; then it is stopped."""
    # The system picks a free port, which the page takes a moment later.
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        port = trial.getsockname()[1]
    began = time.perf_counter()
    command = [sys.executable, "-m", "zsseg", "demo", "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            while time.perf_counter() - began < _PATIENCE and process.poll() is None:
                # Refused until the page listens.
                with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz"):
                    return time.perf_counter() - began
                time.sleep(0.02)
        finally:
            # Also after the return above: nobody else stops the page.
            process.kill()
    raise UserError("The page did not answer: start it with `zsseg demo` to see why.")
