"""The two papers' ablations, and the standard deviation over seeds, as a table.

    python -m training.ablate --domain mini --data-root DATA --iters 100 --views 1 --features runs/features-1
    python -m training.ablate --domain mini --data-root DATA --only zegclip --seeds 0 1 2 --whole --out runs/seeds

Every run has a folder in --out with its weights, curves, `log.txt` and `scores.json`. The table is
`ablation-DOMAIN.md`; `ablation-DOMAIN.json` has all numbers. Finished runs are not repeated, and interrupted runs are
resumed. Nothing is written outside --out.
"""

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from training.ablation.trials import BASELINE, Plan, Trial, read_scores, run_trial
from training.ablation.variants import DOMAINS, METHODS, Length, base_recipe
from training.evaluation.scores import SCORES
from training.runtime.console import positive, run_for_person
from training.runtime.devices import available_cores
from zsseg.errors import UserError
from zsseg.files import write_text
from zsseg.weights.search import find_backbone

LOG_FILE = "log.txt"


def main(arguments: list[str] | None = None) -> int:
    """Entry point. Returns 0, or 2 after printing a UserError."""
    options = _parser().parse_args(arguments)
    # A process of `_run_apart`: only its parent makes tables.
    if options.one is not None:
        return run_for_person(lambda: run_trial(make_plan(options), Trial(options.one, options.seeds[0])))
    return run_for_person(lambda: ablate(options))


def ablate(options: argparse.Namespace) -> dict[str, Any]:
    """Run what is missing, each run in a process of its own; rewrite the table after each; return its JSON document.

    Raises:
        UserError: a run failed (the others were made), or --out holds runs of other options.
    """
    plan = make_plan(options)
    names = chosen(plan, options.only)
    table = write_table(plan)  # raises if --out holds runs of other options, before hours are spent
    missing = [trial for trial in trials(names, options.seeds) if read_scores(plan, trial) is None]
    failed = []
    # Threads, since all they do is wait for a process.
    with ThreadPoolExecutor(max_workers=options.jobs) as pool:
        running = {pool.submit(_run_apart, plan, options, trial): trial for trial in missing}
        for future in as_completed(running):
            trial = running[future]
            print(f"{trial.folder}: {'done' if future.result() == 0 else 'failed'}", flush=True)
            if future.result() != 0:
                failed.append(str(plan.out / trial.folder / LOG_FILE))
            table = write_table(plan)
    print(markdown(table))
    if failed:
        raise UserError(f"Some runs failed and are missing in the table; the reasons are in {', '.join(failed)}.")
    return table


def make_plan(options: argparse.Namespace) -> Plan:
    """Return the options that all runs share.

    Raises:
        UserError: the backbone or the recipes of the domain do not exist.
    """
    domain, length = DOMAINS[options.domain], Length(options.iters, options.size, options.views)
    backbone = find_backbone(options.backbone or base_recipe(domain, METHODS[0], length).backbone)
    split = options.split or domain.split
    places = (options.data_root, backbone, options.out, options.features)
    return Plan(domain, length, split, options.limit, *places, options.device)


def chosen(plan: Plan, only: Sequence[str] | None) -> tuple[str, ...]:
    """Return the names of the chosen runs in the order of the table; all runs if `only` is None.

    Raises:
        UserError: a run does not exist.
    """
    names = (BASELINE, *plan.variants)
    unknown = [name for name in only or () if name not in names]
    if unknown:
        raise UserError(f"There is no run {unknown[0]!r} in this domain: choose one of {', '.join(names)}.")
    return tuple(name for name in names if only is None or name in only)


def trials(names: Sequence[str], seeds: Sequence[int]) -> list[Trial]:
    """Combine names and seeds; the training-free baseline, which has no random choice, runs once."""
    # Its folder has no seed in its name.
    return [Trial(name, seed) for name in names for seed in (seeds[:1] if name == BASELINE else seeds)]


def write_table(plan: Plan) -> dict[str, Any]:
    """Collect the scores in --out into the Markdown and the JSON table; return the JSON document.

    Raises:
        UserError: some scores were made with other options.
    """
    rows = []
    for name in (BASELINE, *plan.variants):
        found = [read_scores(plan, Trial(name, seed)) for seed in _finished_seeds(plan, name)]
        results = [result for result in found if result is not None]
        if results:
            rows.append(summary(plan, name, results))
    table = {"plan": plan.identity, "rows": rows}
    plan.out.mkdir(parents=True, exist_ok=True)
    write_text(plan.out / f"ablation-{plan.domain.name}.json", json.dumps(table, indent=1) + "\n")
    write_text(plan.out / f"ablation-{plan.domain.name}.md", markdown(table))
    return table


def summary(plan: Plan, name: str, results: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return one row: the four scores of every seed, their mean, and with several seeds their standard deviation.

    The standard deviation is that of a sample (n - 1). A score is None if any of the runs has none.
    """
    values = {key: [result[key] for result in results] for key in SCORES}
    # One run without a score would make a mean of fewer seeds than the others'.
    complete = {key: None not in column for key, column in values.items()}
    several = len(results) > 1
    return {
        "name": name,
        "about": plan.about(name),
        "method": results[0]["method"],
        "steps": results[0]["steps"],
        "photos": results[0]["photos"],
        "seeds": [result["seed"] for result in results],
        "values": values,
        "mean": {key: _rounded(statistics.mean, values[key]) if complete[key] else None for key in SCORES},
        "sd": {key: _rounded(statistics.stdev, values[key]) if complete[key] and several else None for key in SCORES},
    }


def markdown(table: dict[str, Any]) -> str:
    """Format the rows as a Markdown table, below a line that says how they were made."""
    plan, rows = table["plan"], table["rows"]
    photos = " or ".join(sorted({str(row["photos"]) for row in rows})) or "no"
    size = f"crops of {plan['size']} px" if plan["size"] else "the recipes' crops"
    lines = [
        f"{plan['data']} {plan['split']}, {photos} photos, all names asked at once; {size}.",
        "",
        "| run | what is changed | steps | seeds | pAcc | mIoU seen | mIoU unseen | hIoU |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        seeds = "-" if row["name"] == BASELINE else " ".join(map(str, row["seeds"]))
        scores = (_shown(row["mean"][key], row["sd"][key]) for key in SCORES)
        cells = (row["name"], row["about"], str(row["steps"]), seeds, *scores)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _run_apart(plan: Plan, options: argparse.Namespace, trial: Trial) -> int:
    """Run one trial in a process of its own and return the exit code. The processes share the cores."""
    command = [sys.executable, "-m", "training.ablate", *_shared_arguments(options)]
    command += ["--one", trial.name, "--seeds", str(trial.seed)]
    # More threads than cores wait for each other (training/LOG.md, first round).
    threads = max(1, available_cores() // options.jobs)
    folder = plan.out / trial.folder
    folder.mkdir(parents=True, exist_ok=True)
    # Overwritten: the output of a failed run does not help the next try.
    with (folder / LOG_FILE).open("w", encoding="utf-8") as log:
        environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
        return subprocess.run(command, env=environment, stdout=log, stderr=log, check=False).returncode


def _shared_arguments(options: argparse.Namespace) -> list[str]:
    # --iters has a default, so the recipes' own iterations must be named too.
    length = ["--whole"] if options.iters is None else ["--iters", str(options.iters)]
    given = {name: getattr(options, name) for name in ("size", "views", "split", "limit", "backbone", "device")}
    rest = [text for name, value in given.items() if value is not None for text in (f"--{name}", str(value))]
    places = ["--data-root", str(options.data_root), "--out", str(options.out), "--features", str(options.features)]
    return ["--domain", options.domain, *places, *length, *rest]


def _finished_seeds(plan: Plan, name: str) -> list[int]:
    if name == BASELINE:
        return [0]
    folders = plan.out.glob(f"{name}-seed*")
    # As numbers, so that seed 10 follows seed 9.
    return sorted(int(number) for path in folders if (number := path.name.rpartition("-seed")[2]).isdigit())


def _rounded(statistic: Callable[[Sequence[float]], float], values: Sequence[float]) -> float:
    return round(float(statistic(values)), 5)


def _shown(mean: float | None, deviation: float | None) -> str:
    if mean is None or math.isnan(mean):
        return "-"
    return f"{mean:.3f}" if deviation is None else f"{mean:.3f} ± {deviation:.3f}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="training.ablate", description=__doc__.split("\n")[0] if __doc__ else None)
    # "--world" is the option's earlier name, which commands in training/LOG.md have.
    parser.add_argument(
        "--domain", "--world", choices=tuple(DOMAINS), default="mini", help="mini: photos; shapes: synthetic scenes"
    )
    parser.add_argument("--data-root", type=Path, default=Path("data"), help="folder that holds the data sets (data)")
    parser.add_argument("--out", type=Path, default=Path("runs/ablation"), help="folder of all runs (runs/ablation)")
    parser.add_argument(
        "--features", type=Path, default=Path("runs/features"), help="cached views of the photos (runs/features)"
    )
    parser.add_argument("--only", nargs="+", metavar="NAME", help="only these runs: METHOD or METHOD-VARIANT")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0], help="every run is made once per seed (0)")
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--iters", type=positive, default=150, help="iterations of every run (150)")
    length.add_argument("--whole", dest="iters", action="store_const", const=None, help="the recipes' own iterations")
    parser.add_argument("--size", type=positive, help="side of crops and windows in pixels (default: the recipe's)")
    parser.add_argument("--views", type=positive, help="cached views of each photo (default: the recipe's)")
    parser.add_argument("--split", help="split for evaluation (default: development for mini, val for shapes)")
    parser.add_argument("--limit", type=positive, help="evaluate on the first LIMIT photos only")
    parser.add_argument("--jobs", type=positive, default=1, help="runs in parallel (1); they share the cores")
    parser.add_argument("--backbone", help="folder or name of a backbone (default: the recipe's)")
    parser.add_argument("--device", help="cpu or cuda (default: cuda if available)")
    parser.add_argument("--one", metavar="NAME", help="one run in this process with the first seed, without a table")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
