"""What ``zsseg export-onnx`` does: a checkpoint and class names in, files for onnxruntime out."""

import argparse

from zsseg.cli.terminal import say
from zsseg.cli.words import class_names, named_path


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument("checkpoint", metavar="NAME", help="name or file of a model")
    parser.add_argument("--out", type=named_path, required=True, metavar="DIR", help="folder of the files")
    parser.add_argument("--seen", default="", metavar="NAMES", help='classes seen in training: "dog, cat"')
    parser.add_argument("--unseen", default="", metavar="NAMES", help="classes never seen in training")
    parser.add_argument(
        "--bits", type=int, choices=(8, 32), default=32, help="of a stored weight (%(default)s); computed in float32"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Export, print the files with their sizes, and return the exit code.

    Raises:
        UserError: the names are no text, the checkpoint or the packages are missing, or the files cannot be written.
    """
    from zsseg.export.onnx import export_onnx
    from zsseg.predictor import Predictor

    seen, unseen = class_names(args.seen, "--seen"), class_names(args.unseen, "--unseen")
    predictor = Predictor.from_checkpoint(args.checkpoint, engine="eager")
    for path in export_onnx(predictor, args.out, seen, unseen, args.bits):
        say(f"{path}  {path.stat().st_size / 1e6:.1f} MB\n")
    return 0
