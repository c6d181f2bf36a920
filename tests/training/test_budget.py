"""The plan of a time budget."""

import pytest

from training.runtime import loop
from training.runtime.budget import MEASURE, SKIP, TimeBudget
from training.runtime.loop import StepLoop


def test_time_budget__follows_the_measured_pace() -> None:
    budget = TimeBudget(10, 10_000)
    assert [i for i in range(1, 250) if budget.is_time_to_plan(i)] == [SKIP, MEASURE, 100, 200]
    assert budget.plan(5, 20.0) == 10_000, "the first look only sets the mark"
    assert budget.plan(30, 45.0) == 30 + 555
    assert budget.plan(100, 80.0) == 100 + 1040, "the machine turned twice as fast"


def test_time_budget__never_lengthens_and_always_ends() -> None:
    budget = TimeBudget(10, 50)
    budget.plan(5, 1.0)
    assert budget.plan(30, 2.0) == 50
    late = TimeBudget(1, 1000)
    late.plan(5, 10.0)
    assert late.plan(30, 90.0) == 30
    assert not TimeBudget(None, 10).is_time_to_plan(30)
    assert TimeBudget(None, 10).plan(30, 1.0) == 10


def test_the_loop_follows_a_budget_and_counts_each_step_once(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = 0.0
    monkeypatch.setattr(loop.time, "monotonic", lambda: seconds)
    steps = StepLoop(1000, start=50, elapsed=7.0, budget=TimeBudget(1, 1000), quiet=True)
    seen = []
    for step in steps:
        seen.append(step)
        seconds += 0.5
        if step % 2:
            steps.count()  # what follows in the body sees the step counted, and the loop does not count it again
            assert (steps.done, steps.elapsed) == (step + 1, 7.0 + seconds)
    # Half a second for each step: 53 s are left for 106 steps, planned after 30 and 100 steps of this invocation.
    assert seen == list(range(50, 156))
    assert (steps.done, steps.total, steps.elapsed) == (156, 156, 60.0)
