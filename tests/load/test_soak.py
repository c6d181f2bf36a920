"""Three minutes of the soak (`python -m tests.load`), beside the whole suite: its visitors pause and step aside."""

import json
import os
import threading
from functools import partial
from pathlib import Path

import pytest

from tests.load.__main__ import STEP, watch
from tests.load.soak import MINUTES, end
from tests.workers import shared_folder, turn


@pytest.mark.slow
def test_three_minutes_of_visitors_leave_the_server_as_it_was(pytestconfig: pytest.Config) -> None:
    shared = shared_folder(pytestconfig)
    if shared is None:
        pytest.skip("it runs beside the other tests where two processes share them; make soak-tiny runs it alone")
    code = end(shared)
    assert code == "0", (shared / "soak" / "log").read_text()[-4000:]
    numbers = json.loads((shared / "soak" / "soak.json").read_text())
    assert numbers["memory MB"][-1][0] >= 60 * MINUTES
    assert numbers["answered"] > 2 * numbers["visitors"]


@pytest.mark.slow
def test_the_clock_stands_still_while_a_test_has_the_machine_to_itself(tmp_path: Path) -> None:
    memory: list[tuple[float, float]] = []
    done = threading.Event()
    mine = partial(turn, tmp_path, alone=False)
    with turn(tmp_path, alone=True):
        watcher = threading.Thread(target=watch, args=(os.getpid(), 2 * STEP, mine, memory, done))
        watcher.start()
        assert not done.wait(6 * STEP)
    assert done.wait(60)
    watcher.join()
    assert 2 * STEP <= memory[-1][0] < 60
    assert all(value > 0 for _, value in memory)
