"""Choose a checkpoint's default seen penalty and threshold on the development split, and write them to the file.

    python -m training.calibrate --checkpoint zegclip-mini-inductive --data voc2012 --root DATA --write

The penalty with the best hIoU is chosen, all names asked at once; of equal ones the nearest to 0. Then the threshold
with the best mean IoU over the classes and "none of these" is chosen; pixels whose id is no class (background) should
be "none of these". For the threshold each photo is asked for the names it shows and two others, as a visitor asks:
with all names at once, a threshold also has to suppress names that no visitor would type. The network runs twice over
each photo, however many penalties and thresholds are tried.

The labels of unseen classes in development photos decide these two numbers and nothing else. With --strict they are
not used at all: only classes that the recipe held out count as unseen. Then calibrate a run with `held_out` classes
and copy the two numbers to the final recipe.
"""

import argparse
import dataclasses
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from training.data.datasets import Item, PhotoSet, open_set, read_mask
from training.data.sets.run_files import check_photos
from training.evaluation.metrics import ConfusionMatrix
from training.evaluation.models import add_data_options, add_model_options, open_predictor, rewrite_metadata
from training.evaluation.protocol import (
    MIN_PHOTOS,
    PENALTIES,
    EvalProtocol,
    PenaltySweep,
    fitted_mask,
    predictions,
    protocol_for,
)
from training.runtime.console import check_outputs, run_for_person
from zsseg.errors import UserError
from zsseg.files import write_text
from zsseg.predictor import Predictor

OTHERS = 2
"""Names that a photo is asked for beside those it shows, when the threshold is chosen."""
THRESHOLDS = tuple(round(0.025 * i, 3) for i in range(29))  # 0 to 0.7


def main(arguments: list[str] | None = None) -> int:
    """Entry point. Returns 0, or 2 after printing a UserError."""
    return run_for_person(lambda: calibrate(_parser().parse_args(arguments)))


def calibrate(options: argparse.Namespace) -> dict[str, Any]:
    """Choose both numbers; print and write the result; return the curves and the choice.

    Raises:
        UserError: with --strict, no held-out class is left, or too few photos show the classes to choose by them.
    """
    check_outputs(options.json)
    predictor = open_predictor(options)
    photos = open_set(options.data, options.root, "development")
    # Strict: labels of the set's unseen names are hidden, those of held-out ones remain.
    protocol = protocol_for(photos, predictor.metadata, photos.default_unseen if options.strict else ())
    if not protocol.evaluated_unseen:
        raise UserError("No unseen class is left to evaluate: calibrate a run whose recipe has held_out classes.")
    items = photos.items[: options.limit]
    check_photos(photos, items)
    by_penalty = penalty_curve(predictor, items, protocol)
    _check_scores([scores["hIoU"] for scores in by_penalty.values()])
    penalty = max(by_penalty, key=lambda p: (_order(by_penalty[p]["hIoU"]), -abs(p)))
    # A second pass: the penalty is known now, and each photo is asked for other names.
    by_threshold = threshold_curve(predictor, photos, items, protocol, penalty)
    _check_scores(by_threshold.values())
    # max takes the first of equal ones, which leaves the fewest pixels without a name.
    threshold = max(by_threshold, key=lambda t: _order(by_threshold[t]))
    report = {"seen_penalty": penalty, "threshold": threshold, "penalties": by_penalty, "thresholds": by_threshold}
    for value, scores in by_penalty.items():
        print(f"seen penalty {value:.3f}: " + "  ".join(f"{k} {v:.3f}" for k, v in scores.items()))
    print(f"chosen on {len(items)} development photos: seen penalty {penalty}, threshold {threshold}")
    if options.json is not None:
        write_text(options.json, json.dumps(report, indent=1) + "\n")
    if options.write:
        metadata = dataclasses.replace(predictor.metadata, seen_penalty=penalty, threshold=threshold)
        rewrite_metadata(predictor, options.checkpoint, metadata)
    return report


def penalty_curve(predictor: Predictor, items: Sequence[Item], protocol: EvalProtocol) -> dict[float, dict[str, float]]:
    """Return the four scores at every penalty of `PENALTIES`."""
    sweep = PenaltySweep(protocol, PENALTIES)
    for _, raw, answer in predictions(predictor, items, protocol, "penalties"):
        sweep.update(protocol.table[raw], answer)
    return sweep.curve()


def threshold_curve(
    predictor: Predictor, photos: PhotoSet, items: Sequence[Item], protocol: EvalProtocol, penalty: float
) -> dict[float, float]:
    """Return the mean IoU at every threshold of `THRESHOLDS`, each photo asked for what it shows and `OTHERS` more.

    The mean is over "none of these" and all classes that occur in at least `MIN_PHOTOS` photos.
    """
    none = len(protocol.names)
    # The protocol's own table stays as it is.
    table = protocol.table.copy()
    # Background becomes a class of its own, "none"; void and hidden ids stay 255 and do not count.
    table[[raw for raw, name in enumerate(photos.raw_names) if name is None]] = none
    matrices = {threshold: ConfusionMatrix(none + 1) for threshold in THRESHOLDS}
    for number, item in enumerate(tqdm(items, "thresholds")):
        raw = read_mask(item)
        seen, unseen = _asked(table[raw], protocol, number)
        answer = predictor.predict(item.photo, seen, unseen, seen_penalty=penalty, threshold=0.0)
        index = np.array([protocol.names.index(name) for name in answer.names])
        truth = table[fitted_mask(item, raw, answer.labels.shape)]  # a large photo is answered at a smaller size
        labels = index[answer.labels]  # (H, W) classes of the protocol; at threshold 0 every pixel has one
        for threshold, matrix in matrices.items():
            matrix.update(truth, np.where(answer.best_score < threshold, none, labels))
    return {t: m.mean_iou(range(none + 1), MIN_PHOTOS) for t, m in matrices.items()}


def _asked(truth: np.ndarray, protocol: EvalProtocol, number: int) -> tuple[list[str], list[str]]:
    """Seen and unseen names to ask a photo for: those of its labels, and `OTHERS` drawn by its number."""
    shown = {int(label) for label in np.unique(truth) if label < len(protocol.names)}
    rest = [label for label in range(len(protocol.names)) if label not in shown]
    # Seeded by the photo's number: a second run asks the same.
    others = np.random.default_rng([0, number]).permutation(rest)[:OTHERS]
    names = [protocol.names[label] for label in sorted(shown | {int(label) for label in others})]
    return [n for n in names if n in protocol.seen], [n for n in names if n not in protocol.seen]


def _check_scores(scores: Iterable[float]) -> None:
    """Refuse to choose among scores that are all nan.

    Raises:
        UserError: they are.
    """
    if all(np.isnan(score) for score in scores):
        raise UserError(
            f"No seen or no unseen class is in {MIN_PHOTOS} development photos, so there is no mean to choose by: take "
            "more photos."
        )


def _order(score: float) -> float:
    # max would keep a nan that comes first, since no comparison with nan is true.
    return -1.0 if np.isnan(score) else score


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="training.calibrate", description=__doc__.split("\n")[0] if __doc__ else None)
    add_model_options(parser)
    add_data_options(parser)
    parser.add_argument("--strict", action="store_true", help="use no label of an unseen class, only held-out ones")
    parser.add_argument("--json", type=Path, help="write both curves to this file")
    parser.add_argument("--write", action="store_true", help="write the two numbers into the checkpoint's metadata")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
