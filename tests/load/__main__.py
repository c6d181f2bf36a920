"""Press the real server: ``python -m tests.load --visitors 16 --minutes 5``; ``--minutes 60`` is the soak.

Starts ``app.py``, asks every question once alone, then lets the visitors ask at once, and writes the server's memory
down. Fails on a wrong answer, on an error other than a full queue, if nobody was shown a place in the queue, and if the
memory at the end is more than 5 % above that after warming up. ``--weights`` takes other weights than the shipped ones;
``--tiny`` makes tiny ones, for machines that have no time. ``--beside FOLDER`` steps aside for the tests of a run that
need the machine for themselves, see `tests.workers`; its minutes are those in which it may ask.
"""

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path

import httpx

from tests.load.visitors import Load, Page, Turn, make_questions, press, serial_answers, warm_up
from tests.workers import turn

ROOT = Path(__file__).resolve().parents[2]
WARM_SHARE = 0.25
"""Of the time, until the server's caches are full."""

ALLOWED_GROWTH = 1.05
SAMPLES = 40
STEP = 0.5
"""Seconds."""


def main() -> int:
    """Run and return the exit code."""
    args = _arguments()
    with tempfile.TemporaryDirectory() as folder:
        weights = args.weights
        if args.tiny:
            _write_tiny(Path(folder))
            weights = folder
        with _server(weights) as (url, pid):
            load, memory = _press(Page(url), pid, args)
    return _report(load, memory, args)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.load", description=__doc__)
    parser.add_argument("--visitors", type=int, default=16)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--pause", type=float, default=0.1, help="mean seconds between two questions of a visitor")
    parser.add_argument("--beside", type=Path, help="folder of a run of the tests, which go first")
    parser.add_argument("--side", type=int, default=200, help="of the photos, in pixels")
    parser.add_argument("--weights", help="what app.py takes")
    parser.add_argument("--tiny", action="store_true", help="tiny weights, made for the run")
    parser.add_argument("--json", type=Path, help="write the numbers and the curve")
    return parser.parse_args()


def _write_tiny(folder: Path) -> None:
    from tests.tiny import tiny_checkpoint
    from zsseg.predictor import default_checkpoints

    for method, name in default_checkpoints().items():
        tiny_checkpoint(folder, method, name=name)


@contextmanager
def _server(weights: str | None) -> Iterator[tuple[str, int]]:
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        port = int(trial.getsockname()[1])
    command = [sys.executable, "app.py", "--port", str(port), *(["--weights", weights] if weights else [])]
    with subprocess.Popen(command, cwd=ROOT, env={**os.environ, "no_proxy": "127.0.0.1"}) as process:
        try:
            url = f"http://127.0.0.1:{port}"
            for _ in range(600):
                try:
                    httpx.get(f"{url}/healthz", timeout=5)
                    break
                except httpx.TransportError:
                    time.sleep(0.2)
            yield url, process.pid
        finally:
            process.terminate()


def _press(page: Page, pid: int, args: argparse.Namespace) -> tuple[Load, list[tuple[float, float]]]:
    mine: Turn = partial(turn, args.beside, alone=False) if args.beside else nullcontext
    answers = serial_answers(page, make_questions(("zegclip", "clip_rc"), args.side), mine)
    warm_up(page, list(answers), mine)
    memory: list[tuple[float, float]] = []
    end = threading.Event()
    watcher = threading.Thread(target=watch, args=(pid, args.minutes * 60, mine, memory, end))
    watcher.start()
    load = press(page, answers, args.visitors, end, args.pause, mine)
    watcher.join()
    return load, memory


def watch(pid: int, seconds: float, mine: Turn, memory: list[tuple[float, float]], end: threading.Event) -> None:
    """Write the server's memory down while the visitors may ask; the time for which others have the machine is none."""
    now = 0.0
    while now < seconds:
        if now >= len(memory) * seconds / SAMPLES:
            memory.append((now, resident(pid)))
        with mine():
            began = time.monotonic()
        time.sleep(STEP)
        now += time.monotonic() - began
    memory.append((now, resident(pid)))
    end.set()


def resident(pid: int) -> float:
    """MB of memory that a process holds."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def growth(memory: list[tuple[float, float]]) -> float:
    """The median of the last quarter over the largest value of the time just after warming up."""
    last = memory[-1][0]
    warm = [value for now, value in memory if WARM_SHARE * last <= now <= 2 * WARM_SHARE * last]
    end = [value for now, value in memory if now >= (1 - WARM_SHARE) * last]
    return statistics.median(end) / max(warm)


def _report(load: Load, memory: list[tuple[float, float]], args: argparse.Namespace) -> int:
    times = sorted(load.seconds) or [0.0]
    numbers = {
        "visitors": args.visitors,
        "minutes": args.minutes,
        "answered": load.answered,
        "queue full": load.refused - len(load.errors),
        "left": load.left,
        "wrong": load.wrong[:3],
        "errors": load.errors[:5],
        "largest rank shown": max(load.ranks, default=-1),
        "median seconds": round(statistics.median(times), 2),
        "95th percentile seconds": round(times[int(0.95 * (len(times) - 1))], 2),
        "memory MB": [[round(now), round(value)] for now, value in memory],
        "growth": round(growth(memory), 3),
    }
    print(json.dumps(numbers, indent=1))
    if args.json:
        args.json.write_text(json.dumps(numbers, indent=1) + "\n", encoding="utf-8")
    is_good = load.answered and not load.wrong and not load.errors and load.ranks and growth(memory) <= ALLOWED_GROWTH
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main())
