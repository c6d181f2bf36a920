"""The training benchmark: it runs to its end, its steps are those of training, and its arithmetic is right."""

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from training.bench import main
from training.recipes import load_recipe, recipe_names
from training.speed.compiled import measure_compiled
from training.speed.device import product_precision
from training.speed.measure import METHODS, measure_methods, measure_recipes
from training.speed.sizes import build_bench
from training.speed.step import PHASES, Step, StepSpec
from zsseg.bench.timing import gflop_of
from zsseg.engines.compiled import CompiledBlocks
from zsseg.layers import blocks_run_by

CPU = torch.device("cpu")


@pytest.mark.slow
def test_bench__measures_everything_on_a_tiny_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "speed.json"
    assert main(["--device", "cpu", "--tiny", "--operators", "3", "--json", str(path)]) == 0
    found = json.loads(path.read_text())
    assert {step["recipe"] for step in found["steps"]} == {f"{method}_voc_inductive" for method in METHODS}
    for step in found["steps"]:
        assert step["photos"] == 2
        assert step["classes"] == 15
        assert step["photos_per_second"] == pytest.approx(2 / step["seconds"])
        assert step["mfu"] == pytest.approx(
            step["gflop"] / step["seconds"] / found["product_gflops"][step["precision"]]
        )
        assert sum(step["shares"][phase] for phase in PHASES) == pytest.approx(1)
    for operators in found["operators"].values():
        assert len(operators) == 3
        assert 1 >= operators[0]["share"] >= operators[1]["share"] >= operators[2]["share"] > 0
    assert found["loader"]["photos_per_second"] > 0
    hours = {recipe["recipe"]: recipe for recipe in found["recipes"]}
    assert len(hours) == 18
    one = hours["clip_rc_voc_inductive"]
    # A batch of the recipe is 16 photos, here two were measured.
    assert one["hours"] == pytest.approx(40_000 * 8 * one["steps"][0]["seconds"] / 3600)
    # Half of the transductive schedule is the inductive one's step, which is measured once for both.
    both = hours["clip_rc_voc_transductive"]
    assert both["steps"][0] == one["steps"][0]
    assert both["hours"] == pytest.approx(20_000 * 8 * sum(step["seconds"] for step in both["steps"]) / 3600)
    printed = capsys.readouterr().out
    assert all(f"| {name} |" in printed for name in hours)


def test_bench__a_slow_compiler_takes_no_time_from_the_projected_hours(monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []

    def noted(name: str) -> None:
        monkeypatch.setattr(f"training.bench.{name}", lambda *_: order.append(name) or [])

    monkeypatch.setattr("training.bench.measure_loader", lambda _: {"photos_per_second": 1.0})
    for name in ("measure_methods", "measure_recipes", "measure_compiled"):
        noted(name)
    assert main(["--device", "cpu", "--tiny", "--compile", "60"]) == 0
    assert order == ["measure_methods", "measure_recipes", "measure_compiled"]


def test_bench__nothing_begins_after_the_limit() -> None:
    bench = build_bench(CPU, tiny=True, deadline=time.monotonic())
    assert list(measure_methods(bench)) == []
    assert all(recipe["hours"] is None for recipe in measure_recipes(bench))


def test_step__moves_only_the_head() -> None:
    bench = build_bench(CPU, tiny=True, deadline=0.0)
    step = Step(StepSpec(bench.recipe("clip_rc_coco_transductive"), self_training=True), bench.backbone, autocast=False)
    assert len(step.text) == 171
    frozen = bench.backbone.visual.proj.clone()
    before = [parameter.detach().clone() for parameter in step.model.parameters()]
    step.run()
    assert torch.equal(bench.backbone.visual.proj, frozen)
    moved = [not torch.equal(old, new) for old, new in zip(before, step.model.parameters(), strict=True)]
    assert all(moved)


def test_arithmetic__backward_of_attention_is_twice_its_forward() -> None:
    query = torch.rand(1, 2, 100, 16, requires_grad=True)
    forward = gflop_of(lambda: F.scaled_dot_product_attention(query, query, query))
    both = gflop_of(lambda: F.scaled_dot_product_attention(query, query, query).sum().backward())  # type: ignore[no-untyped-call]
    assert forward > 0
    assert both == pytest.approx(3 * forward)


def test_precision__is_as_before_after_the_block() -> None:
    matmul = torch.backends.cuda.matmul
    before = matmul.allow_tf32
    with product_precision("tf32"):
        assert matmul.allow_tf32
    assert matmul.allow_tf32 == before


def test_compile__is_ended_after_its_limit() -> None:
    began = time.monotonic()
    found = measure_compiled("cpu", tiny=True, limit=0.1)
    assert [one["failed"] for one in found] == ["not compiled within 0 s"] * 2
    assert time.monotonic() - began < 30


@pytest.mark.parametrize("method", METHODS)
def test_compile__takes_each_kind_of_block_once(method: str) -> None:
    compiled: list[object] = []
    called: list[object] = []

    def compile_(block: Callable[..., object]) -> Callable[..., object]:
        compiled.append(block)

        def run(*inputs: object, **options: object) -> object:
            called.append(block)
            return block(*inputs, **options)

        return run

    bench = build_bench(CPU, tiny=True, deadline=0.0)
    step = Step(StepSpec(bench.recipe(f"{method}_voc_inductive")), bench.backbone, autocast=True)
    with blocks_run_by(CompiledBlocks(compile_).run):
        step.run()
        step.run()
    assert len(compiled) == len(set(compiled)) == 2  # a layer of the encoder, a layer of the decoder
    assert len(called) > 2 * len(compiled)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_bench__runs_on_a_gpu(tmp_path: Path) -> None:
    path = tmp_path / "speed.json"
    assert main(["--device", "cuda", "--tiny", "--json", str(path)]) == 0
    assert {"fp32", "tf32", "bf16"} == set(json.loads(path.read_text())["product_gflops"])


def test_recipes__of_the_papers_are_all_measured() -> None:
    assert sum(load_recipe(name).backbone == "ViT-B-16" for name in recipe_names()) == 18
