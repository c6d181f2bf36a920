"""Curves of a run and other figures of the trainer, as PNG. Run: python -m training.plots runs/NAME"""

import sys
from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np

from training.runlog import read_log

mpl.use("Agg")
from matplotlib.figure import Figure  # noqa: E402  (the backend must be chosen first)

_NOT_DRAWN = {"iteration", "seconds"}


def plot_run(folder: Path) -> Path | None:
    """Draw every column of `train.csv` and `development.csv` into `curves.png`; None where there is no row yet."""
    logs = [read_log(p) for p in (folder / "train.csv", folder / "development.csv") if p.exists()]
    panels = [
        (name, [r["iteration"] for r in rows], [r[name] for r in rows])
        for rows in logs
        if rows
        for name in rows[0]
        if name not in _NOT_DRAWN and not np.isnan([r[name] for r in rows]).all()
    ]
    if not panels:
        return None
    rows = -(-len(panels) // 3)
    figure = Figure(figsize=(12, 2.6 * rows), layout="constrained")
    axes = figure.subplots(rows, 3, squeeze=False).ravel()
    for axis, (name, iterations, values) in zip(axes, panels, strict=False):
        axis.plot(iterations, values, linewidth=1, marker="." if len(values) < 40 else None)
        axis.set_title(name, fontsize=9)
        axis.tick_params(labelsize=8)
        axis.grid(alpha=0.3)
    for axis in axes[len(panels) :]:
        axis.axis("off")
    path = folder / "curves.png"
    figure.savefig(path, dpi=90)
    return path


def plot_confusion(counts: np.ndarray, names: Sequence[str], unseen: Sequence[str], path: Path) -> None:
    """Draw a confusion matrix, rows normalised to the true class; unseen names in bold.

    Args:
        counts: (K, K + 1) pixels, true class by predicted class; the last column is "none of these".
    """
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    side = 2.5 + 0.28 * len(names)
    figure = Figure(figsize=(side, side), layout="constrained")
    axis = figure.subplots()
    image = axis.imshow(shares, vmin=0, vmax=1, cmap="viridis")
    axis.set_xticks(range(len(names) + 1), [*names, "none"], rotation=90, fontsize=8)
    axis.set_yticks(range(len(names)), list(names), fontsize=8)
    for label in (*axis.get_xticklabels(), *axis.get_yticklabels()):
        label.set_fontweight("bold" if label.get_text() in unseen else "normal")
    axis.set_xlabel("predicted")
    axis.set_ylabel("true")
    figure.colorbar(image, shrink=0.7)
    figure.savefig(path, dpi=90)


if __name__ == "__main__":
    for name in sys.argv[1:]:
        plot_run(Path(name))
