"""Two answers to one question: where and how far they agree."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from zsseg.analysis.confusion import class_iou, confusion
from zsseg.errors import UserError
from zsseg.segmentation import Segmentation


@dataclass(frozen=True, eq=False)
class Comparison:
    """The difference between two answers for one photo and one list of names.

    Attributes:
        names: the K classes.
        agreement: share of pixels with the same label, in 0..1; "none of these" counts as a label.
        iou: K, intersection over union of the two label maps, in 0..1; None where neither has the class.
        disagreement: (H,W) True where the labels differ.
    """

    names: tuple[str, ...]
    agreement: float
    iou: tuple[float | None, ...]
    disagreement: npt.NDArray[np.bool_]


def compare(first: Segmentation, second: Segmentation) -> Comparison:
    """Compare the labels of two answers, each with its own penalty and threshold; the order does not matter.

    Raises:
        UserError: they are about different classes, or photos of different size.
    """
    if first.names != second.names:
        raise UserError("The two answers are about different classes: ask both methods for the same names.")
    if first.labels.shape != second.labels.shape:
        sizes = " and ".join(f"{width}x{height}" for height, width in (first.labels.shape, second.labels.shape))
        raise UserError(f"The two answers are about photos of different size ({sizes} pixels): ask about one photo.")
    disagreement = first.labels != second.labels
    counts = confusion(first.labels, second.labels, len(first.names))
    # The trace counts "none of these" in both as agreement, at index 0.
    agreement = float(np.trace(counts)) / disagreement.size
    return Comparison(first.names, agreement, class_iou(counts), disagreement)
