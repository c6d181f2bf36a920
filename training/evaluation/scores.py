"""Scores of a predictor as a JSON document."""

import math

from typing_extensions import TypedDict  # pydantic cannot read typing's own before Python 3.12

from training.evaluation.metrics import ConfusionMatrix
from training.evaluation.protocol import MIN_PHOTOS, EvalProtocol, summarise
from zsseg.predictor import Predictor

SCORES = ("pAcc", "mIoU_seen", "mIoU_unseen", "hIoU")


class ClassScore(TypedDict):
    """Score of one class: IoU, number of photos, whether it is seen, and whether it counts in the means."""

    iou: float | None
    photos: int
    seen: bool
    counted: bool


class ScoreReport(TypedDict):
    """Scores of one predictor, 0..1; None if nothing was counted."""

    checkpoint: str
    setting: str
    seen_penalty: float
    min_photos: int
    pAcc: float | None
    mIoU_seen: float | None
    mIoU_unseen: float | None
    hIoU: float | None
    per_class: dict[str, ClassScore]


def score_report(
    predictor: Predictor,
    protocol: EvalProtocol,
    matrix: ConfusionMatrix,
    penalty: float,
    min_photos: int = MIN_PHOTOS,
) -> ScoreReport:
    """Return the scores of a confusion matrix that was filled at one seen penalty, ready for JSON.

    Args:
        predictor: for its name and setting.
        protocol: class names and evaluated pixels.
        matrix: the counts.
        penalty: the seen penalty, -1..1.
        min_photos: classes that occur in fewer photos are left out of the means.
    """
    scores = summarise(matrix, protocol, min_photos)
    return {
        "checkpoint": predictor.name,
        "setting": predictor.metadata.setting,
        "seen_penalty": penalty,
        "min_photos": min_photos,
        "pAcc": json_number(scores.pAcc),
        "mIoU_seen": json_number(scores.mIoU_seen),
        "mIoU_unseen": json_number(scores.mIoU_unseen),
        "hIoU": json_number(scores.hIoU),
        "per_class": per_class(matrix, protocol, min_photos),
    }


def per_class(matrix: ConfusionMatrix, protocol: EvalProtocol, min_photos: int = MIN_PHOTOS) -> dict[str, ClassScore]:
    """Return, per class: IoU, number of photos, whether it is seen, and whether it counts in the means."""
    return {
        name: {
            "iou": json_number(float(iou)),
            "photos": int(photos),
            "seen": name in protocol.seen,
            "counted": bool(photos >= min_photos),
        }
        # `names` and the matrix have one order: seen, evaluated unseen, hidden.
        for name, iou, photos in zip(protocol.names, matrix.iou(), matrix.photos, strict=True)
    }


def json_number(value: float) -> float | None:
    """Round a score to 5 decimals; nan, which JSON does not have, becomes None."""
    # json.dumps would write NaN, which other readers refuse.
    return None if math.isnan(value) else round(value, 5)


def json_numbers(scores: dict[str, float]) -> dict[str, float | None]:
    """Round scores by name; see `json_number`."""
    return {key: json_number(value) for key, value in scores.items()}
