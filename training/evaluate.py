"""Score a checkpoint, or the training-free baseline, on a labelled set, in the generalised setting.

python -m training.evaluate --checkpoint zegclip-mini-inductive --data voc2012 --root DATA --split val --json FILE
python -m training.evaluate --baseline mini-clip --data voc2012 --root DATA --split val --json FILE
"""

import argparse
import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import torch

from training.assemble import find_backbone
from training.console import run_for_person
from training.data.datasets import open_set
from training.data.splits import SETS
from training.judging import MIN_PHOTOS, Question, judge, question_for, summarise
from training.metrics import ConfusionMatrix
from training.plots import plot_confusion
from zsseg.checkpoint import Metadata, find_checkpoint, load_checkpoint, save_checkpoint
from zsseg.errors import UserError
from zsseg.models import Backbone, SegmentationModel, load_backbone
from zsseg.predictor import Predictor

SCORES = ("pAcc", "mIoU_seen", "mIoU_unseen", "hIoU")


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; 0, or 2 after a sentence for the person."""
    return run_for_person(lambda: evaluate(_parser().parse_args(arguments)))


def evaluate(options: argparse.Namespace) -> dict[str, Any]:
    """Score as the command line asks, print the table, write the files; return the report."""
    predictor = open_predictor(options)
    photos = open_set(options.data, options.root, options.split)
    items = photos.items[: options.limit]
    question = question_for(photos, predictor.metadata)
    penalty = predictor.metadata.seen_penalty if options.seen_penalty is None else options.seen_penalty
    matrix = judge(predictor, items, question, penalty, progress=f"{options.data} {options.split}")
    report = {"data": options.data, "split": options.split, "photos": len(items)}
    report |= score_report(predictor, question, matrix, penalty)
    print_report(report)
    if options.json is not None:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    if options.plot is not None:
        plot_confusion(matrix.counts, question.names, question.unseen, options.plot)
    if options.write:
        scores = {f"{options.data} {options.split} {k}": report[k] for k in SCORES if report[k] is not None}
        metadata = dataclasses.replace(predictor.metadata, scores={**predictor.metadata.scores, **scores})
        rewrite_metadata(predictor, options.checkpoint, metadata)
    return report


def open_predictor(options: argparse.Namespace) -> Predictor:
    """The predictor that the options `checkpoint`, `baseline`, `backbone`, `size` and `device` ask for.

    Raises:
        UserError: it is not there.
    """
    return open_checkpoint(options) if options.baseline is None else open_baseline(options)


def open_checkpoint(options: argparse.Namespace) -> Predictor:
    """The trained predictor that the options `checkpoint`, `backbone` and `device` ask for.

    Raises:
        UserError: it is not there.
    """
    known: dict[str, Backbone] = {}
    if options.backbone is not None:
        backbone = load_backbone(find_backbone(options.backbone))
        known[backbone.sha256] = backbone
    model, metadata = load_checkpoint(options.checkpoint, known)
    return Predictor(model, metadata, _device(options))


def open_baseline(options: argparse.Namespace) -> Predictor:
    """The training-free predictor that the options `baseline`, `size` and `device` ask for.

    Raises:
        UserError: the backbone is not there.
    """
    return Predictor.training_free(find_backbone(options.baseline), _device(options), size=options.size)


def _device(options: argparse.Namespace) -> str:
    return options.device or ("cuda" if torch.cuda.is_available() else "cpu")


def score_report(predictor: Predictor, question: Question, matrix: ConfusionMatrix, penalty: float) -> dict[str, Any]:
    """What a matrix that was filled at one seen penalty says of a predictor, ready for JSON."""
    return {
        "checkpoint": predictor.name,
        "setting": predictor.metadata.setting,
        "seen_penalty": penalty,
        "min_photos": MIN_PHOTOS,
        **json_numbers(summarise(matrix, question).as_dict()),
        "per_class": per_class(matrix, question),
    }


def rewrite_metadata(predictor: Predictor, checkpoint: str | None, metadata: Metadata) -> None:
    """Put other metadata into the file of the predictor's checkpoint; the weights stay as they are.

    Raises:
        UserError: the predictor is not a checkpoint's.
    """
    if checkpoint is None or not isinstance(predictor.model, SegmentationModel):
        raise UserError("--write needs a --checkpoint: the baseline has no file.")
    save_checkpoint(predictor.model, metadata, find_checkpoint(checkpoint))


def per_class(matrix: ConfusionMatrix, question: Question) -> dict[str, dict[str, Any]]:
    """IoU, photos, seen and counted (enough photos for the means) of every class that was asked."""
    return {
        name: {
            "iou": json_number(float(iou)),
            "photos": int(photos),
            "seen": name in question.seen,
            "counted": bool(photos >= MIN_PHOTOS),
        }
        for name, iou, photos in zip(question.names, matrix.iou(), matrix.photos, strict=True)
    }


def print_report(report: dict[str, Any]) -> None:
    """Print the classes, unseen ones starred and those too rare to count in brackets, then the four scores."""
    for name, row in report["per_class"].items():
        if row["photos"] == 0:
            continue
        iou = "  -  " if row["iou"] is None else f"{row['iou']:.3f}"
        line = f"{name}{'' if row['seen'] else ' *':2s}"
        print(f"  {line:24s}{iou}  {row['photos']:5d} photos{'' if row['counted'] else '  (not counted)'}")
    scores = "  ".join(f"{key} {'-' if report[key] is None else format(report[key], '.3f')}" for key in SCORES)
    print(f"{report['checkpoint']}, {report['data']} {report['split']}, {report['photos']} photos: {scores}")


def json_number(value: float) -> float | None:
    """A score as JSON can hold it, which has no nan: None in its place."""
    return None if math.isnan(value) else round(value, 5)


def json_numbers(scores: dict[str, float]) -> dict[str, float | None]:
    """Scores by name, as JSON can hold them."""
    return {key: json_number(value) for key, value in scores.items()}


def add_model_options(parser: argparse.ArgumentParser) -> None:
    """Options that say which model is asked."""
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--checkpoint", help="name or path of a checkpoint")
    which.add_argument("--baseline", metavar="BACKBONE", help="the training-free cosine of a backbone, name or folder")
    add_place_options(parser)


def add_place_options(parser: argparse.ArgumentParser) -> None:
    """Options that say where and how a model runs."""
    parser.add_argument("--backbone", help="folder of the checkpoint's backbone, where it is not beside it")
    parser.add_argument("--size", type=int, help="window of the baseline in px, instead of its backbone's own")
    parser.add_argument("--device", help="cpu, cuda; by default cuda where there is one")


def add_data_options(parser: argparse.ArgumentParser) -> None:
    """Options that say which photos are asked about."""
    parser.add_argument("--data", choices=SETS, default="voc2012")
    parser.add_argument("--root", type=Path, required=True, help="folder that holds the set")
    parser.add_argument("--limit", type=int, help="only the first photos")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="training.evaluate", description=__doc__.split("\n")[0] if __doc__ else None)
    add_model_options(parser)
    add_data_options(parser)
    parser.add_argument("--split", default="val", help="val, development, train, trainval, test")
    parser.add_argument("--seen-penalty", type=float, help="instead of the checkpoint's own")
    parser.add_argument("--json", type=Path, help="write the report here")
    parser.add_argument("--write", action="store_true", help="put the four scores into the checkpoint's metadata")
    parser.add_argument("--plot", type=Path, help="write the confusion matrix here, as PNG")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
