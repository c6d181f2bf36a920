"""Some hundred mutated inputs for every reader, always the same ones, and every input that once did harm."""

import pytest

from tests.fuzz.engine import fuzz, kept, replay
from tests.fuzz.mutate import mutations
from tests.fuzz.targets import TARGETS

pytestmark = pytest.mark.filterwarnings("ignore")  # Pillow warns about damage; only in tests is that an error

COUNTS = {"names": 400, "table": 400, "link": 300, "manifest": 200, "image": 200, "mask": 100, "header": 300}
"""Inputs of each reader; the others build networks, which takes longer."""


@pytest.mark.parametrize("name", TARGETS)
def test_good_inputs_are_answered(name: str) -> None:
    tally = replay(TARGETS[name], TARGETS[name].seeds())
    assert tally.findings == {}
    assert tally.answered > 0


@pytest.mark.parametrize("name", TARGETS)
def test_hostile_inputs_are_answered_or_refused(name: str) -> None:
    count = COUNTS.get(name, 20)
    tally = fuzz(TARGETS[name], mutations(TARGETS[name].seeds(), seed=20261126), count)
    assert tally.findings == {}
    assert tally.inputs == count
    assert tally.refused > 0 or name == "link"  # of a link, what is impossible counts as not said


@pytest.mark.parametrize("name", TARGETS)
def test_what_once_did_harm_does_none_now(name: str) -> None:
    tally = replay(TARGETS[name], [path.read_bytes() for path in kept(name)])
    assert tally.findings == {}


def test_the_engine_finds_what_is_there() -> None:
    def careless(data: bytes) -> None:
        if data.startswith(b"{"):
            raise KeyError("careless")

    from tests.fuzz.targets import Target

    target = Target("careless", careless, lambda: [b"{}", b"x"])
    tally = fuzz(target, mutations(target.seeds(), seed=0), 100)
    assert len(tally.findings) == 1
    assert "KeyError" in next(iter(tally.findings))
