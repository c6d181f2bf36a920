"""CSV logs of a run. A resumed run first drops the rows that it is going to write again."""

import csv
from collections.abc import Mapping
from pathlib import Path

from zsseg.files import atomic_path


class RunLog:
    """Appends rows to `<folder>/<name>.csv`; the first column is the iteration.

    Args:
        path: of the CSV file.
        columns: names of the columns after "iteration".
        resume_from: existing rows of this iteration and later are dropped; 0 drops all.
    """

    def __init__(self, path: Path, columns: tuple[str, ...], resume_from: int) -> None:
        self.path, self.columns = path, ("iteration", *columns)
        kept = [row for row in read_log(path) if row["iteration"] < resume_from] if path.exists() else []
        # Atomically: a run that is killed here keeps its old log.
        with atomic_path(path) as partial, partial.open("w", newline="") as file:
            writer = csv.DictWriter(file, self.columns)
            writer.writeheader()
            writer.writerows(kept)

    def write(self, iteration: int, values: Mapping[str, float]) -> None:
        """Append one row; columns without a value stay empty."""
        with self.path.open("a", newline="") as file:
            row = {name: f"{value:.6g}" for name, value in values.items()}
            csv.DictWriter(file, self.columns).writerow({"iteration": iteration, **row})


def read_log(path: Path) -> list[dict[str, float]]:
    """Read a log; empty cells become nan. A last line without its end, as a killed run leaves it, does not count."""
    lines = path.read_bytes().decode("utf-8", "replace").splitlines(keepends=True)
    whole = [line for line in lines if line.endswith("\n")]
    return [{k: float(v) if v else float("nan") for k, v in row.items()} for row in csv.DictReader(whole)]


def append_row(path: Path, row: Mapping[str, object]) -> None:
    """Append a row to a CSV file; a new file gets a header first."""
    fresh = not path.exists()
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(row))
        if fresh:
            writer.writeheader()
        writer.writerow(row)
