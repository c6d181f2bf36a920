"""Fuzz the readers: ``python -m tests.fuzz [TARGET ...] --seconds 600``, or ``--inputs 10000 --seed 3``.

Without a target all of them. Prints a row per target; findings are printed, and written with ``--keep DIR``. With
``--atheris`` the inputs are guided by the coverage of zsseg's code (``pip install atheris``, CPython up to 3.11 or as
its releases say), else they are mutated at random, the same for the same seed.
"""

import argparse
import os
import resource
import signal
import sys
import tempfile
import warnings
from pathlib import Path

import zsseg.open_clip_compat  # noqa: F401 - before the limit on memory
from tests.fuzz.engine import FINDINGS, Tally, fuzz, keep, try_input
from tests.fuzz.mutate import MAX_BYTES, mutations
from tests.fuzz.targets import TARGETS, Target

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
        if args.atheris:
            _guided(target, args)
        tally = fuzz(target, mutations(target.seeds(), args.seed), args.inputs, args.seconds)
        _report(name, tally, args.keep)
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
    parser.add_argument("--atheris", action="store_true", help="guide the inputs by coverage; one target")
    return parser.parse_args()


def _report(name: str, tally: Tally, folder: Path | None) -> None:
    print(tally.line(name), flush=True)
    for place, data in tally.findings.items():
        where = f" -> {keep(name, data, folder)}" if folder else f" ({len(data)} bytes)"
        print(f"  {place}{where}", flush=True)


def _guided(target: Target, args: argparse.Namespace) -> None:
    """Fuzz one target with atheris; its loop ends the process, so the report comes from inside it."""
    import atheris

    tally, pid = Tally(), os.getpid()

    def one(data: bytes) -> None:
        try_input(target, data, tally)
        if tally.inputs >= args.inputs:
            finish()

    def finish() -> None:
        if os.getpid() == pid:
            _report(target.name, tally, args.keep)
            os._exit(1 if tally.findings else 0)

    corpus = tempfile.mkdtemp(prefix="zsseg-fuzz-corpus-")
    for number, data in enumerate(target.seeds()):
        (Path(corpus) / str(number)).write_bytes(data)
    options = [
        f"-max_total_time={int(args.seconds)}",
        f"-max_len={MAX_BYTES}",
        f"-seed={args.seed + 1}",
        "-verbosity=0",
    ]
    atheris.Setup([sys.argv[0], *options, corpus], one)
    import atexit

    atexit.register(finish)
    atheris.Fuzz()


if __name__ == "__main__":
    sys.exit(main())
