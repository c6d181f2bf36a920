"""What ``zsseg bench`` does: speeds as ratios to this machine's matrix product, as a table or as JSON."""

import argparse
import json
from collections.abc import Iterator, Mapping
from typing import Any

from zsseg.bench.parts import PARTS, measure
from zsseg.cli.terminal import say, warn
from zsseg.errors import UserError

EPILOG = """\
products      seconds of the step / seconds of one fp32 product of two 2048x2048 matrices, timed in turns
of fp32       arithmetic of the step per second / that of the fp32 product; "of bf16" likewise
Compare products and shares between machines and days, not seconds. Use an otherwise idle machine.
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument("--only", nargs="+", choices=PARTS, metavar="PART", help=f"some of: {', '.join(PARTS)}")
    parser.add_argument("--repeats", type=int, default=5, metavar="N", help="times each step is measured (5)")
    parser.add_argument("--json", action="store_true", help="for programs")


def run(args: argparse.Namespace) -> int:
    """Measure and print; return the exit code.

    Raises:
        UserError: the number of repeats is below 1, or a part failed.
    """
    if args.repeats < 1:
        raise UserError(f"--repeats must be 1 or more, not {args.repeats}.")
    found = measure(args.only or PARTS, args.repeats, warn)
    say(json.dumps(found, indent=2) + "\n" if args.json else "\n".join(table(found)) + "\n")
    return 0


def table(found: Mapping[str, Any]) -> Iterator[str]:
    """Lines of Markdown: the machine, its products, the rows, the memory."""
    machine = found["machine"]
    yield ", ".join(f"{name} {value}" for name, value in machine.items() if value is not None)
    yield ""
    yield "| part | step | seconds | per second | products | GFLOP | of fp32 | of bf16 |"
    yield "|---|---|---|---|---|---|---|---|"
    for row in found["rows"]:
        cells = [row["part"], row["step"], f"{row['seconds']:.4f}", f"{row['per_second']:.2f}"]
        cells += [f"{row['products']:.3f}", _or_dash(row["gflop"], ".1f")]
        yield f"| {' | '.join([*cells, _or_dash(row['share_fp32'], '.0%'), _or_dash(row['share_bf16'], '.0%')])} |"
    yield ""
    yield "| part | fp32 GFLOP/s | bf16 GFLOP/s | peak memory, GB |"
    yield "|---|---|---|---|"
    for part, gflops in found["gflops"].items():
        memory = ", ".join(f"{step}: {_or_dash(peak, '.2f')}" for step, peak in found["memory_gb"][part].items())
        yield f"| {part} | {gflops['float32']:.0f} | {gflops['bfloat16']:.0f} | {memory or '-'} |"


def _or_dash(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)
