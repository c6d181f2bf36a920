"""The process that forks jobs, one for all tests of this folder."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


class Jobs:
    """Starts jobs of `tests.faults.jobs` and reads what they say."""

    def __init__(self) -> None:
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "1"}
        command = [sys.executable, "-m", "tests.faults.jobs"]
        self._process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def start(self, job: str, folder: Path, **more: object) -> int:
        """Start a job and return the number of its process."""
        self._send(job=job, folder=str(folder), **more)
        return int(self.read()["pid"])

    def read(self) -> dict[str, Any]:
        """The next thing that a job says."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the process that forks jobs has ended"
        values: dict[str, Any] = json.loads(line)
        return values

    def run(self, job: str, folder: Path, **more: object) -> dict[str, Any]:
        """Start a job, wait for its end, and return the last thing that it report, its exit code as "ended"."""
        pid = self.start(job, folder, **more)
        report = self.read()
        return {**report, **self.wait(pid)}

    def kill(self, pid: int) -> None:
        """SIGKILL: the process has no chance to tidy up."""
        os.kill(pid, signal.SIGKILL)
        ended = self.wait(pid)
        assert ended["ended"] == -signal.SIGKILL

    def wait(self, pid: int) -> dict[str, Any]:
        self._send(wait=pid)
        while "ended" not in (report := self.read()):  # what the job report before it ended
            pass
        return report

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(timeout=20)
        self._process.stdout.close()

    def _send(self, **values: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(values) + "\n")
        self._process.stdin.flush()


@pytest.fixture(scope="session")
def jobs() -> Iterator[Jobs]:
    started = Jobs()
    yield started
    started.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 128 kB; skips where none may be mounted."""
    yield from _mounted(tmp_path / "disk", "size=128k")


def _mounted(folder: Path, options: str) -> Iterator[Path]:
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    if sys.platform != "linux" or os.geteuid() != 0 or subprocess.run(command, capture_output=True).returncode != 0:
        pytest.skip("only root may mount a disk")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def make_read_only(disk: Path) -> None:
    """From now on nothing can be written to a mounted disk."""
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
