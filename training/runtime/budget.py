"""A time budget turned into a number of iterations.

The schedule runs by iterations. With a budget, the number of iterations is set from the measured speed: after
`MEASURE` steps (the first `SKIP` of them, which fill caches, not counted) and again at every look, so that a machine
that turns slower or faster still ends in time and the learning rate still reaches its floor. A budget only ever
shortens the recipe.
"""

import math

MEASURE = 30
SKIP = 5
PLAN_EVERY = 100


class TimeBudget:
    """Plans the end of a run.

    Args:
        minutes: wall time for training, looks at the development split included; None for no limit.
        iters: iterations of the recipe.
    """

    def __init__(self, minutes: float | None, iters: int) -> None:
        self.seconds = None if minutes is None else minutes * 60
        self.iters = iters
        self._mark: tuple[int, float] | None = None

    def is_time_to_plan(self, done: int) -> bool:
        """Tell whether `plan` should be asked after `done` iterations of this process."""
        return self.seconds is not None and (done in (SKIP, MEASURE) or done % PLAN_EVERY == 0)

    def plan(self, iteration: int, elapsed: float) -> int:
        """Return how many iterations the whole run should have.

        Args:
            iteration: iterations finished.
            elapsed: seconds since the beginning of the run, earlier invocations included.
        """
        mark, self._mark = self._mark, (iteration, elapsed)
        if self.seconds is None or mark is None or iteration <= mark[0]:
            return self.iters
        pace = (elapsed - mark[1]) / (iteration - mark[0])
        left = math.floor(max(0.0, self.seconds - elapsed) / pace)
        return max(1, min(self.iters, iteration + left))
