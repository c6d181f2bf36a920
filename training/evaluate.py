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
from training.data.sets.run_files import check_photos
from training.evaluation.models import (
    add_data_options,
    add_model_options,
    open_predictor,
    rewrite_metadata,
    with_layout,
)  # fmt: skip
from training.evaluation.plots import plot_confusion
from training.evaluation.protocol import MIN_PHOTOS, evaluate_predictor, protocol_for
from training.evaluation.scores import SCORES, score_report
from training.evaluation.tables import check_table, result_rows, write_table
from training.recipes import load_recipe
from training.recipes.papers.published import PUBLISHED
from training.runtime.console import check_outputs, positive, run_for_person
from training.runtime.devices import setup_device, teardown
from zsseg.files import write_text
from zsseg.image import Layout
from zsseg.predictor import Predictor
from zsseg.weights.metadata import Metadata


def main(arguments: list[str] | None = None) -> int:
    """Entry point. Returns 0, or 2 after printing a UserError."""
    return run_for_person(lambda: evaluate(_parser().parse_args(arguments)))


def evaluate(options: argparse.Namespace) -> dict[str, Any]:
    """Evaluate, print the table, write the files; return the report of the first protocol.

    Under torchrun every process evaluates its share of the photos, and the confusion matrices are added up.

    Raises:
        UserError: the model or the data set does not exist or is damaged, a file cannot be written, or the options
            contradict each other.
    """
    check_outputs(options.json, options.table, options.plot)
    check_table(options.table)
    # fp32: scores must not depend on what the machine is fast at.
    context = setup_device("fp32", options.device)
    predictor = open_predictor(options)
    photos = open_set(options.data, options.root, options.split)
    items = photos.items[: options.limit]
    check_photos(photos, items)
    classes = protocol_for(photos, predictor.metadata, unseen_list=options.unseen)
    penalty = predictor.metadata.seen_penalty if options.seen_penalty is None else options.seen_penalty
    common = {"data": options.data, "split": options.split, "photos": len(items), "photo_gate": options.photo_gate}
    common["engine"] = predictor.engine.name
    reports = []
    for name, layout, min_photos in _protocols(options.protocol, predictor.metadata):
        asked, least = with_layout(predictor, layout), options.min_photos or min_photos
        # Interleaved, so that no process gets all the large photos of one source.
        share = items[context.rank :: context.world_size]
        label = f"{options.data} {options.split}, {name}"
        matrix = evaluate_predictor(asked, share, classes, penalty, label, options.photo_gate)
        # From here on every process has the counts of all photos.
        matrix.sum_over_processes()
        scores = score_report(asked, classes, matrix, penalty, least)
        reports.append({**common, "protocol": name, **scores})
        if context.is_main:
            print_report(reports[-1])
            if options.plot is not None and len(reports) == 1:
                options.plot.parent.mkdir(parents=True, exist_ok=True)
                plot_confusion(matrix.counts, classes.names, classes.unseen, options.plot)
    published = published_row(predictor.metadata, options.data, options.split)
    # The first numbers are at the top level in either case: readers need not know of the others.
    report = {**reports[0], **({"protocols": reports} if len(reports) > 1 else {})}
    if published is not None:
        report["published"] = {key: round(value / 100, 4) for key, value in published.items()}
    if context.is_main:
        write_files(options, predictor, reports, report, published)
    teardown(context)
    return report


def _protocols(name: str, metadata: Metadata) -> list[tuple[str, Layout, int]]:
    """Name, layout of windows and smallest number of photos per class of each protocol that was asked for."""
    # As upstream evaluates: windows of the training size, and every class counts, however rare.
    papers: tuple[str, Layout, int] = ("papers", "sliding", 1)
    whole: tuple[str, Layout, int] = ("whole", "whole", 1)
    own: tuple[str, Layout, int] = ("own", metadata.layout, MIN_PHOTOS)
    return {"own": [own], "papers": [papers], "whole": [whole], "both": [papers, whole]}[name]


def published_row(metadata: Metadata, data: str, split: str) -> dict[str, float] | None:
    """The published scores, in percent, of a trained or imported checkpoint on these photos; None if there are none.

    Args:
        metadata: of the checkpoint: trained by a paper's recipe, or brought by `zsseg weights get`.
        data: data set that is evaluated; the published scores of a recipe are those on its own.
        split: of the data set; the published scores are those of "val".
    """
    for name in (metadata.recipe, metadata.name.replace("-", "_")):
        if name in PUBLISHED and split == "val" and data == load_recipe(name).sources[0].name:
            return PUBLISHED[name]._asdict()
    return None


def write_files(
    options: argparse.Namespace,
    predictor: Predictor,
    reports: list[dict[str, Any]],
    report: dict[str, Any],
    published: dict[str, float] | None,
) -> None:
    """Write the JSON document, the table, and the scores of the first protocol into the checkpoint, as asked for."""
    if options.json is not None:
        write_text(options.json, json.dumps(report, indent=1) + "\n")
    if options.table is not None:
        write_table(options.table, result_rows(reports, published))
    # Data set and split are in the key: a checkpoint can hold the scores of several.
    if options.write and not options.photo_gate:  # a checkpoint's scores are those of the published method
        scores = {f"{options.data} {options.split} {k}": report[k] for k in SCORES if report[k] is not None}
        metadata = dataclasses.replace(predictor.metadata, scores={**predictor.metadata.scores, **scores})
        rewrite_metadata(predictor, options.checkpoint, metadata)


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
    if not any(row["counted"] for row in report["per_class"].values()):
        least = report["min_photos"]
        print(
            f"No class is in {least} photos, so there is no mean: take more photos, or count all with --min-photos 1."
        )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="training.evaluate", description=__doc__.split("\n")[0] if __doc__ else None)
    add_model_options(parser)
    add_data_options(parser)
    parser.add_argument("--split", default="val", help="val (default), development, train, trainval, test")
    parser.add_argument("--seen-penalty", type=float, help="overrides the checkpoint's own")
    parser.add_argument("--photo-gate", type=float, default=0.0, help="strength of the photo-level gate, 0..1 (0)")
    parser.add_argument(
        "--protocol", choices=("own", "papers", "whole", "both"), default="own",
        help="own: the checkpoint's windows (default); papers: sliding windows, all classes count; whole: whole photos",
    )  # fmt: skip
    parser.add_argument(
        "--unseen", metavar="LIST", help="published list of unseen classes, e.g. papers; none: all seen"
    )
    parser.add_argument(
        "--min-photos", type=positive, metavar="N",
        help=f"classes in fewer photos are in no mean ({MIN_PHOTOS}; 1 with --protocol papers, whole, both)",
    )  # fmt: skip
    parser.add_argument("--table", type=Path, help="write rows beside the published ones to this .md or .tex file")
    parser.add_argument("--json", type=Path, help="write the report to this file")
    parser.add_argument("--write", action="store_true", help="write the four scores into the checkpoint's metadata")
    parser.add_argument("--plot", type=Path, help="write the confusion matrix to this PNG file")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
