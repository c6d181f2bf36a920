"""A clock that goes back or jumps: files of visitors are still deleted, limits still hold, nothing fails."""

import os
import time

import pytest

from zsseg.demo import actions
from zsseg.demo.protection import Gate, Limits


@pytest.mark.parametrize("hours", [-3, 3, 24 * 365 * 30])
def test_files_from_before_a_jump_are_deleted(hours: float) -> None:
    """A file whose date lies hours ahead is as old as one hours back: otherwise it would stay for that long."""
    folder = actions.fresh_folder()
    then = time.time() + hours * 3600
    os.utime(folder, (then, then))
    actions.delete_folders()
    assert not folder.exists()


def test_files_of_now_stay_through_a_small_correction() -> None:
    folder = actions.fresh_folder()
    then = time.time() + 60
    os.utime(folder, (then, then))
    actions.delete_folders()
    assert folder.exists()
    actions.delete_folders(own=True)


def test_limits_do_not_look_at_the_clock_on_the_wall(monkeypatch: pytest.MonkeyPatch) -> None:
    gate = Gate(Limits(posts=2, posts_second=0.001), list)
    scope = {"method": "POST", "path": "/x", "client": ("9.9.9.9", 1), "headers": []}
    results = []
    for now in (1e9, 0.0, 2e9, -5.0):
        monkeypatch.setattr(time, "time", lambda now=now: now)
        results.append(gate.refusal(scope) is None)
    assert results == [True, True, False, False]
