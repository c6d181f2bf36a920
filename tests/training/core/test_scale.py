"""Less memory without other weights, and runs that survive kill -9."""

import dataclasses
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from tests.tiny import tiny_backbone, tiny_config
from tests.training.core.test_engine import CPU, METHODS, make_experiment, train
from tests.training.photosets import draw_voc
from training.core.engine import STATE_FILE, RunOptions, Trainer
from training.runtime.devices import DeviceContext
from training.runtime.runlog import RunLog, read_log
from training.train import main
from zsseg.layers import run_block
from zsseg.models import prompted_vit

ROOT = Path(__file__).resolve().parents[3]


def first_gradients(tmp_path: Path, method: str, accumulate: int, **changes: object) -> dict[str, Tensor]:
    """Gradients of the first step, without dropout, whose masks depend on how a batch is divided."""
    plain: dict[str, object] = {"model": tiny_config(method, dropout=0.0), "batch": 5, "iters": 2, **changes}
    experiment = make_experiment(tmp_path, method, **plain)
    options = RunOptions(tmp_path / f"{method}-{accumulate}", accumulate=accumulate, stop_at=1)
    trainer = Trainer(experiment, options, CPU)
    trainer.run()
    return {name: p.grad for name, p in trainer.model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("changes", [{}, {"setting": "transductive"}, {"mask_loss": "softmax"}], ids=str)
def test_a_batch_in_pieces_has_the_gradients_of_the_batch(tmp_path: Path, method: str, changes: dict[str, Any]) -> None:
    draw_voc(tmp_path)
    # Self-training from the first iteration on, where labels depend on what the model predicts.
    extra = {"self_training_from": 0.0, "pseudo_label_threshold": 0.0} if changes.get("setting") else {}
    whole = first_gradients(tmp_path, method, 1, **changes, **extra)
    size = torch.stack([gradient.norm() for gradient in whole.values()]).norm()
    for pieces in (2, 3, 9):
        found = first_gradients(tmp_path, method, pieces, **changes, **extra)
        assert found.keys() == whole.keys()
        for name, gradient in whole.items():
            assert (found[name] - gradient).norm() <= 1e-4 * gradient.norm() + 1e-6 * size, (pieces, name)


def test_pieces_are_taken_one_by_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    draw_voc(tmp_path)
    sizes: list[int] = []
    trainer = Trainer(make_experiment(tmp_path, "zegclip"), RunOptions(tmp_path / "run", accumulate=3, stop_at=1), CPU)
    encode = trainer.model.encode_patches
    monkeypatch.setattr(
        trainer.model, "encode_patches", lambda patches: (sizes.append(len(patches)), encode(patches))[1]
    )
    trainer.run()
    assert sizes == [2, 1, 1]


@pytest.mark.parametrize("method", METHODS)
def test_checkpointed_activations_give_the_same_weights(tmp_path: Path, method: str) -> None:
    draw_voc(tmp_path)
    plain = train(tmp_path, method, "plain", {})
    saving = train(tmp_path, method, "saving", {"checkpointing": True})
    for name, value in plain.model.state_dict().items():
        assert torch.equal(saving.model.state_dict()[name], value), name


@pytest.mark.parametrize("checkpointing", [False, True])
def test_checkpointed_layers_run_twice(tmp_path: Path, checkpointing: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    draw_voc(tmp_path)
    runs: list[int] = []
    monkeypatch.setattr(prompted_vit, "run_block", lambda *given: (runs.append(1), run_block(*given))[1])
    train(tmp_path, "zegclip", "run", {"checkpointing": checkpointing, "stop_at": 1})
    assert len(runs) == (4 if checkpointing else 2)  # the tiny encoder has two layers


def test_bf16_autocast_trains_fp32_weights(tmp_path: Path) -> None:
    draw_voc(tmp_path)
    losses = {}
    for name, autocast in (("fp32", False), ("bf16", True)):
        context = DeviceContext(torch.device("cpu"), autocast=autocast)
        options = RunOptions(tmp_path / name, accumulate=2, checkpointing=True)
        trainer = Trainer(make_experiment(tmp_path, "clip_rc", iters=21), options, context)
        seen: list[torch.dtype] = []
        decode = trainer.model.decode

        def spy(image: Any, text: Tensor, decode: Any = decode, seen: Any = seen) -> Any:  # noqa: ANN401
            output = decode(image, text)
            seen.append(output.mask_logits.dtype)
            return output

        trainer.model.decode = spy  # type: ignore[method-assign]
        trainer.run()
        assert set(seen) == {torch.bfloat16 if autocast else torch.float32}
        assert {p.dtype for p in trainer.model.parameters()} == {torch.float32}
        assert all(p.isfinite().all() for p in trainer.model.parameters())
        losses[name] = [row["total"] for row in read_log(tmp_path / name / "train.csv")]
    assert losses["bf16"] != losses["fp32"]
    assert losses["bf16"] == pytest.approx(losses["fp32"], rel=0.03)


def run_until(data: Path, out: Path, where: str) -> None:
    """Train in a process of its own, and kill it where it waits."""
    command = [sys.executable, "-m", "tests.training.core.killable", str(data), str(out), where]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        if where == "end":
            assert process.wait(timeout=120) == 0
            return
        assert line == "waiting\n"
        process.kill()
        assert process.wait(timeout=20) == -signal.SIGKILL


@pytest.mark.slow
def test_killed_and_resumed_equals_uninterrupted(tmp_path: Path) -> None:
    draw_voc(tmp_path)
    tiny_backbone(tmp_path)
    run_until(tmp_path, tmp_path / "whole", "end")
    for where in ("write 3", "step 6", "write 2"):
        run_until(tmp_path, tmp_path / "killed", where)
        assert (tmp_path / "killed" / STATE_FILE).exists()
    assert list((tmp_path / "killed").glob(".state-*"))  # what the last kill left of the state that it interrupted
    run_until(tmp_path, tmp_path / "killed", "end")
    assert not list((tmp_path / "killed").glob(".state-*"))
    whole, killed = (torch.load(tmp_path / run / STATE_FILE) for run in ("whole", "killed"))
    for state in (whole, killed):
        state["progress"].pop("elapsed")
    assert_equal(killed, whole)
    for name in ("last", "best"):
        files = [tmp_path / run / f"{name}.safetensors" for run in ("whole", "killed")]
        assert [file.exists() for file in files] in ([True, True], [False, False])
        if files[0].exists():
            assert_equal(*map(load_file, files))
    logs = [read_log(tmp_path / run / "train.csv") for run in ("whole", "killed")]
    for row in (*logs[0], *logs[1]):
        row.pop("seconds")
    assert str(logs[0]) == str(logs[1])


def assert_equal(found: Any, expected: Any) -> None:  # noqa: ANN401
    """Everything in two nested states is the same, tensors bit for bit."""
    assert type(found) is type(expected)
    if isinstance(expected, dict):
        assert found.keys() == expected.keys()
        for key in expected:
            assert_equal(found[key], expected[key])
    elif isinstance(expected, list | tuple):
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            assert_equal(one, other)
    elif isinstance(expected, Tensor):
        assert torch.equal(found, expected)
    else:
        assert found == expected


def test_a_state_of_another_precision_is_refused(tmp_path: Path) -> None:
    draw_voc(tmp_path)
    experiment = make_experiment(tmp_path, "zegclip")
    Trainer(experiment, RunOptions(tmp_path / "run", stop_at=1), CPU).run()
    other = dataclasses.replace(experiment, recipe=dataclasses.replace(experiment.recipe, precision="bf16"))
    with pytest.raises(ValueError, match="another recipe"):
        Trainer(other, RunOptions(tmp_path / "run", resume=True), CPU)


def test_a_row_that_a_kill_cut_off_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "train.csv"
    log = RunLog(path, ("loss",), 0)
    for iteration in (0, 20, 40):
        log.write(iteration, {"loss": 0.5})
    path.write_text(path.read_text() + "6")  # of "60,0.5"
    RunLog(path, ("loss",), 61)
    assert [row["iteration"] for row in read_log(path)] == [0, 20, 40]


@pytest.mark.parametrize("value", ["0", "-1", "x", "1.5"])
def test_accumulate_must_be_a_number_from_one_up(value: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--recipe", "zegclip_voc_inductive", "--accumulate", value])
    assert "accumulate" in capsys.readouterr().err
