"""Run inputs through a target and keep what should not have happened."""

import hashlib
import signal
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from tests.fuzz.targets import Target
from zsseg.errors import UserError

FINDINGS = Path(__file__).with_name("findings")
"""Inputs that once did harm, by target; the tests replay them."""

MAX_SECONDS = 5.0
"""Of the processor for one input; a slower one is a finding, on a busy machine as on an idle one."""


@dataclass
class Tally:
    """What came of the inputs of one target.

    Attributes:
        inputs: how many were read.
        answered, refused: with a result that holds, and with a sentence.
        findings: what was raised -> one input that did it.
        slowest: seconds of the slowest input.
        seconds: of the processor, for all of them.
    """

    inputs: int = 0
    answered: int = 0
    refused: int = 0
    findings: dict[str, bytes] = field(default_factory=dict)
    slowest: float = 0.0
    seconds: float = 0.0

    def line(self, name: str) -> str:
        """One row of the report."""
        return (
            f"{name:9} {self.inputs:7} inputs, {self.answered:6} answered, {self.refused:6} refused, "
            f"{len(self.findings)} findings, slowest {self.slowest:.2f} s, {self.seconds:.0f} s"
        )


class TooSlowError(BaseException):
    """No `Exception`, so that no reader takes it for a damaged file."""


def try_input(target: Target, data: bytes, tally: Tally) -> None:
    """Read one input and enter the outcome in the tally."""
    tally.inputs += 1
    began = time.process_time()
    try:
        with _limit():
            target.read(data)
        tally.answered += 1
    except UserError as error:
        sentence = str(error)
        if not sentence or "\n" in sentence or len(sentence) > 2000:
            tally.findings.setdefault(f"no sentence: {sentence[:80]!r}", data)
        tally.refused += 1
    except (Exception, TooSlowError) as error:
        tally.findings.setdefault(_place(error), data)
    seconds = time.process_time() - began
    tally.slowest = max(tally.slowest, seconds)
    if seconds > MAX_SECONDS:
        tally.findings.setdefault(f"slow: {seconds:.0f} s", data)


def _place(error: BaseException) -> str:
    """Kind and place: two inputs with the same are one finding."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "zsseg" in frame.filename] or [None]
    frame = frames[-1]
    where = "" if frame is None else f" in {Path(frame.filename).name}:{frame.name}"
    return f"{type(error).__name__}{where}: {str(error)[:100]}"


@contextmanager
def _limit() -> Iterator[None]:
    """Interrupt what runs for too long, at the next step of Python's."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise TooSlowError

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, 2 * MAX_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def fuzz(target: Target, source: Callable[[], bytes], count: int, seconds: float = float("inf")) -> Tally:
    """Try that many inputs of a source, or as many as the processor's time allows.

    A `KeyboardInterrupt` ends the run early; what was tried until then counts.
    """
    tally, began = Tally(), time.process_time()
    with suppress(KeyboardInterrupt):
        while tally.inputs < count and tally.seconds < seconds:
            try_input(target, source(), tally)
            tally.seconds = time.process_time() - began
    return tally


def replay(target: Target, inputs: Iterable[bytes]) -> Tally:
    """Try kept inputs."""
    tally = Tally()
    for data in inputs:
        try_input(target, data, tally)
    return tally


def kept(name: str) -> list[Path]:
    """The findings of a target that are kept."""
    return sorted((FINDINGS / name).glob("*.bin"))


def keep(name: str, data: bytes, folder: Path = FINDINGS) -> Path:
    """Keep an input that did harm, under the sha256 of its content."""
    path = folder / name / f"{hashlib.sha256(data).hexdigest()[:16]}.bin"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path
