"""Two processes share the whole suite, file by file; what measures time or presses a server has the machine to itself.

A pytest plugin, loaded by tests/conftest.py. Some files or a single test, as one runs while writing them, stay in one
process, where a debugger and -s work. `-n` and PYTEST_XDIST_AUTO_NUM_WORKERS choose otherwise.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

try:
    import fcntl
except ImportError:  # not a POSIX system: nothing to wait with, so one process runs all tests
    fcntl = None  # type: ignore[assignment]

WORKERS = 2
LONGEST = (
    "tests/browser/test_browser.py",
    "tests/project/test_package.py",
    "tests/bench/test_bench.py",
    "tests/load/test_load.py",
)
"""Files to begin with: begun last, one of them would run while the other process has nothing left to do."""

LAST = "tests/load/test_soak.py"
"""It waits for what runs beside the suite."""


@pytest.hookimpl(tryfirst=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """Two for the whole suite on two cores or more; none, which is this process alone, for anything less."""
    if "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ:
        return None  # pytest-xdist reads it
    whole = config.args_source is pytest.Config.ArgsSource.TESTPATHS
    if not whole or fcntl is None or _cores() < WORKERS:
        return 0
    # Before the workers start: every thread of theirs has one, and what one adds up in two parts differs in the last
    # bit. `torch.set_num_threads` would hold for the thread that calls it alone, not for those of a server.
    os.environ["OMP_NUM_THREADS"] = "1"
    return WORKERS


def pytest_configure(config: pytest.Config) -> None:
    """One thread for each process: two that compute with two threads each slow one another down."""
    if hasattr(config, "workerinput"):
        os.environ["OMP_NUM_THREADS"] = "1"  # for the programs that a test starts, whatever began this one
        torch.set_num_threads(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files first, the one that waits last, the others as they were."""
    items.sort(key=lambda item: (item.nodeid.startswith(LAST), not item.nodeid.startswith(LONGEST)))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """While a test that is marked `alone` runs, no other test does."""
    shared = shared_folder(item.config)
    # What only waits for the soak holds nothing: the soak waits for who is alone, who would wait for it.
    if shared is None or item.nodeid.startswith(LAST):
        return (yield)
    with turn(shared, alone=item.get_closest_marker("alone") is not None):
        return (yield)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Begin the soak where its test will run: one process begins it, and any of them may wait for it."""
    shared = shared_folder(session.config)
    if shared is None or session.config.workerinput["workerid"] != "gw0":  # type: ignore[attr-defined]
        return
    if any(item.nodeid.startswith(LAST) for item in session.items):
        from tests.load.soak import begin

        begin(shared)


def shared_folder(config: pytest.Config) -> Path | None:
    """pytest's folder of this run, in which each process has one; None where one process runs all tests."""
    return Path(config.option.basetemp).parent if hasattr(config, "workerinput") else None


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def turn(shared: Path, *, alone: bool) -> Iterator[None]:
    """Hold the machine with others, or alone.

    Who waits for it alone keeps the door shut meanwhile, so that the others cannot go on forever without it.
    """
    with (shared / "door").open("a") as door, (shared / "room").open("a") as room:
        fcntl.flock(door, fcntl.LOCK_EX)
        fcntl.flock(room, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        fcntl.flock(door, fcntl.LOCK_UN)
        yield
