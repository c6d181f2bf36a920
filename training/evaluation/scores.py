"""Scores of a predictor as numbers that JSON can hold."""

import math
from typing import Any

from training.evaluation.metrics import ConfusionMatrix
from training.evaluation.protocol import MIN_PHOTOS, EvalProtocol, summarise
from zsseg.predictor import Predictor

SCORES = ("pAcc", "mIoU_seen", "mIoU_unseen", "hIoU")


def score_report(
    predictor: Predictor, protocol: EvalProtocol, matrix: ConfusionMatrix, penalty: float
) -> dict[str, Any]:
    """What a matrix that was filled at one seen penalty says of a predictor, ready for JSON."""
    return {
        "checkpoint": predictor.name,
        "setting": predictor.metadata.setting,
        "seen_penalty": penalty,
        "min_photos": MIN_PHOTOS,
        **json_numbers(summarise(matrix, protocol).as_dict()),
        "per_class": per_class(matrix, protocol),
    }


def per_class(matrix: ConfusionMatrix, protocol: EvalProtocol) -> dict[str, dict[str, Any]]:
    """IoU, photos, seen and counted (enough photos for the means) of every class that was asked."""
    return {
        name: {
            "iou": json_number(float(iou)),
            "photos": int(photos),
            "seen": name in protocol.seen,
            "counted": bool(photos >= MIN_PHOTOS),
        }
        for name, iou, photos in zip(protocol.names, matrix.iou(), matrix.photos, strict=True)
    }


def json_number(value: float) -> float | None:
    """A score as JSON can hold it, which has no nan: None in its place."""
    return None if math.isnan(value) else round(value, 5)


def json_numbers(scores: dict[str, float]) -> dict[str, float | None]:
    """Scores by name, as JSON can hold them."""
    return {key: json_number(value) for key, value in scores.items()}
