"""The command line: ``zsseg segment | info | demo | bench | weights | export-onnx | import-official``.

The same after ``python -m zsseg``.

Exit codes: 0 done; 2 nothing done, for something the user can correct; one sentence on stderr says what; 3 some
photos failed, with one sentence each, and the others are done; 130 stopped by Ctrl-C.
"""

import argparse
import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

from zsseg.cli.bench import EPILOG as BENCH_EPILOG
from zsseg.cli.bench import add_options as add_bench_options
from zsseg.cli.bench import run as run_bench
from zsseg.cli.demo import add_options as add_demo_options
from zsseg.cli.demo import run as run_demo
from zsseg.cli.onnx import add_options as add_onnx_options
from zsseg.cli.terminal import say, warn
from zsseg.cli.weights import EPILOG as WEIGHTS_EPILOG
from zsseg.cli.weights import add_options as add_weights_options
from zsseg.cli.words import named_path
from zsseg.engines import ENGINES
from zsseg.errors import UserError
from zsseg.files import file_sha256, shortened
from zsseg.version import __version__

_FILES = """\
one photo     OUT/METHOD/ gets labels.png, overlay.png, scores.npz and result.json
more photos   the same in OUT/PHOTO/METHOD/; a second photo of one name gets -2 behind it, and so on
--zip         OUT/PHOTO.zip instead: the same files, and masks, COCO, LabelMe, figures, the photo and recipe.json
--manifest    the files of the ZIP again, in OUT or with --zip as a ZIP; the same to the last byte if the photo, the
              checkpoints, the version, the machine and its number of threads (OMP_NUM_THREADS) are; it names the engine
--json        {"results": [...], "errors": [{"photo", "error"}]}; a result is one method's answer about one photo,
              with "photo", "folder", "zip" (null, or where that folder is in) and all that result.json says

"""
_EXIT_CODES = """\
exit codes    0 all done; 2 nothing done, and stderr says why in one sentence; 3 some photos failed, as stderr says,
              and the others are done; 130 stopped by Ctrl-C
"""

# torch loads slowly, so each command imports what it needs when it runs; --help and a wrong option do not wait.


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    Args:
        argv: the words after the program's name; None takes those of the process.
    """
    args = _parser().parse_args(argv)
    try:
        code: int = args.run(args)
    except UserError as error:
        warn(str(error))
        return 2
    except OSError as error:  # a full disk, a file that vanished: nothing that the program did wrong
        warn(f"{shortened(error.filename or 'A file')} cannot be read or written: {error.strerror or error}.")
        return 2
    except KeyboardInterrupt:
        # 128 and the number of the signal, as shells report it.
        warn("Stopped.")
        return 130
    return code


def _parser() -> argparse.ArgumentParser:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        "zsseg", description="Zero-shot segmentation of photos.", epilog=_EXIT_CODES, formatter_class=raw
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_segment(
        commands.add_parser("segment", help="find classes in photos", epilog=_FILES + _EXIT_CODES, formatter_class=raw)
    )

    info = commands.add_parser("info", help="list the models at hand and where they come from")
    info.add_argument("--json", action="store_true", help="for programs")
    _add_weights(info)
    info.set_defaults(run=_info)

    demo = commands.add_parser("demo", help="serve the page")
    add_demo_options(demo)
    _add_weights(demo)
    demo.set_defaults(run=_demo)

    bench = commands.add_parser("bench", help="measure speed and memory", epilog=BENCH_EPILOG, formatter_class=raw)
    add_bench_options(bench)
    bench.set_defaults(run=run_bench)

    add_weights_options(
        commands.add_parser(
            "weights", help="bring the papers' own models, or CLIP", epilog=WEIGHTS_EPILOG, formatter_class=raw
        )
    )

    add_onnx_options(commands.add_parser("export-onnx", help="write a model as ONNX files, for programs without torch"))
    _add_import(commands.add_parser("import-official", help="turn a released .pth or .pkl file into a checkpoint"))
    return parser


def _add_import(imported: argparse.ArgumentParser) -> None:
    imported.add_argument("file", type=named_path, metavar="FILE", help="the released checkpoint")
    imported.add_argument("--out", type=named_path, required=True, metavar="DIR", help="folder of the new checkpoint")
    imported.add_argument("--name", help="of the new checkpoint, by default the file's own")
    imported.add_argument(
        "--setting",
        choices=("inductive", "transductive", "fully-supervised"),
        default="inductive",
        help="how it was trained, which no released file says (inductive)",
    )
    imported.set_defaults(run=_import_official)


def _add_weights(parser: argparse.ArgumentParser) -> None:
    help_text = "folder or Hugging Face repository org/name[@revision] searched for checkpoints first"
    parser.add_argument("--weights", metavar="PLACE", help=help_text)


def _add_segment(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("photo", nargs="+", metavar="PHOTO", help='a picture file, a folder of them, or a quoted pattern: "trip/*.jpg"')
    add("--seen", metavar="NAMES", help='classes seen in training: "dog, cat | kitten"')
    add("--unseen", metavar="NAMES", help="classes never seen in training")
    add(
        "--out",
        type=named_path,
        required=True,
        metavar="OUT",
        help="folder where the results go, replacing earlier ones",
    )
    which = parser.add_mutually_exclusive_group()
    help_text = 'a method by its key, such as clip_rc; "both" (default) for those of the papers, "all" for every one'
    which.add_argument("--method", metavar="METHOD", help=help_text)
    which.add_argument("--checkpoint", action="append", metavar="NAME", help="name or file of a model; may be repeated")
    which.add_argument(
        "--manifest",
        "--recipe",  # its earlier name
        type=named_path,
        metavar="FILE",
        help="reproduce the answer of this recipe.json",
    )
    add("--seen-penalty", type=float, metavar="X", help="-1..1, taken off the seen classes' scores")
    add("--threshold", type=float, metavar="X", help="0..1, lower scores are none of the classes")
    add(
        "--photo-gate", type=float, metavar="X",
        help="0..1 (0), lowers classes that the whole photo does not speak for; 0.25 is the page's",
    )  # fmt: skip
    add("--opacity", type=float, metavar="X", help="0..1, of the paint in overlay.png (0.6)")
    add("--engine", choices=ENGINES, help="what runs the networks (ZSSEG_ENGINE, else auto: the fastest here)")
    add("--zip", action="store_true", help="one ZIP per photo instead of folders")
    add("--json", action="store_true", help="for programs: one JSON document on stdout and nothing else there")
    add("--shard", metavar="I/N", help="only every N-th photo from the I-th on: one of N processes that share the job")
    add("--resume", action="store_true", help="keep what an earlier call finished (finished.jsonl in OUT records it)")
    _add_weights(parser)
    add("--force", action="store_true", help="follow the manifest even if the photo or a checkpoint differs")
    parser.set_defaults(run=_segment)


def _segment(args: argparse.Namespace) -> int:
    from zsseg.cli.segment import run

    return run(args)


def _info(args: argparse.Namespace) -> int:
    from zsseg.weights.search import list_checkpoints

    rows = [_model_row(path, content) for path, content in list_checkpoints(args.weights)]
    if args.json:
        # Names stay readable; `say` escapes what the terminal cannot show.
        say(json.dumps(rows, indent=2, ensure_ascii=False) + "\n")
        return 0
    for row in rows:
        say(_as_text(row))
    if not rows:
        say("No checkpoint was found: train one, or set ZSSEG_WEIGHTS to the folder that has them.\n")
    return 0


def _model_row(path: Path, content: object) -> dict[str, object]:
    from zsseg.weights.metadata import Metadata

    row: dict[str, object] = {"name": path.stem, "file": str(path)}
    if not isinstance(content, Metadata):
        return {**row, "error": str(content)}
    # The present file name counts, since `find_checkpoint` looks for it, not the name at the time of saving.
    return {**dataclasses.asdict(content), **row, "sha256": file_sha256(path)}


def _as_text(row: dict[str, object]) -> str:
    lines = [str(row["name"])]
    for key in ("error", "method", "setting", "backbone", "sha256", "seen", "unseen", "scores", "file"):
        value = row.get(key)
        if isinstance(value, tuple):
            value = ", ".join(value)
        if isinstance(value, dict):
            value = ", ".join(f"{name} {score:.3f}" for name, score in value.items())
        # No value is no line: a checkpoint without scores says nothing of them.
        if value:
            lines.append(f"  {key:10}{value}")
    return "\n".join(lines) + "\n"


def _demo(args: argparse.Namespace) -> int:
    return run_demo(args)


def _import_official(args: argparse.Namespace) -> int:
    from zsseg.weights.released.official import import_official

    say(f"{import_official(args.file, args.out, name=args.name, setting=args.setting)}\n")
    return 0
