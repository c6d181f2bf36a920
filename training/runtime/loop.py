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
        minutes: time budget, which can lower `total` while the loop runs; None for no limit.

    Attributes:
        total: steps planned now.
        done: steps finished, those of earlier invocations included.
    """

    def __init__(self, total: int, start: int = 0, minutes: float | None = None) -> None:
        self.total, self.done = total, start
        self._budget = TimeBudget(minutes, total)
        self._bar = tqdm(total=total, initial=start)

    def __iter__(self) -> Iterator[int]:
        began, first = time.monotonic(), self.done
        with self._bar as bar:
            while self.done < self.total:
                # The body of the loop has run when this line goes on.
                yield self.done
                self.done += 1
                bar.update()
                # Steps and seconds of this call alone; earlier ones had budgets of their own.
                if self._budget.is_time_to_plan(self.done - first):
                    self.total = bar.total = self._budget.plan(self.done, time.monotonic() - began)

    def show(self, values: Mapping[str, float]) -> None:
        """Show some numbers, the losses for example, beside the progress bar."""
        self._bar.set_postfix({name: round(value, 4) for name, value in values.items()})
