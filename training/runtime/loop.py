"""The outer loop of a run: counts steps, follows a time budget, draws the progress bar."""

import time
from collections.abc import Iterator, Mapping

from tqdm import tqdm

from training.runtime.budget import TimeBudget


class StepLoop:
    """Iterates over the numbers of the steps of a run. What happens in a step is the body of the `for` loop.

    Args:
        total: steps of the run.
        start: steps that earlier invocations have finished.
        elapsed: seconds that they took.
        budget: can move `total` while the loop runs; None for no limit.
        quiet: draw no progress bar.

    Attributes:
        total: steps planned now.
        done: steps finished, those of earlier invocations included.
        elapsed: seconds up to the last finished step, those of earlier invocations included.
    """

    def __init__(
        self,
        total: int,
        start: int = 0,
        elapsed: float = 0.0,
        budget: TimeBudget | None = None,
        *,
        quiet: bool = False,
    ) -> None:
        self.total, self.done, self.elapsed = total, start, elapsed
        self._first, self._budget = start, budget
        # Monotonic: setting the machine's clock must not change the time budget.
        self._began = time.monotonic() - elapsed
        self._bar = tqdm(total=total, initial=start, disable=quiet)

    def __iter__(self) -> Iterator[int]:
        with self._bar:
            while (step := self.done) < self.total:
                yield step
                # The body of the loop has run when this line goes on.
                if self.done == step:
                    self.count()

    def count(self) -> None:
        """Count the step, follow the budget. For a body that evaluates or saves after its step; else it is counted."""
        self.done += 1
        self.elapsed = time.monotonic() - self._began
        # The budget measures the speed of this invocation.
        if self._budget is not None and self._budget.is_time_to_plan(self.done - self._first):
            self.total = self._bar.total = self._budget.plan(self.done, self.elapsed)
        self._bar.update()

    def show(self, values: Mapping[str, float]) -> None:
        """Show some numbers, the losses for example, beside the progress bar."""
        self._bar.set_postfix({name: round(value, 4) for name, value in values.items()})
