"""Trains everything for the shapes data set from scratch: scenes, backbone, both heads in both settings, scores.

    make train-shapes
    python -m training.shapes.train_all --out runs/shapes --minutes 13 --install checkpoints

--out gets `shapes/` (the scenes), `weights/` (backbone and four heads), `NAME/` (each run) and `scores.json`. Existing
files are not made again: delete the folder to start again.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from training.runtime.console import positive_number, run_for_person
from training.runtime.devices import available_cores
from training.shapes.dataset import write_scenes
from zsseg.errors import UserError
from zsseg.files import atomic_path
from zsseg.models import ClipRCConfig, ZegCLIPConfig
from zsseg.weights.backbone import WEIGHTS_FILE
from zsseg.weights.search import SUFFIX, WEIGHTS_VARIABLE

BACKBONE = "shapes-clip"
METHODS = (ZegCLIPConfig.method, ClipRCConfig.method)
STAGES = ("inductive", "transductive")
SCENES = {"train": 4000, "val": 300}
# Shares of the minutes.
_BACKBONE_SHARE, _STAGE_SHARES = 0.58, (0.26, 0.16)


def main(arguments: list[str] | None = None) -> int:
    """Entry point. Returns 0, or 2 after printing a UserError."""
    return run_for_person(lambda: make_everything(_parser().parse_args(arguments)))


def make_everything(options: argparse.Namespace) -> dict[str, Any]:
    """Make what is missing, in order, and evaluate it; return the scores of five models on the validation scenes."""
    began, out, weights = time.monotonic(), options.out, options.out / "weights"
    # Written last by `write_scenes`: where it is, the scenes are complete.
    if not (out / "shapes/classes.txt").is_file():
        write_scenes(out, SCENES)
    if not (weights / BACKBONE / WEIGHTS_FILE).is_file():
        places = ["--data-root", str(out), "--out", str(weights / BACKBONE)]
        run_together([["shapes.pretrain", *places, "--minutes", f"{options.minutes * _BACKBONE_SHARE:.3f}"]])
    for stage, share in zip(STAGES, _STAGE_SHARES, strict=True):
        missing = [method for method in METHODS if not (weights / f"{head(method, stage)}{SUFFIX}").is_file()]
        run_together([train_command(out, method, stage, options.minutes * share) for method in missing], weights)
    scores = evaluate_all(out, weights)
    (out / "scores.json").write_text(json.dumps(scores, indent=1) + "\n", encoding="utf-8")
    for name, row in scores.items():
        print(f"{name:32s}" + "  ".join(f"{key} {value:.3f}" for key, value in row.items()))
    print(f"{(time.monotonic() - began) / 60:.1f} minutes; weights in {weights}")
    if options.install is not None:
        install(weights, options.install)
    return scores


def head(method: str, stage: str) -> str:
    """Return the name of a head's checkpoint."""
    return f"{method}-shapes-{stage}"


def train_command(out: Path, method: str, stage: str, minutes: float) -> list[str]:
    """Return the command that trains one head, or resumes an interrupted run."""
    name = head(method, stage)
    command = ["train", "--recipe", f"{method}_shapes_{stage}", "--data-root", str(out), "--out", str(out / name)]
    resume = ["--resume"] if (out / name / "state.pt").is_file() else []
    return [*command, "--export", str(out / "weights"), "--minutes", f"{minutes:.3f}", *resume]


def evaluate_all(out: Path, weights: Path) -> dict[str, dict[str, float]]:
    """Evaluate the training-free backbone and the four heads on the validation scenes; four scores each."""
    heads = [head(method, stage) for stage in STAGES for method in METHODS]
    models = {BACKBONE: ["--baseline", str(weights / BACKBONE)]}
    models |= {name: ["--checkpoint", str(weights / f"{name}{SUFFIX}")] for name in heads}
    options = ["--data", "shapes", "--root", str(out), "--split", "val"]
    files = {name: out / f"scores-{name}.json" for name in models}
    run_together([["evaluate", *which, *options, "--json", str(files[n])] for n, which in models.items()], weights)
    keys = ("pAcc", "mIoU_seen", "mIoU_unseen", "hIoU")
    reports = {name: json.loads(file.read_text(encoding="utf-8")) for name, file in files.items()}
    return {name: {key: report[key] for key in keys} for name, report in reports.items()}


def run_together(commands: Sequence[Sequence[str]], weights: Path | None = None) -> None:
    """Run scripts of `training`, as many at a time as there are cores, which they share.

    Args:
        commands: name of the script and its arguments.
        weights: searched first for backbones and checkpoints.

    Raises:
        UserError: one of them failed.
    """
    cores = available_cores()
    # More threads than cores wait for each other: a factor of three to four (training/LOG.md, first round).
    environment = {**os.environ, "OMP_NUM_THREADS": str(max(1, cores // max(1, len(commands))))}
    if weights is not None:
        environment[WEIGHTS_VARIABLE] = str(weights.resolve())
    for start in range(0, len(commands), cores):
        batch = commands[start : start + cores]
        running = [subprocess.Popen([sys.executable, "-m", f"training.{c[0]}", *c[1:]], env=environment) for c in batch]
        # All end before a failure is reported, so none runs on by itself.
        codes = [process.wait() for process in running]
        failed = next((" ".join(c) for c, code in zip(batch, codes, strict=True) if code != 0), None)
        if failed is not None:
            raise UserError(f"This step failed, see above: python -m training.{failed}")


def install(weights: Path, folder: Path) -> None:
    """Copy the backbone and the heads to `folder`, e.g. `checkpoints`, where the demo finds them."""
    (folder / BACKBONE).mkdir(parents=True, exist_ok=True)
    for file in (*sorted((weights / BACKBONE).iterdir()), *sorted(weights.glob(f"*{SUFFIX}"))):
        target = folder / file.relative_to(weights)
        with atomic_path(target) as partial:
            shutil.copyfile(file, partial)
        print(target)


def _parser() -> argparse.ArgumentParser:
    about = __doc__.split("\n")[0] if __doc__ else None
    parser = argparse.ArgumentParser(prog="training.shapes.train_all", description=about)
    parser.add_argument("--out", type=Path, default=Path("runs/shapes"), help="folder of all results (runs/shapes)")
    parser.add_argument(
        "--minutes", type=positive_number, default=13.0, help="of training, backbone and heads together (13)"
    )
    parser.add_argument("--install", type=Path, metavar="DIR", help="also copy the weights to DIR, e.g. checkpoints")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
