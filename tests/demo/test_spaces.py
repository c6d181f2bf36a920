"""The mark of a lent GPU: nothing where there is none to lend, else on every way to the networks."""

import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from tests.servers.demo_server import tiny_checkpoints
from zsseg.demo import catalog_of
from zsseg.demo.actions import DisplaySettings, segment, segment_one
from zsseg.demo.catalog import Predictors
from zsseg.demo.question.names import marks
from zsseg.demo.spaces import RUNS_NETWORKS, on_gpu
from zsseg.demo.tabs.batch import run_batch
from zsseg.demo.tabs.how_it_works import explain
from zsseg.demo.tabs.regions import regions
from zsseg.errors import UserError
from zsseg.predictor import Predictor

ROOT = Path(__file__).resolve().parents[2]


class Lender:
    """A stand-in for the module `spaces`: counts calls, and sends everything by value as its process border does."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.depth = 0

    def GPU(self, function: Callable[..., object]) -> Callable[..., object]:  # noqa: N802  (its name there)
        def lent(*args: object, **options: object) -> object:
            assert self.depth == 0, "a lent function was called from within another one"
            args, options = pickle.loads(pickle.dumps((args, options)))
            self.calls.append(function.__name__)
            self.depth += 1
            try:
                return pickle.loads(pickle.dumps(function(*args, **options)))
            finally:
                self.depth -= 1

        return lent


@pytest.fixture
def lender(monkeypatch: pytest.MonkeyPatch) -> Lender:
    stand_in = Lender()
    monkeypatch.setitem(sys.modules, "spaces", stand_in)
    return stand_in


@pytest.fixture
def predictors(lender: Lender, tmp_path: Path) -> Predictors:
    catalog = catalog_of(tiny_checkpoints(tmp_path))
    return catalog.get(catalog.first)


@pytest.fixture
def photo(tmp_path: Path) -> str:
    from PIL import Image

    path = tmp_path / "photo.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)).save(path)
    return str(path)


def answer() -> int:
    return 42


def test_elsewhere_a_function_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "spaces", None)
    assert on_gpu(answer) is answer


def test_on_a_space_its_own_mark_is_put_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "spaces", SimpleNamespace(GPU=lambda function: lambda: function() + 1))
    assert on_gpu(answer)() == 43


def test_every_way_in_gets_the_gpu(lender: Lender, predictors: Predictors, photo: str) -> None:
    display = DisplaySettings({method: (0.0, 0.0) for method in predictors}, 0.5)
    found = segment(predictors, photo, "cat, dog", "cow")
    assert lender.calls == ["predict"] * len(found.results)
    ways = {
        "the endpoint and MCP": lambda: segment_one(predictors, photo, ("cat", ""), (None, None, 0.0), "zegclip"),
        "many photos": lambda: run_batch(predictors, [photo], ("cat", ""), display, lambda *_: None),
        "the regions": lambda: regions(found, predictors, "cat", 0),
        "the names": lambda: marks("cat, dog", "cow", predictors),
        "the explanation": lambda: explain(found, display, predictors),
    }
    for name, run in ways.items():
        lender.calls.clear()
        run()
        assert lender.calls, name
        assert set(lender.calls) <= set(RUNS_NETWORKS)


def test_the_networks_never_run_outside(
    lender: Lender, predictors: Predictors, photo: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def encode(self: Predictor, *_args: object) -> object:
        raise AssertionError("a network ran outside the lent process")

    monkeypatch.setattr(Predictor, "encode_image", encode)
    with pytest.raises(AssertionError, match="ran outside"):
        segment(predictors, photo, "cat", "")
    assert lender.calls == ["predict"]


def test_sentences_cross_the_border(predictors: Predictors, photo: str) -> None:
    with pytest.raises(UserError, match="seen penalty"):
        segment_one(predictors, photo, ("cat", ""), (7, None, 0.0), "zegclip")


@pytest.mark.slow
def test_the_lender_is_imported_before_torch(tmp_path: Path) -> None:
    (tmp_path / "spaces.py").write_text(
        "import sys\nprint('before' if 'torch' not in sys.modules else 'after', flush=True)\nGPU = lambda f: f\n"
    )
    # The address is none, so the program ends after everything was imported and built.
    command = [sys.executable, "app.py", "--port", "70000"]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=170, check=False)
    assert done.stdout.strip() == "before", done.stderr[-1000:]
    assert "70000 is no port" in done.stderr
