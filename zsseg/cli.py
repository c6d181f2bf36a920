"""The command line: ``python -m zsseg segment | info | import-official``.

Exit codes: 0 done, 2 something the person can put right, told in one sentence on stderr.
"""

import argparse
import dataclasses
import hashlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zsseg import __version__
from zsseg.errors import UserError

if TYPE_CHECKING:
    from zsseg.predictor import Predictor
    from zsseg.segmentation import Segmentation

# torch takes a second to load, so the commands import what they need when they run; --help and a slip do not wait.


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    Args:
        argv: the words after the program's name; None takes those of the process.
    """
    args = _parser().parse_args(argv)
    try:
        args.run(args)
    except UserError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m zsseg", description="Zero-shot segmentation of photos.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_segment(commands.add_parser("segment", help="find classes in a photo"))

    info = commands.add_parser("info", help="list the models at hand and where they come from")
    info.add_argument("--json", action="store_true", help="for programs")
    info.set_defaults(run=_info)

    imported = commands.add_parser("import-official", help="turn a released .pth file into a checkpoint")
    imported.add_argument("file", type=Path, metavar="FILE", help="the released checkpoint")
    imported.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder of the new checkpoint")
    imported.add_argument("--name", help="of the new checkpoint, by default the file's own")
    imported.add_argument(
        "--setting",
        choices=("inductive", "transductive", "fully-supervised"),
        default="inductive",
        help="how it was trained, which no released file says (inductive)",
    )
    imported.set_defaults(run=_import_official)
    return parser


def _add_segment(segment: argparse.ArgumentParser) -> None:
    segment.add_argument("photo", metavar="PHOTO", help="a picture file")
    segment.add_argument("--seen", default="", metavar="NAMES", help='classes seen in training: "dog, cat | kitten"')
    segment.add_argument("--unseen", default="", metavar="NAMES", help="classes never seen in training")
    segment.add_argument("--out", type=Path, required=True, metavar="DIR", help="where the results go")
    which = segment.add_mutually_exclusive_group()
    which.add_argument("--method", choices=("zegclip", "clip_rc", "both"), default="both", help="default: both")
    which.add_argument("--checkpoint", action="append", metavar="NAME", help="name or file of a model; may be repeated")
    segment.add_argument("--seen-penalty", type=float, metavar="X", help="0..1, taken off the seen classes' scores")
    segment.add_argument("--threshold", type=float, metavar="X", help="0..1, lower scores are none of the classes")
    segment.set_defaults(run=_segment)


def _segment(args: argparse.Namespace) -> None:
    from zsseg.image import load_image
    from zsseg.vocabulary import build_vocabulary

    # What is quick to check comes before the weights are read.
    photo = load_image(args.photo)
    build_vocabulary(args.seen, args.unseen)

    from zsseg.export import write_outputs
    from zsseg.predictor import Predictor

    shared: dict[str, Any] = {}  # the backbone, which both methods stand on, is read once
    predictors = [Predictor.from_checkpoint(name, backbones=shared) for name in _checkpoints(args)]
    for predictor, folder in zip(predictors, _folders(predictors, args.out), strict=True):
        seg = predictor.predict(photo, args.seen, args.unseen, seen_penalty=args.seen_penalty, threshold=args.threshold)
        write_outputs(photo, seg, folder)
        _say(_report(seg, folder))


def _checkpoints(args: argparse.Namespace) -> list[str]:
    from zsseg.predictor import DEFAULT_CHECKPOINTS

    if args.checkpoint:
        return list(dict.fromkeys(args.checkpoint))
    return [name for method, name in DEFAULT_CHECKPOINTS.items() if args.method in (method, "both")]


def _folders(predictors: "Sequence[Predictor]", out: Path) -> list[Path]:
    """One folder per model, named by its method, or by the model where a method is asked twice.

    Raises:
        UserError: two models would write into one folder.
    """
    from zsseg.export import slug

    methods = [predictor.method for predictor in predictors]
    names = [slug(p.method if methods.count(p.method) == 1 else p.name) for p in predictors]
    if len(set(names)) < len(names):
        raise UserError("Two of the checkpoints have the same name: ask for one at a time.")
    return [out / name for name in names]


def _report(seg: "Segmentation", folder: Path) -> str:
    ranked = sorted(zip(seg.area, seg.names, strict=True), reverse=True)
    shares = [f"{name} {area:.1%}" for area, name in ranked if area > 0]
    none = 1 - sum(seg.area)
    if none > 1e-9:
        shares.append(f"none of these {none:.1%}")
    return f"{seg.method} ({seg.model}, {seg.seconds:.1f} s): {', '.join(shares)}\n  {folder}\n"


def _info(args: argparse.Namespace) -> None:
    from zsseg.checkpoint import list_checkpoints

    rows = [_describe(path, content) for path, content in list_checkpoints()]
    if args.json:
        _say(json.dumps(rows, indent=2, ensure_ascii=False) + "\n")
        return
    for row in rows:
        _say(_as_text(row))
    if not rows:
        _say("No checkpoint was found: train one, or set ZSSEG_WEIGHTS to the folder that has them.\n")


def _describe(path: Path, content: object) -> dict[str, object]:
    from zsseg.checkpoint import Metadata

    row: dict[str, object] = {"name": path.stem, "file": str(path)}
    if not isinstance(content, Metadata):
        return {**row, "error": str(content)}
    # The file's own name is what finds it, whatever name it was saved under.
    return {**dataclasses.asdict(content), **row, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}


def _as_text(row: dict[str, object]) -> str:
    lines = [str(row["name"])]
    for key in ("error", "method", "setting", "backbone", "sha256", "seen", "unseen", "scores", "file"):
        value = row.get(key)
        if isinstance(value, tuple):
            value = ", ".join(value)
        if isinstance(value, dict):
            value = ", ".join(f"{name} {score:.3f}" for name, score in value.items())
        if value:
            lines.append(f"  {key:10}{value}")
    return "\n".join(lines) + "\n"


def _import_official(args: argparse.Namespace) -> None:
    from zsseg.official import import_official

    _say(f"{import_official(args.file, args.out, name=args.name, setting=args.setting)}\n")


def _say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()
