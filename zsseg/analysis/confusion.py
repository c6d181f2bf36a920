"""Counts of one label map against another, fast enough to run while a slider moves."""

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.int64]


def confusion(first: npt.NDArray[np.int16], second: npt.NDArray[np.int16], classes: int) -> Counts:
    """Pixels by their label in both maps.

    Args:
        first, second: (H,W) labels in -1..K-1, -1 for none.
        classes: K.

    Returns:
        (K+1,K+1), the first map's label by the second's, none at index 0.
    """
    width = classes + 1
    # The pair of labels as one number, row * width + column, both moved up by 1; in place, so that one array is enough.
    cells = (first.astype(np.intp) + 1) * width
    cells += second
    cells += 1
    return np.bincount(cells.ravel(), minlength=width**2).reshape(width, width)  # (K+1, K+1)


def class_iou(counts: Counts) -> tuple[float | None, ...]:
    """Intersection over union of each of the K classes in (K+1,K+1) counts, in 0..1; None where both maps lack it."""
    # Without index 0: "none of these" is no class of which an IoU could be asked.
    hits = np.diagonal(counts)[1:]
    union = counts.sum(0)[1:] + counts.sum(1)[1:] - hits
    return tuple(float(hit / total) if total else None for hit, total in zip(hits, union, strict=True))


def harmonic_mean(seen: float, unseen: float) -> float:
    """hIoU = 2 S U / (S + U) of two mean IoUs, 0..1; 0 if both are 0, nan if one is nan."""
    return 2 * seen * unseen / (seen + unseen) if seen + unseen != 0 else 0.0
