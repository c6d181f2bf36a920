"""Figures as PNG: training curves, confusion matrix, reliability, seen penalty.

python -m training.evaluation.plots runs/NAME
"""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np

from training.evaluation.metrics import ReliabilityCurve
from training.runtime.runlog import read_log

mpl.use("Agg")
from matplotlib.figure import Figure  # noqa: E402  (the backend must be chosen first)

_NOT_DRAWN = {"iteration", "seconds"}


def plot_run(folder: Path) -> Path | None:
    """Plot every column of `train.csv` and `development.csv` into `curves.png`. Returns None if there are no rows."""
    logs = [read_log(p) for p in (folder / "train.csv", folder / "development.csv") if p.exists()]
    # A column without any value, such as hIoU without unseen names, gets no panel.
    panels = [
        (name, [r["iteration"] for r in rows], [r[name] for r in rows])
        for rows in logs
        if rows
        for name in rows[0]
        if name not in _NOT_DRAWN and not np.isnan([r[name] for r in rows]).all()
    ]
    if not panels:
        return None
    # Rounded up.
    rows = -(-len(panels) // 3)
    figure = Figure(figsize=(12, 2.6 * rows), layout="constrained")
    axes = figure.subplots(rows, 3, squeeze=False).ravel()
    for axis, (name, iterations, values) in zip(axes, panels, strict=False):
        # Few points get markers: a single one would be no line at all.
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
    """Plot a confusion matrix with rows normalised to 1; unseen classes in bold.

    Args:
        counts: (K, K + 1) pixels, true class by predicted class; the last column is "none of these".
        names: the K classes.
        unseen: those of them that are unseen.
        path: of the PNG file.
    """
    # A class that does not occur has a row of zeros.
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


def plot_reliability(models: Mapping[str, Mapping[str, ReliabilityCurve]], path: Path) -> None:
    """Plot reliability diagrams, one column per model: the curves above, the size of every bin below.

    Args:
        models: model name -> group of classes -> curve.
        path: of the PNG file.
    """
    figure = Figure(figsize=(1.2 + 4.2 * len(models), 6), layout="constrained")
    axes = figure.subplots(2, len(models), squeeze=False, sharex=True, height_ratios=(3, 1))
    # axes (2, models): transposed, a diagram and a histogram for each model.
    for (name, curves), (diagram, histogram) in zip(models.items(), axes.T, strict=True):
        diagram.plot((0, 1), (0, 1), color="grey", linewidth=1, linestyle="--")
        for group, curve in curves.items():
            # An empty bin has no mean, so the curve passes over it.
            known = curve.cases > 0
            label = f"{group}: error {curve.error:.4f}" if known.any() else f"{group}: none"
            (line,) = diagram.plot(curve.score[known], curve.share[known], marker=".", label=label)
            edges = np.linspace(0, 1, len(curve.cases) + 1)
            # 0 has no place on a logarithmic axis.
            histogram.stairs(np.where(known, curve.cases, np.nan), edges, color=line.get_color())
        diagram.set(title=name, xlim=(0, 1), ylim=(0, 1), ylabel="observed frequency")
        diagram.legend(fontsize=8, loc="upper left")
        histogram.set(yscale="log", xlabel="sigmoid", ylabel="pixels x classes")
    figure.savefig(path, dpi=90)


def plot_penalties(models: Mapping[str, Mapping[float, Mapping[str, float]]], path: Path) -> None:
    """Plot mIoU_seen, mIoU_unseen and hIoU against the seen penalty, one panel per model.

    Args:
        models: model name -> seen penalty -> scores by name, 0..1.
        path: of the PNG file.
    """
    figure = Figure(figsize=(1.2 + 4.2 * len(models), 3.8), layout="constrained")
    axes = figure.subplots(1, len(models), squeeze=False, sharey=True)[0]
    for axis, (name, curve) in zip(axes, models.items(), strict=True):
        for score in ("mIoU_seen", "mIoU_unseen", "hIoU"):
            axis.plot(list(curve), [row[score] for row in curve.values()], marker=".", label=score)
        axis.set(title=name, xlabel="seen penalty")
        axis.set_ylim(bottom=0)
        axis.grid(alpha=0.3)
        axis.legend(fontsize=8)
    figure.savefig(path, dpi=90)


if __name__ == "__main__":
    for name in sys.argv[1:]:
        plot_run(Path(name))
