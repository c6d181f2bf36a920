"""What ``zsseg weights`` does: lists the released weights and brings them."""

import argparse

from zsseg.cli.terminal import say, warn
from zsseg.cli.words import named_path

EPILOG = """\
names         zsseg weights list
--source      a file, a folder, a URL, or a repository org/name of the Hugging Face hub
afterwards    the name is a checkpoint like any other: zsseg segment --checkpoint NAME, the page's list, and
              Predictor.from_checkpoint("NAME") in Python
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """The two commands below ``weights``."""
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    listing = commands.add_parser("list", help="list the released weights, where they are, and which are here")
    listing.set_defaults(run=_list)
    getting = commands.add_parser("get", help="download released weights, import and check them")
    getting.add_argument("name", metavar="NAME", help="such as zegclip-voc-inductive or clip-vit-b16")
    getting.add_argument("--source", default="", metavar="PLACE", help="take them from here; see below")
    getting.add_argument(
        "--out", type=named_path, metavar="DIR", help="folder of the checkpoints (ZSSEG_WEIGHTS, else ours)"
    )
    getting.set_defaults(run=_get)


def _list(_args: argparse.Namespace) -> int:
    from zsseg.weights.released.listing import RELEASED
    from zsseg.weights.search import list_checkpoints

    here = {path.stem for path, _ in list_checkpoints()}
    for row in RELEASED.values():
        lines = [row.name + ("  (here)" if row.name in here else ""), row.title]
        lines += [", ".join(f"{name} {100 * value:.1f}" for name, value in row.scores.items())] if row.scores else []
        lines += [f"{place.kind:5} {place.address}" for place in row.places]
        say("\n  ".join(lines) + "\n")
    return 0


def _get(args: argparse.Namespace) -> int:
    from zsseg.weights.released.get import get, home
    from zsseg.weights.released.listing import released

    row = released(args.name)
    for path in get(row, args.out or home(), args.source, warn):
        say(f"{path}\n")
    return 0
