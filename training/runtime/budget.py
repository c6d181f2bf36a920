"""Converts a time budget to a number of iterations.

The learning-rate schedule counts iterations. With a time budget, the number of iterations is set from the measured
speed: after `MEASURE` steps (the first `SKIP` steps fill caches and are not counted) and again every `PLAN_EVERY`
steps. So the run ends in time and the learning rate reaches its floor, even if the machine becomes slower or faster.
A budget can shorten a recipe, never lengthen it.
"""

import math

MEASURE = 30
SKIP = 5
PLAN_EVERY = 100


class TimeBudget:
    """Sets the last iteration of a run.

    Args:
        minutes: wall time of training, evaluation on the development split included; None for no limit.
        iters: iterations of the recipe.
    """

    def __init__(self, minutes: float | None, iters: int) -> None:
        self.seconds = None if minutes is None else minutes * 60
        self.iters = iters
        self._mark: tuple[int, float] | None = None  # iteration and seconds of the previous call

    def is_time_to_plan(self, done: int) -> bool:
        """Whether to call `plan` after `done` iterations of this process."""
        # At SKIP only the mark is set; the first plan comes at MEASURE.
        return self.seconds is not None and (done in (SKIP, MEASURE) or done % PLAN_EVERY == 0)

    def plan(self, iteration: int, elapsed: float) -> int:
        """Return the total number of iterations of the run.

        Args:
            iteration: iterations finished.
            elapsed: seconds since the beginning of the run, earlier invocations included.
        """
        # The speed since the previous call, not since the start: it follows changes of the machine's load.
        mark, self._mark = self._mark, (iteration, elapsed)
        if self.seconds is None or mark is None or iteration <= mark[0]:
            return self.iters
        pace = (elapsed - mark[1]) / (iteration - mark[0])
        # Rounded down: better a little early than late.
        left = math.floor(max(0.0, self.seconds - elapsed) / pace)
        # At least 1, since the schedule divides by it.
        return max(1, min(self.iters, iteration + left))
