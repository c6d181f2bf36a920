"""Fuzz the readers: ``python -m tests.fuzz [TARGET ...] --seconds 600``, or ``--inputs 10000 --seed 3``.

Without a target all of them. Prints a row per target; findings are printed, and written with ``--keep DIR``. Inputs
are mutated at random, the same for the same seed; `tests.fuzz.guided` lets the coverage of the code guide them.
"""

import argparse
import resource
import signal
import sys
import warnings
from pathlib import Path

import zsseg.open_clip_compat  # noqa: F401 - before the limit on memory
from tests.fuzz.engine import FINDINGS, Tally, fuzz, keep
from tests.fuzz.mutate import mutations
from tests.fuzz.targets import TARGETS

MEMORY = 8 * 1024**3


def main() -> int:
    """Fuzz and return the exit code: 1 if anything was found."""
    args = _arguments()
    warnings.simplefilter("ignore")  # Pillow's, about damaged files
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # one that is stopped reports what it has
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    found = total = 0
    for name in args.target or TARGETS:
        target = TARGETS[name]
        tally = fuzz(target, mutations(target.seeds(), args.seed), args.inputs, args.seconds)
        report(name, tally, args.keep)
        found, total = found + len(tally.findings), total + tally.inputs
    print(f"{total} inputs, {found} findings")
    return 1 if found else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("target", nargs="*", choices=[*TARGETS, []], help="what to fuzz; without one all")
    parser.add_argument("--seconds", type=float, default=60.0, help="of the processor, for each target")
    parser.add_argument("--inputs", type=int, default=sys.maxsize, help="for each target, at most")
    parser.add_argument("--seed", type=int, default=0, help="of the random numbers")
    parser.add_argument("--keep", type=Path, nargs="?", const=FINDINGS, help="write findings, here or among the tests'")
    return parser.parse_args()


def report(name: str, tally: Tally, folder: Path | None) -> None:
    """Print a row of the report and the findings; write these into a folder, if one is given."""
    print(tally.line(name), flush=True)
    for place, data in tally.findings.items():
        where = f" -> {keep(name, data, folder)}" if folder else f" ({len(data)} bytes)"
        print(f"  {place}{where}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
