"""Evaluate a checkpoint or the training-free baseline on a labelled data set in the generalised zero-shot setting.

python -m training.evaluate --checkpoint zegclip-mini-inductive --data voc2012 --root DATA --split val --json FILE
python -m training.evaluate --baseline mini-clip --data voc2012 --root DATA --split val --json FILE
"""

import argparse
import dataclasses
import json
from pathlib import Path
from typing import Any

from training.data.datasets import open_set
from training.evaluation.models import add_data_options, add_model_options, open_predictor, rewrite_metadata
from training.evaluation.plots import plot_confusion
from training.evaluation.protocol import evaluate_predictor, protocol_for
from training.evaluation.scores import SCORES, score_report
from training.runtime.console import run_for_person


def main(arguments: list[str] | None = None) -> int:
    """Entry point. Returns 0, or 2 after printing a UserError."""
    return run_for_person(lambda: evaluate(_parser().parse_args(arguments)))


def evaluate(options: argparse.Namespace) -> dict[str, Any]:
    """Evaluate, print the table, write the files; return the report."""
    predictor = open_predictor(options)
    photos = open_set(options.data, options.root, options.split)
    items = photos.items[: options.limit]
    protocol = protocol_for(photos, predictor.metadata)
    penalty = predictor.metadata.seen_penalty if options.seen_penalty is None else options.seen_penalty
    matrix = evaluate_predictor(predictor, items, protocol, penalty, progress=f"{options.data} {options.split}")
    report = {"data": options.data, "split": options.split, "photos": len(items)}
    report |= score_report(predictor, protocol, matrix, penalty)
    print_report(report)
    if options.json is not None:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    if options.plot is not None:
        plot_confusion(matrix.counts, protocol.names, protocol.unseen, options.plot)
    if options.write:
        scores = {f"{options.data} {options.split} {k}": report[k] for k in SCORES if report[k] is not None}
        metadata = dataclasses.replace(predictor.metadata, scores={**predictor.metadata.scores, **scores})
        rewrite_metadata(predictor, options.checkpoint, metadata)
    return report


def print_report(report: dict[str, Any]) -> None:
    """Print every class (* marks unseen ones; rare ones are not counted in the means), then the four scores."""
    for name, row in report["per_class"].items():
        if row["photos"] == 0:
            continue
        iou = "  -  " if row["iou"] is None else f"{row['iou']:.3f}"
        line = f"{name}{'' if row['seen'] else ' *':2s}"
        print(f"  {line:24s}{iou}  {row['photos']:5d} photos{'' if row['counted'] else '  (not counted)'}")
    scores = "  ".join(f"{key} {'-' if report[key] is None else format(report[key], '.3f')}" for key in SCORES)
    print(f"{report['checkpoint']}, {report['data']} {report['split']}, {report['photos']} photos: {scores}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="training.evaluate", description=__doc__.split("\n")[0] if __doc__ else None)
    add_model_options(parser)
    add_data_options(parser)
    parser.add_argument("--split", default="val", help="val (default), development, train, trainval, test")
    parser.add_argument("--seen-penalty", type=float, help="overrides the checkpoint's own")
    parser.add_argument("--json", type=Path, help="write the report to this file")
    parser.add_argument("--write", action="store_true", help="write the four scores into the checkpoint's metadata")
    parser.add_argument("--plot", type=Path, help="write the confusion matrix to this PNG file")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
