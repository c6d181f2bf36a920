"""Check data sets, and convert published annotations to the layouts that training reads.

    python -m training.data check --data-root DATA                 # every data set found there
    python -m training.data check --data-root DATA --data my_set --json report.json
    python -m training.data convert coco-stuff --source stuffthingmaps_trainval2017 --out DATA/coco_stuff164k
    python -m training.data convert sbd --source benchmark_RELEASE --out DATA/VOCdevkit/VOC2012
    python -m training.data convert context --source pascal_context --out DATA/VOCdevkit/VOC2010

`check` reads every file. It returns 0 if there is no problem, 1 if there are problems, 2 if it could not run.
"""

import argparse
import dataclasses
import json
from pathlib import Path

from training.data.sets.check import SetReport, check_set, describe_report, find_sets
from training.data.sets.convert import convert_coco_stuff, convert_context, convert_sbd
from training.runtime.console import check_outputs, positive, run_for_person
from zsseg.files import write_text

_CONVERTERS = {"coco-stuff": convert_coco_stuff, "sbd": convert_sbd, "context": convert_context}


def main(arguments: list[str] | None = None) -> int:
    """Entry point. Returns 0, 1 if `check` found problems, or 2 after printing a UserError."""
    options = _parser().parse_args(arguments)
    if options.command == "convert":
        return run_for_person(lambda: convert(options))
    # The reports leave through a list, since `run_for_person` keeps the exit code for itself.
    reports: list[SetReport] = []
    code = run_for_person(lambda: reports.extend(check(options)))
    # A run that failed is 2, whatever was reported before.
    return code or int(any(report.problems for report in reports))


def check(options: argparse.Namespace) -> list[SetReport]:
    """Check the chosen data sets, print the reports, write the JSON document; return the reports."""
    check_outputs(options.json)
    names = options.data or find_sets(options.data_root)
    reports = []
    for name in names:
        reports.append(check_set(name, options.data_root, options.limit))
        print(describe_report(reports[-1]))
    if options.json is not None:
        document = [dataclasses.asdict(report) for report in reports]
        write_text(options.json, json.dumps(document, indent=1) + "\n")
    return reports


def convert(options: argparse.Namespace) -> None:
    """Run one converter and print how many photos it made masks for."""
    count = _CONVERTERS[options.set](options.source, options.out)
    print(f"{options.out}: {count:,} photos. Check them with python -m training.data check.")


def _parser() -> argparse.ArgumentParser:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog="training.data", description=__doc__, formatter_class=raw)
    commands = parser.add_subparsers(dest="command", required=True)
    check_parser = commands.add_parser("check", help="read every file and report faults and class counts")
    check_parser.add_argument("--data-root", type=Path, required=True, help="folder that holds the data sets")
    check_parser.add_argument("--data", nargs="+", metavar="NAME", help="these data sets only (default: all found)")
    check_parser.add_argument("--limit", type=positive, help="read only the first LIMIT photos of each split")
    check_parser.add_argument("--json", type=Path, help="write the reports to this file")
    convert_parser = commands.add_parser("convert", help="convert published annotations")
    convert_parser.add_argument("set", choices=tuple(_CONVERTERS), help="what to convert")
    convert_parser.add_argument("--source", type=Path, required=True, help="folder of the published annotations")
    convert_parser.add_argument("--out", type=Path, required=True, help="folder of the data set")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
