"""Results as table rows beside the published ones, in Markdown and LaTeX."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from training.evaluation.scores import SCORES
from zsseg.errors import UserError

_HEAD = ("model", "data", "protocol", *SCORES)


def result_rows(reports: Sequence[Mapping[str, Any]], published: Mapping[str, float] | None) -> list[list[str]]:
    """Return one row of cells per report, and before them one of the published scores.

    Args:
        reports: documents of `training.evaluate`, scores 0..1.
        published: the published scores in percent by name, as in `SCORES`; None if there are none.
    """
    rows = []
    # The published row comes first, for the eye to compare with.
    if published is not None:
        data = str(reports[0]["data"])
        rows.append(["published", data, "papers", *(f"{published[key]:.1f}" for key in SCORES)])
    for report in reports:
        scores = ("-" if report[key] is None else f"{100 * report[key]:.1f}" for key in SCORES)
        rows.append(
            [str(report["checkpoint"]), f"{report['data']} {report['split']}", str(report["protocol"]), *scores]
        )
    return rows


def markdown_table(rows: Sequence[Sequence[str]]) -> str:
    """Format rows as a Markdown table; scores in percent."""
    lines = [_HEAD, ["---"] * len(_HEAD), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def latex_table(rows: Sequence[Sequence[str]]) -> str:
    r"""Format rows as LaTeX table rows, to be put into a tabular of seven columns (\usepackage{booktabs})."""
    lines = [r"\toprule", _latex_row(_HEAD), r"\midrule", *(_latex_row(cells) for cells in rows), r"\bottomrule"]
    return "\n".join(lines) + "\n"


def _latex_row(cells: Sequence[str]) -> str:
    # Of LaTeX's special characters, names and options have underscores only.
    return " & ".join(cell.replace("_", r"\_") for cell in cells) + r" \\"


def check_table(path: Path | None) -> None:
    """Find out before hours of work whether a table can be written under this name; None is no table.

    Raises:
        UserError: the file's name ends in neither .md nor .tex.
    """
    if path is not None and path.suffix not in _FORMATS:
        raise UserError(f"{path} ends in neither .md nor .tex: choose one of them for --table.")


def write_table(path: Path, rows: Sequence[Sequence[str]]) -> None:
    """Write rows as Markdown (.md) or LaTeX (.tex).

    Raises:
        UserError: the file's name has another ending.
    """
    check_table(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(_FORMATS[path.suffix](rows), encoding="utf-8")


_FORMATS = {".md": markdown_table, ".tex": latex_table}
