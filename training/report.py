"""Evaluation report of a checkpoint and the training-free baseline: reliability, seen penalty, confusion matrix.

    python -m training.report --checkpoint zegclip-mini-inductive --baseline mini-clip --root DATA --out runs/report

One pass over the photos per model. --out gets `report.json` (all numbers), `report.md` (a table of the classes),
`reliability.png`, `penalty.png`, and `confusion-NAME.png` of each model at its own seen penalty. This command chooses
no penalty: choose it on the development split with training.calibrate.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.data.datasets import Item, open_set
from training.data.sets.run_files import check_photos
from training.evaluation.metrics import Reliability, ReliabilityCurve
from training.evaluation.models import add_data_options, add_device_options, open_baseline, open_checkpoint
from training.evaluation.plots import plot_confusion, plot_penalties, plot_reliability
from training.evaluation.protocol import PENALTIES, EvalProtocol, PenaltySweep, predictions, protocol_for
from training.evaluation.scores import SCORES, json_number, json_numbers, score_report
from training.runtime.console import check_outputs, run_for_person
from zsseg.predictor import Predictor


@dataclass(frozen=True)
class Findings:
    """Results of one model.

    Attributes:
        predictor: the model.
        penalty: its own seen penalty, -1..1, used for the confusion matrix and the table.
        sweep: confusion matrices at `penalty` and at all of `PENALTIES`.
        reliability: curves of all, of the seen and of the unseen classes.
    """

    predictor: Predictor
    penalty: float
    sweep: PenaltySweep
    reliability: dict[str, ReliabilityCurve]


def main(arguments: list[str] | None = None) -> int:
    """Entry point. Returns 0, or 2 after printing a UserError."""
    return run_for_person(lambda: write_report(_parser().parse_args(arguments)))


def write_report(options: argparse.Namespace) -> dict[str, Any]:
    """Evaluate and write all files; return the document of `report.json`."""
    check_outputs(options.out / "report.json")
    predictors = [open_checkpoint(options)]
    if options.baseline is not None:
        predictors.append(open_baseline(options))
    photos = open_set(options.data, options.root, options.split)
    items = photos.items[: options.limit]
    check_photos(photos, items)
    # The baseline has no seen classes of its own: both are evaluated with the checkpoint's protocol.
    protocol = protocol_for(photos, predictors[0].metadata)
    found = [examine(predictor, items, protocol) for predictor in predictors]
    options.out.mkdir(parents=True, exist_ok=True)
    report: dict[str, Any] = {"data": options.data, "split": options.split, "photos": len(items)}
    report["models"] = [_numbers(one, protocol) for one in found]
    (options.out / "report.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    (options.out / "report.md").write_text(markdown(report), encoding="utf-8")
    plot_reliability({one.predictor.name: one.reliability for one in found}, options.out / "reliability.png")
    plot_penalties({one.predictor.name: one.sweep.curve() for one in found}, options.out / "penalty.png")
    for one in found:
        matrix = one.sweep.matrices[one.penalty]
        path = options.out / f"confusion-{one.predictor.name}.png"
        plot_confusion(matrix.counts, protocol.names, protocol.unseen, path)
    print(markdown(report))
    return report


def examine(predictor: Predictor, items: Sequence[Item], protocol: EvalProtocol) -> Findings:
    """Run a model over the photos once; keep only histograms and confusion matrices."""
    penalty = predictor.metadata.seen_penalty
    # Its own penalty need not be one of the others.
    sweep = PenaltySweep(protocol, (*PENALTIES, penalty))
    reliability = Reliability(len(protocol.names))
    for _, raw, answer in predictions(predictor, items, protocol, predictor.name):
        truth = protocol.table[raw]
        sweep.update(truth, answer)
        # Sigmoids as they are, before penalty and threshold.
        reliability.update(truth, answer.scores)
    groups = {
        "all names": range(len(protocol.names)),
        "seen": range(len(protocol.seen)),
        "unseen": range(len(protocol.seen), len(protocol.names)),
    }
    return Findings(predictor, penalty, sweep, {name: reliability.curve(rows) for name, rows in groups.items()})


def markdown(report: dict[str, Any]) -> str:
    """Format the four scores and the IoU of every class as Markdown tables, one column per model."""
    models = report["models"]
    names = [model["checkpoint"] for model in models]
    lines = [f"{report['data']} {report['split']}, {report['photos']} photos, all names asked at once.", ""]
    lines += _table_head(["", *names])
    lines += [_row([score, *(_shown(model[score]) for model in models)]) for score in SCORES]
    lines.append(_row(["calibration error", *(_shown(m["reliability"]["all names"]["error"]) for m in models)]))
    lines.append(_row(["seen penalty", *(_shown(model["seen_penalty"]) for model in models)]))
    # One protocol served all models, so their classes are the same.
    lines += ["", *_table_head(["class", "", "photos", *(f"IoU, {name}" for name in names)])]
    for name, row in models[0]["per_class"].items():
        kind = ("seen" if row["seen"] else "unseen") + ("" if row["counted"] else ", not counted")
        values = (_shown(model["per_class"][name]["iou"]) for model in models)
        lines.append(_row([name, kind, str(row["photos"]), *values]))
    return "\n".join(lines) + "\n"


def _numbers(found: Findings, protocol: EvalProtocol) -> dict[str, Any]:
    scores = score_report(found.predictor, protocol, found.sweep.matrices[found.penalty], found.penalty)
    penalties = {str(penalty): json_numbers(row) for penalty, row in found.sweep.curve().items()}
    return {**scores, "penalties": penalties, "reliability": {n: _curve(c) for n, c in found.reliability.items()}}


def _curve(curve: ReliabilityCurve) -> dict[str, Any]:
    return {
        "error": json_number(curve.error),
        "cases": curve.cases.tolist(),
        "score": [json_number(float(value)) for value in curve.score],
        "share": [json_number(float(value)) for value in curve.share],
    }


def _table_head(cells: list[str]) -> list[str]:
    return [_row(cells), _row(["---"] * len(cells))]


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="training.report", description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--checkpoint", required=True, help="name or path of a checkpoint")
    parser.add_argument("--baseline", metavar="BACKBONE", help="also evaluate this backbone, training-free")
    add_device_options(parser)
    add_data_options(parser)
    parser.add_argument("--split", default="development", help="development (default), val, ...")
    parser.add_argument("--out", type=Path, required=True, help="folder of the report")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
