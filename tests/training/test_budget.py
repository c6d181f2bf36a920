"""The plan of a time budget."""

from training.runtime.budget import MEASURE, SKIP, TimeBudget


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
