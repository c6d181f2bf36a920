"""Fuzz one reader, guided by the coverage of zsseg's code: ``python -m tests.fuzz.guided TARGET --seconds 600``.

Needs atheris (``pip install atheris``), which mutates inputs that reached new code; every other input is mutated as
`tests.fuzz.mutate` does, which knows documents and edges. Prints the same row as ``python -m tests.fuzz``.
"""

import argparse
import os
import random
import resource
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import atheris

import zsseg.open_clip_compat  # noqa: F401 - before the limit on memory

# Only modules imported in this block tell atheris which of their lines ran.
with atheris.instrument_imports(include=["zsseg"]):
    from tests.fuzz.__main__ import MEMORY, report
    from tests.fuzz.engine import FINDINGS, Tally, try_input
    from tests.fuzz.mutate import MAX_BYTES, mutations
    from tests.fuzz.targets import TARGETS

if TYPE_CHECKING:
    from tests.fuzz.targets import Target


def main() -> None:
    """Fuzz; atheris ends the process, with exit code 1 if anything was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.guided", description=__doc__)
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("--seconds", type=float, default=60.0, help="of the processor")
    parser.add_argument("--seed", type=int, default=1, help="of the random numbers, at least 1")
    parser.add_argument("--keep", type=Path, nargs="?", const=FINDINGS, help="write findings, here or among the tests'")
    args = parser.parse_args()
    warnings.simplefilter("ignore")  # Pillow's, about damaged files
    target = TARGETS[args.target]
    with tempfile.TemporaryDirectory(prefix="zsseg-fuzz-corpus-") as corpus:
        for number, data in enumerate(target.seeds()):
            (Path(corpus) / str(number)).write_bytes(data)
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        options = [f"-max_len={MAX_BYTES}", f"-seed={args.seed}", "-verbosity=0", "-timeout=600", "-rss_limit_mb=0"]
        one = _reader(target, args.seconds, args.keep)
        atheris.Setup([sys.argv[0], *options, corpus], one, custom_mutator=_mutator(target))
        atheris.Fuzz()


def _reader(target: "Target", seconds: float, folder: Path | None) -> Callable[[bytes], None]:
    tally, began = Tally(), time.process_time()

    def one(data: bytes) -> None:
        try_input(target, data, tally)
        tally.seconds = time.process_time() - began
        if tally.seconds >= seconds:
            report(target.name, tally, folder)
            os._exit(1 if tally.findings else 0)  # the fuzzer's own end would run nothing of Python's

    return one


def _mutator(target: "Target") -> Callable[[bytes, int, int], bytes]:
    seeds = target.seeds()

    def mutate(data: bytes, max_size: int, seed: int) -> bytes:
        if random.Random(seed).random() < 0.5:
            return atheris.Mutate(data, max_size)
        return mutations([data, *seeds[:1]] if data else seeds, seed)()[:max_size]

    return mutate


if __name__ == "__main__":
    main()
