"""Every engine gives the answers of the reference; "auto" measures once and remembers; answers name their engine."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.tiny import tiny_checkpoint
from zsseg.engines import ENGINES, VARIABLE, engine_name
from zsseg.engines.base import Eager, Engine
from zsseg.engines.build import build_engine, candidates, engine_of
from zsseg.engines.choose import Auto, Memory, fastest
from zsseg.engines.packed import Packed, has_bf16, has_onednn
from zsseg.errors import UserError
from zsseg.examples import available
from zsseg.models import Backbone
from zsseg.predictor import Predictor
from zsseg.weights.backbone import load_backbone

METHODS = ("zegclip", "clip_rc")
ROOT = Path(__file__).resolve().parents[2]
PHOTO = np.random.default_rng(0).integers(0, 256, (48, 100, 3), dtype=np.uint8)
NAMES = ["dog", "cow | bull", "grass"]

needs_onednn = pytest.mark.skipif(not has_onednn(), reason="this torch has no oneDNN")
needs_bf16 = pytest.mark.skipif(not has_bf16(), reason="this processor has no bfloat16 instructions")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights")
    for method in METHODS:
        tiny_checkpoint(path, method)
    return path


def opened(folder: Path, method: str, engine: str) -> Predictor:
    return Predictor.from_checkpoint(folder / f"{method}-tiny-inductive.safetensors", engine=engine)


@needs_onednn
@pytest.mark.parametrize("method", METHODS)
def test_packed_is_the_reference_but_for_the_order_of_sums(folder: Path, method: str) -> None:
    exact, packed = (opened(folder, method, engine).predict(PHOTO, "dog", NAMES[1:]) for engine in ("eager", "packed"))
    np.testing.assert_allclose(packed.scores, exact.scores, atol=2e-5)
    assert packed.features.keys() == exact.features.keys()
    for name, feature in exact.features.items():
        np.testing.assert_allclose(packed.features[name], feature, atol=2e-4, err_msg=name)


@needs_bf16
@pytest.mark.parametrize("method", METHODS)
def test_bf16_is_near_the_reference_and_returns_float32(folder: Path, method: str) -> None:
    exact, rounded = (opened(folder, method, engine).predict(PHOTO, "", NAMES) for engine in ("eager", "bf16"))
    assert rounded.scores.dtype == np.float32
    np.testing.assert_allclose(rounded.scores, exact.scores, atol=0.05)
    assert not np.array_equal(rounded.scores, exact.scores)


@needs_onednn
def test_many_queries_are_attended_in_pieces(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zsseg.engines.packed._SCORES_AT_ONCE", 40)
    exact, packed = (opened(folder, "clip_rc", engine).predict(PHOTO, "", NAMES) for engine in ("eager", "packed"))
    np.testing.assert_allclose(packed.scores, exact.scores, atol=2e-5)


@needs_onednn
def test_changed_weights_are_packed_again(folder: Path) -> None:
    model = opened(folder, "zegclip", "eager").model
    engine = Packed("packed", torch.float32)
    patches, before = torch.randn(1, 32, 4, 4), None
    for _ in range(2):
        packed = engine.run(model.encode_patches, patches).patch_tokens
        torch.testing.assert_close(packed, model.encode_patches(patches).patch_tokens, atol=1e-5, rtol=0)
        assert before is None or not torch.allclose(packed, before, atol=1e-3)
        before = packed
        with torch.no_grad():
            model.encoder.prompts.proj.weight.mul_(3)  # type: ignore[union-attr]


@needs_onednn
def test_nothing_is_replaced_after_a_step_even_a_failed_one() -> None:
    linear, x = torch.nn.Linear(8, 8), torch.randn(2, 8)

    def fail(_: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("no")

    with torch.no_grad():
        expected = linear(x)
        engine = Packed("bf16", torch.bfloat16)
        with pytest.raises(RuntimeError, match="no"):
            engine.run(fail, x)
        assert torch.equal(linear(x), expected)
        assert not torch.is_inference_mode_enabled()


@needs_bf16
@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_bf16_labels_of_the_embedded_weights(method: str) -> None:
    """The promise on trained weights: at least 99.5 % of the pixels of real photos keep their label.

    With the names and the threshold that the page asks of each photo.
    """
    photos = available()
    assert len(photos) >= 5
    path = ROOT / "checkpoints" / f"{method}-mini-inductive.safetensors"
    exact, rounded = (Predictor.from_checkpoint(path, engine=engine) for engine in ("eager", "bf16"))
    same = [
        exact.predict(each.path, each.seen, each.unseen).labels
        == rounded.predict(each.path, each.seen, each.unseen).labels
        for each in photos
    ]
    assert np.mean([np.mean(part) for part in same]) >= 0.995


def test_the_answer_names_its_engine(folder: Path) -> None:
    assert opened(folder, "zegclip", "eager").predict(PHOTO, "dog").provenance["engine"] == "eager"
    name = candidates()[-1]
    assert opened(folder, "zegclip", name).predict(PHOTO, "dog").provenance["engine"] == name


def test_engines_share_no_encoded_photo(folder: Path) -> None:
    backbones: dict[str, Backbone] = {}
    path = folder / "zegclip-tiny-inductive.safetensors"
    answers = [
        Predictor.from_checkpoint(path, backbones=backbones, engine=engine).predict(PHOTO, "dog, cow").scores
        for engine in candidates()
    ]
    alone = [opened(folder, "zegclip", engine).predict(PHOTO, "dog, cow").scores for engine in candidates()]
    for together, single in zip(answers, alone, strict=True):
        np.testing.assert_array_equal(together, single)


def test_the_name_comes_from_the_caller_then_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "bf16")
    assert engine_name("packed") == "packed"
    assert engine_name() == engine_name("") == "bf16"
    monkeypatch.delenv(VARIABLE)
    assert engine_name() == "auto"
    with pytest.raises(UserError, match="no engine 'quick': choose one of auto, eager"):
        engine_name("quick")
    assert set(candidates()) < set(ENGINES)


def test_other_devices_have_one_engine(folder: Path) -> None:
    backbone, device = load_backbone(folder / "tiny-clip"), torch.device("cuda")
    assert isinstance(build_engine("auto", backbone, 64, device), Eager)
    with pytest.raises(UserError, match="packed runs on CPU only"):
        build_engine("packed", backbone, 64, device)


@pytest.mark.parametrize(
    ("name", "missing", "sentence"),
    [
        ("packed", "has_onednn", "needs a torch with oneDNN"),
        ("bf16", "has_bf16", "needs a processor with bfloat16 instructions"),
    ],
)
def test_what_cannot_run_here_is_refused(
    monkeypatch: pytest.MonkeyPatch, name: str, missing: str, sentence: str
) -> None:
    monkeypatch.setattr(f"zsseg.engines.build.{missing}", lambda: False)
    with pytest.raises(UserError, match=sentence):
        engine_of.__wrapped__(name)
    assert name not in candidates()


def test_a_less_exact_engine_must_be_clearly_faster() -> None:
    assert fastest({"eager": 1.0}) == "eager"
    assert fastest({"eager": 1.0, "packed": 0.95}) == "eager"
    assert fastest({"eager": 1.0, "packed": 0.8, "bf16": 0.75}) == "packed"
    assert fastest({"eager": 1.0, "packed": 0.8, "bf16": 0.4}) == "bf16"
    assert fastest({"eager": 1.0, "packed": 2.0, "bf16": 0.85}) == "bf16"


class Noted(Engine):
    """Counts the steps that it runs, and waits for each."""

    def __init__(self, name: str, seconds: float) -> None:
        self.name, self.seconds, self.steps = name, seconds, 0

    def run(self, step: Callable[..., Any], *inputs: Any, **options: Any) -> Any:  # noqa: ANN401
        self.steps += 1

        time.sleep(self.seconds)
        return step(*inputs, **options)


def test_auto_measures_once_and_remembers(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    memory = Memory(tmp_path / "cache" / "engines.json")
    monkeypatch.setattr("zsseg.engines.choose._memory", lambda: memory)
    backbone = load_backbone(folder / "tiny-clip")
    slow, quick = Noted("slow", 0.05), Noted("quick", 0.0)
    auto = Auto(backbone, 64, {"slow": slow, "quick": quick})
    assert slow.steps == quick.steps == 0  # nothing is measured before the first step
    assert auto.name == "quick"
    measured = slow.steps
    assert measured > 0
    tokens = auto.run(backbone.plain_tokens, torch.randn(1, 32, 4, 4))
    assert tokens.patch_tokens.shape == (1, 16, 16)
    assert slow.steps == measured

    again = Auto(backbone, 64, {"slow": slow, "quick": quick})
    monkeypatch.setattr("zsseg.engines.choose._memory", lambda: Memory(tmp_path / "cache" / "engines.json"))
    assert again.name == "quick"  # by another process, from the file
    assert slow.steps == measured
    assert Auto(backbone, 64, {"slow": slow}).name == "slow"  # no choice


def test_a_damaged_or_unwritable_memory_only_costs_time(tmp_path: Path) -> None:
    path = tmp_path / "engines.json"
    for text in ("{", "[]", '{"key": "gone"}', '{"key": 5}'):
        path.write_text(text, encoding="utf-8")
        assert Memory(path).get("key", ("a", "b"), lambda: "b") == "b"
        assert json.loads(path.read_text(encoding="utf-8")) == {"key": "b"}
    blocked = Memory(path / "below a file" / "engines.json")
    asked = []
    for _ in range(2):
        assert blocked.get("key", ("a",), lambda: asked.append(1) or "a") == "a"
    assert len(asked) == 1
