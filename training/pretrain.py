"""Make the embedded backbone: teacher's maps, text tower, image tower, then one folder of config and weights.

    python -m training.pretrain --data-root ../shared/data --out checkpoints/mini-clip

Every part resumes from `--runs`; `--part` runs one of them alone.
"""

import argparse
import dataclasses
from pathlib import Path

import numpy as np
import torch

from training.pretraining import mini_clip
from training.pretraining.crops import ConceptMaps, CropSampler
from training.pretraining.image_labels import ImageLabels
from training.pretraining.image_tower import ImageRun, NameTable
from training.pretraining.label_teacher import LabelTeacher
from training.pretraining.student import Student
from training.pretraining.teacher_maps import FEATURES, load_pretraining_set
from training.pretraining.text_targets import TextTargets, load_text_targets
from training.pretraining.text_tower import TextRun
from training.runtime.console import run_for_person
from training.runtime.devices import flush_denormals
from zsseg.errors import UserError
from zsseg.models.backbone import build_clip
from zsseg.open_clip_compat import OpenClip, import_open_clip
from zsseg.weights.backbone import load_backbone, save_backbone


def main(argv: list[str] | None = None) -> int:
    """Run the command line; 0, or 2 after a sentence for the person."""
    return run_for_person(lambda: pretrain(_parser().parse_args(argv)))


def pretrain(args: argparse.Namespace) -> None:
    """Run the parts asked for."""
    flush_denormals()
    torch.manual_seed(mini_clip.IMAGE.seed)
    clip = build_clip(mini_clip.CONFIG)
    shipped = load_backbone(args.start_from).clip if args.start_from else None
    if shipped is not None:
        clip.load_state_dict(shipped.state_dict())
    student = Student(clip.visual, mini_clip.CONFIG["stem"], FEATURES)
    targets = load_text_targets(args.data_root, args.runs / "cache/text_targets.npz")
    text = _text_run(clip, targets, args.runs)
    if args.part == "text" or (args.part == "all" and shipped is None):
        text.train()
    if args.part in ("all", "image"):
        _image_run(student, shipped, targets, args).train()
    if args.part in ("all", "export"):
        export(clip, student, args.runs, args.out, has_text=shipped is not None)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-root", type=Path, required=True)
    parser.add_argument("--photos", type=Path, metavar="DIR", help="more photos; SET/NAME/ folders say what they show")
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    parser.add_argument("--out", type=Path, default=Path("checkpoints/mini-clip"))
    parser.add_argument(
        "--start-from", type=Path, metavar="DIR", help="go on from this backbone; its text tower is kept"
    )
    parser.add_argument("--minutes", type=float, help="time budget of the image tower, instead of the recipe's")
    parser.add_argument("--part", choices=("all", "text", "image", "export"), default="all")
    return parser


def _text_run(clip: OpenClip, targets: TextTargets, runs: Path) -> TextRun:
    context = mini_clip.CONFIG["model_cfg"]["text_cfg"]["context_length"]
    tokenize = import_open_clip().tokenizer.SimpleTokenizer(context_length=context)
    return TextRun(clip, tokenize, targets, mini_clip.TEXT, runs / "mini-text")


def _image_run(student: Student, shipped: OpenClip | None, targets: TextTargets, args: argparse.Namespace) -> ImageRun:
    recipe = dataclasses.replace(mini_clip.IMAGE, minutes=args.minutes or mini_clip.IMAGE.minutes)
    photos, maps = load_pretraining_set(args.data_root, args.runs / "cache/pool", args.photos)
    concepts = ConceptMaps(maps, targets.imagenet)
    labels = ImageLabels(photos, targets)
    sampler = CropSampler(photos, maps.features, concepts, recipe.min_area, labels.rarity(), recipe.labelled_share)
    label_teacher = LabelTeacher(labels, maps.features, sampler.feature_scale)
    if shipped is not None:
        first = sampler.draw(recipe.stages[0].size, 256, np.random.default_rng(recipe.seed))
        student.start_from(shipped.visual, first.pixels)
    return ImageRun(student, sampler, NameTable(photos, targets), label_teacher, recipe, args.runs / "mini-image")


def export(clip: OpenClip, student: Student, runs: Path, out: Path, has_text: bool = False) -> str:
    """Write the averaged image tower, its stem folded, and the text tower; return the weights' sha256.

    Args:
        clip: whose text tower is written, resumed from `runs` unless it came with the weights (`has_text`).
        student: takes the averaged weights.
        runs: the folder of both runs.
        out: the backbone's folder.
        has_text: there need not be a text run.

    Raises:
        UserError: one of the towers has not been trained yet.
    """
    for part in ("image",) if has_text else ("text", "image"):
        if not (runs / f"mini-{part}/state.pt").exists():
            raise UserError(f"There is no {part} tower in {runs} yet: run --part {part} first.")
    state = torch.load(runs / "mini-image/state.pt", weights_only=True)["average"]
    averaged = {name.removeprefix("module."): value for name, value in state.items() if name != "n_averaged"}
    student.load_state_dict(averaged)
    clip.visual.conv1 = student.folded_stem()
    return save_backbone(clip, mini_clip.CONFIG, out, pack=True)


if __name__ == "__main__":
    raise SystemExit(main())
