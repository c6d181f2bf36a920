"""Speed of training: photos per second, memory, share of the device's peak, and the hours of each paper recipe.

    python -m training.bench --device cuda --json speed.json
    python -m training.bench --device cpu --tiny

Steps of both methods at ViT-B/16, 512 px, batches of 16, with random weights and made-up photos: no weights and no data
sets are needed. `--rows N` measures the steps that are a part of `zsseg bench`, on the CPU.
"""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

from training.runtime.console import check_outputs, positive, positive_number, run_for_person
from training.runtime.devices import flush_denormals
from training.speed.compiled import measure_compiled
from training.speed.device import describe
from training.speed.measure import measure_loader, measure_methods, measure_operators, measure_recipes
from training.speed.report import table
from training.speed.rows import measure_rows
from training.speed.sizes import build_bench
from zsseg.bench.machine import describe_machine, peak_memory_gb
from zsseg.bench.timing import Clock
from zsseg.engines.devices import find_device
from zsseg.files import write_text


def main(arguments: list[str] | None = None) -> int:
    """Entry point. Returns 0, or 2 after printing a UserError."""
    options = _parser().parse_args(arguments)
    # As in training: tiny gradients would make steps slow by chance.
    flush_denormals()
    return run_for_person(lambda: _rows(options.rows) if options.rows else _bench(options))


def _bench(options: argparse.Namespace) -> None:
    began = time.monotonic()
    check_outputs(options.json)
    device = find_device(options.device)
    bench = build_bench(device, options.tiny, deadline=began + options.limit, photos=options.photos)
    found: dict[str, Any] = {"device": describe(device), "tiny": options.tiny}
    found["product_gflops"] = bench.product_gflops
    found["loader"] = measure_loader(bench.recipe("zegclip_voc_inductive"))
    found["steps"] = list(measure_methods(bench))
    if options.operators:
        found["operators"] = measure_operators(bench, options.operators)
    found["recipes"] = list(measure_recipes(bench))
    # Last, so that a slow compiler leaves no recipe without its hours.
    if options.compile:
        found["compiled"] = measure_compiled(options.device, options.tiny, options.compile)
    found["seconds"] = time.monotonic() - began
    print("\n".join(table(found)))
    if options.json:
        write_text(options.json, json.dumps(found, indent=2) + "\n")


def _rows(repeats: int) -> None:
    """Write JSON to stdout as `zsseg.bench.parts.measure_part` makes it."""
    clock = Clock(repeats)
    rows = [row.as_dict() for row in measure_rows(clock)]
    memory = {"all steps": peak_memory_gb()}
    found = {"rows": rows, "memory_gb": memory, "gflops": clock.gflops, "machine": describe_machine()}
    sys.stdout.write(json.dumps(found))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m training.bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", default="cpu", help="cpu or cuda (cpu)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything that was measured")
    parser.add_argument("--photos", type=positive, metavar="N", help="in a batch, instead of 16")
    parser.add_argument("--tiny", action="store_true", help="a tiny model and tiny photos, to try the command itself")
    parser.add_argument(
        "--limit", type=positive_number, default=90.0, metavar="S", help="begin no measurement after S seconds (90)"
    )
    parser.add_argument(
        "--compile",
        type=positive_number,
        metavar="S",
        help="also measure steps under torch.compile, in a process of their own that is ended after S seconds",
    )
    parser.add_argument("--operators", type=positive, metavar="N", help="also list the N slowest operators of a step")
    parser.add_argument("--rows", type=positive, metavar="N", help="only what `zsseg bench` shows, each step N times")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
