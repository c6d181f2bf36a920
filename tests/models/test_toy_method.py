"""A method that no file of zsseg knows appears everywhere, from the predictor to the page."""

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.models.toy_method import METHOD, Toy
from tests.servers.demo_server import serve, tiny_checkpoints
from tests.tiny import tiny_checkpoint
from tests.training.core.test_engine import make_recipe
from tests.training.photosets import draw_voc
from training import evaluate
from training.core.assemble import build_head
from zsseg import Predictor, examples
from zsseg.cli.main import main
from zsseg.demo import actions, build_demo, catalog_of, find_catalog
from zsseg.errors import UserError
from zsseg.models import METHODS, Method, register, registered
from zsseg.predictor import default_checkpoints

ROOT = Path(__file__).resolve().parents[2]
PHOTO = examples.EXAMPLES[0].path


@pytest.fixture(scope="module", autouse=True)
def _known() -> Iterator[None]:
    with registered(METHOD):
        yield


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the default checkpoints of all methods that are trained."""
    folder = tmp_path_factory.mktemp("toy")
    for method, name in default_checkpoints().items():
        tiny_checkpoint(folder, method, name=name, recovery_target="clip" if method == "clip_rc" else None)
    return folder


@pytest.fixture(autouse=True)
def _searched(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZSSEG_WEIGHTS", str(weights))


def test_predictor_loads_and_answers() -> None:
    predictor = Predictor.from_checkpoint("toy-tiny-inductive")
    assert isinstance(predictor.model, Toy)
    assert (predictor.method, predictor.title, predictor.parameters[0]) == ("toy", "Toy", 2)
    answer = predictor.predict(PHOTO, "dog, person", "cow")
    assert answer.method == "toy"
    assert len(np.unique(answer.labels)) > 1
    with pytest.raises(UserError, match=r"^Toy has no region tokens\.$"):
        predictor.region_view(PHOTO, "dog")


def test_shell_answers(tmp_path: Path) -> None:
    assert main(["segment", str(PHOTO), "--unseen", "dog, cow", "--method", "toy", "--out", str(tmp_path)]) == 0
    assert json.loads((tmp_path / "toy/result.json").read_text())["method"] == "toy"
    assert main(["segment", str(PHOTO), "--unseen", "dog", "--out", str(tmp_path / "shown")]) == 0
    assert {path.name for path in (tmp_path / "shown").iterdir()} == {"zegclip", "clip_rc", "toy"}


def test_shell_replays_its_manifest(tmp_path: Path) -> None:
    ask = ["segment", str(PHOTO), "--unseen", "dog, cow", "--method", "toy", "--zip", "--out", str(tmp_path / "a")]
    assert main(ask) == 0
    archive = next((tmp_path / "a").glob("*.zip"))
    import zipfile

    with zipfile.ZipFile(archive) as content:
        content.extract("recipe.json", tmp_path)
    again = ["segment", str(PHOTO), "--manifest", str(tmp_path / "recipe.json"), "--zip", "--out", str(tmp_path / "b")]
    assert main(again) == 0
    assert next((tmp_path / "b").glob("*.zip")).read_bytes() == archive.read_bytes()


def test_page_offers_it(weights: Path) -> None:
    catalog = find_catalog(str(weights))
    assert catalog.methods == ["zegclip", "clip_rc", "training-free", "toy"]
    predictors = catalog.get(catalog.first)
    assert isinstance(predictors["toy"], Predictor)
    answer = actions.segment(predictors, str(PHOTO), "dog", "cow")
    assert list(answer.results) == ["zegclip", "clip_rc", "toy"]
    layout = json.dumps(build_demo(catalog).get_config_file(), default=str)
    assert "<h2>Toy</h2>" in layout


def test_http_and_tool_offer_it(tmp_path: Path) -> None:
    with serve({**tiny_checkpoints(tmp_path), "toy": str(tiny_checkpoint(tmp_path, "toy"))}) as url:
        with urllib.request.urlopen(f"{url}gradio_api/info") as reply:
            endpoint = json.load(reply)["named_endpoints"]["/segment"]
        choice = next(p for p in endpoint["parameters"] if p["parameter_name"] == "method")
        assert choice["type"]["enum"] == ["zegclip", "clip_rc", "training-free", "toy"]
        with urllib.request.urlopen(f"{url}gradio_api/mcp/schema") as reply:
            (tool,) = json.load(reply)
        assert tool["inputSchema"]["properties"]["method"]["enum"] == ["zegclip", "clip_rc", "training-free", "toy"]
        with urllib.request.urlopen(f"{url}healthz") as reply:
            assert json.load(reply)["models"]["toy"]["loaded"] is True


def test_http_answers_with_it(weights: Path) -> None:
    catalog = catalog_of({"toy": "toy-tiny-inductive"})
    result, labels, _ = actions.segment_one(
        catalog.get(catalog.first), str(PHOTO), ("dog", "cow"), (None, None, 0.0), "toy"
    )
    assert result["method"] == "toy"
    assert Path(labels).is_file()


def test_evaluate_scores_it(tmp_path: Path) -> None:
    draw_voc(tmp_path)
    common = ["--root", str(tmp_path), "--limit", "2", "--json", str(tmp_path / "r.json")]
    assert evaluate.main(["--checkpoint", "toy-tiny-inductive", *common]) == 0
    report = json.loads((tmp_path / "r.json").read_text())
    assert (report["checkpoint"], report["photos"]) == ("toy-tiny-inductive", 2)


def test_training_starts_it_from_the_cosine(weights: Path) -> None:
    predictor = Predictor.from_checkpoint("toy-tiny-inductive")
    recipe = make_recipe("zegclip", model=METHOD.config(smoothing=0.0), init="cosine", init_scale=7.0, init_bias=1.0)
    head = build_head(recipe, predictor.model.backbone)
    assert isinstance(head, Toy)
    assert (float(head.scale.detach()), float(head.bias.detach())) == (7.0, 1.0)
    baseline = Predictor.training_free(weights / "tiny-clip").model
    pixels, text = torch.rand(1, 3, 64, 64), predictor.model.backbone.encode_text(["dog", "cow"])
    expected = 0.7 * baseline(pixels, text).mask_logits + 1
    torch.testing.assert_close(head(pixels, text).mask_logits, expected)


@pytest.mark.slow
def test_an_installed_package_adds_it_by_an_entry_point(tmp_path: Path, weights: Path) -> None:
    info = tmp_path / "toy-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: toy\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[zsseg.methods]\ntoy = tests.models.toy_method:METHOD\n")
    path = os.pathsep.join([str(tmp_path), str(ROOT)])
    command = [sys.executable, "-m", "zsseg", "segment", str(PHOTO), "--unseen", "dog, cow", "--method", "toy"]
    done = subprocess.run(
        [*command, "--out", str(tmp_path / "out")],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out/toy/labels.png").is_file()
    (info / "entry_points.txt").write_text("[zsseg.methods]\ntoy = tests.no_such_module:METHOD\n")
    done = subprocess.run(
        [*command, "--out", str(tmp_path / "no")],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "The method plug-in tests.no_such_module:METHOD cannot be loaded" in done.stderr


def test_a_key_belongs_to_one_method() -> None:
    register(METHOD)  # the same once more is no contradiction
    other = Method(METHOD.config, METHOD.build, title="Other", about="Another.", color="#000000")
    with pytest.raises(ValueError, match="there is a method 'toy' already"):
        register(other)
    assert METHODS["toy"] is METHOD


@pytest.mark.parametrize(("key", "color"), [("Toy", "#000000"), ("../toy", "#000000"), ("toy", "red")])
def test_a_key_and_a_colour_must_be_plain(key: str, color: str) -> None:
    config = type("Config", (METHOD.config,), {"method": key})
    with pytest.raises(ValueError, match="must be"):
        Method(config, METHOD.build, title="Toy", about="A toy.", color=color)


def test_it_is_gone_after_the_block() -> None:
    other = type("Config", (METHOD.config,), {"method": "toy-2"})
    with registered(Method(other, METHOD.build, title="Toy 2", about="A toy.", color="#000000")):
        assert list(METHODS)[-1] == "toy-2"
    assert "toy-2" not in METHODS
