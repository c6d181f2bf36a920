"""The training loop on a tiny backbone: it learns, it can be interrupted, and unseen labels cannot reach its losses."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import Subset

from tests.tiny import tiny_backbone, tiny_config
from tests.training.photosets import draw_two_colours, draw_voc, write_mask
from training.core import engine
from training.core.assemble import Experiment, assemble
from training.core.engine import RunOptions, Trainer
from training.data.batches import CACHE_BYTES, Batch, BatchStream
from training.data.datasets import Item, read_mask
from training.data.splits import UNSEEN, class_names
from training.evaluation.protocol import build_protocol, evaluate_predictor, summarise
from training.recipes import Recipe, Source
from training.runtime.devices import DeviceContext
from training.runtime.runlog import read_log
from zsseg.errors import UserError
from zsseg.predictor import Predictor

CPU = DeviceContext(torch.device("cpu"), autocast=False)
METHODS: tuple[str, ...] = ("zegclip", "clip_rc")
NOT_TOY = tuple(n for n in class_names("voc2012") if n not in (None, "cat", "dog"))


def make_recipe(method: str, **changes: object) -> Recipe:
    recipe = Recipe(
        name=f"{method}_toy",
        model=tiny_config(method),
        backbone="tiny-clip",
        sources=(Source("voc2012"),),
        size=64,
        stride=48,
        iters=8,
        batch=4,
        recovery=2.0 if method == "clip_rc" else 0.0,
        warmup=2,
        eval_every=1000,
        ema=0.9,
    )
    return dataclasses.replace(recipe, **changes)


def make_experiment(tmp_path: Path, method: str, **changes: object) -> Experiment:
    folder = tmp_path / "tiny-clip"
    return assemble(make_recipe(method, **changes), tmp_path, folder if folder.exists() else tiny_backbone(tmp_path))


def train(tmp_path: Path, method: str, run: str, options: dict[str, Any], **changes: object) -> Trainer:
    experiment = make_experiment(tmp_path, method, **changes)
    trainer = Trainer(experiment, RunOptions(tmp_path / run, **options), CPU)
    trainer.run()
    return trainer


@pytest.mark.parametrize(("method", "init"), [("zegclip", "default"), ("zegclip", "cosine"), ("clip_rc", "cosine")])
def test_trainer__learns_two_colours(tmp_path: Path, method: str, init: str) -> None:
    draw_two_colours(tmp_path)
    changes = {
        "init": init,
        "sources": (Source("voc2012", unseen=NOT_TOY),),
        "templates": ("{}",),
        "iters": 150,
        "batch": 8,
        "lr": 5e-3,
        "warmup": 10,
        "scale": (1.0, 1.0),
        "photometric": False,
        "loss_stride": 4,
    }
    trainer = train(tmp_path, method, "run", {}, **changes)
    losses = [row["focal"] + row["dice"] for row in read_log(tmp_path / "run/train.csv")]
    assert losses[-1] < 0.2 * losses[0]
    part = trainer.experiment.parts[0]
    protocol = build_protocol(part.photos.raw_names, ("cat", "dog"), (), ())
    predictor = Predictor(trainer.model, trainer.experiment.metadata)
    scores = summarise(evaluate_predictor(predictor, part.photos.items[:6], protocol, 0.0), protocol)
    assert scores.mIoU_seen > 0.9
    assert (tmp_path / "run/curves.png").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("method", "setting"), [("zegclip", "inductive"), ("clip_rc", "inductive"), ("clip_rc", "transductive")]
)
def test_trainer__interrupted_and_resumed_equals_uninterrupted(tmp_path: Path, method: str, setting: str) -> None:
    draw_voc(tmp_path)
    changes = {"setting": setting, "pseudo_label_threshold": 0.0}
    whole = train(tmp_path, method, "whole", {}, **changes)
    for stop in (3, 6):
        train(tmp_path, method, "parts", {"stop_at": stop, "resume": stop > 3}, **changes)
    parts = train(tmp_path, method, "parts", {"resume": True}, **changes)
    assert parts.progress.iteration == whole.progress.iteration == 8
    assert parts.progress.switch == whole.progress.switch == (4 if setting == "transductive" else -1)
    for name, value in whole.model.state_dict().items():
        torch.testing.assert_close(parts.model.state_dict()[name], value, rtol=0, atol=0)
    assert whole.average is not None
    assert parts.average is not None
    for resumed, uninterrupted in zip(parts.average.tensors, whole.average.tensors, strict=True):
        torch.testing.assert_close(resumed, uninterrupted, rtol=0, atol=0)
    rows = [read_log(tmp_path / run / "train.csv") for run in ("whole", "parts")]
    assert [r["total"] for r in rows[0]] == [r["total"] for r in rows[1]]


def test_trainer__refuses_to_resume_another_recipe(tmp_path: Path) -> None:
    draw_voc(tmp_path)
    train(tmp_path, "zegclip", "run", {"stop_at": 1})
    with pytest.raises(UserError, match="another recipe"):
        train(tmp_path, "zegclip", "run", {"resume": True}, lr=1e-3)
    with pytest.raises(UserError, match="nothing to resume"):
        train(tmp_path, "zegclip", "elsewhere", {"resume": True})


@pytest.mark.parametrize("where", ["unseen_pixels", "unlabelled_pixels"])
@pytest.mark.parametrize("setting", ["inductive", "transductive"])
def test_trainer__unseen_labels_cannot_reach_the_weights(tmp_path: Path, setting: str, where: str) -> None:
    """Rename every unseen label on disk: training ends with the same weights, to the bit."""
    home = draw_voc(tmp_path)
    changes = {"setting": setting, "pseudo_label_where": where, "iters": 4, "pseudo_label_threshold": 0.0}
    clean = train(tmp_path, "zegclip", "clean", {}, **changes)
    unseen_ids = [i for i, name in enumerate(class_names("voc2012")) if name in UNSEEN["voc2012"]]
    poison = np.arange(256, dtype=np.uint8)
    poison[unseen_ids] = np.roll(unseen_ids, 1)
    for path in (home / "SegmentationClassAug").glob("*.png"):
        write_mask(path, poison[read_mask(Item("", path, path))])
    poisoned = train(tmp_path, "zegclip", "poisoned", {}, **changes)
    for name, value in clean.model.state_dict().items():
        torch.testing.assert_close(poisoned.model.state_dict()[name], value, rtol=0, atol=0)


def test_trainer__inductive_asks_seen_names_only(tmp_path: Path) -> None:
    draw_voc(tmp_path)
    asked = []
    trainer = Trainer(make_experiment(tmp_path, "zegclip", setting="transductive"), RunOptions(tmp_path / "run"), CPU)
    decode = trainer.model.decode
    trainer.model.decode = lambda image, text: (asked.append(len(text)), decode(image, text))[1]  # type: ignore[assignment, method-assign, func-returns-value]
    trainer.run()
    assert asked == [15] * 4 + [20] * 4


@pytest.mark.parametrize("method", METHODS)
def test_trainer__trains_exactly_the_head(tmp_path: Path, method: str) -> None:
    draw_voc(tmp_path)
    experiment = make_experiment(tmp_path, method)
    frozen = {n: v.clone() for n, v in experiment.model.backbone.state_dict().items()}
    before = {n: v.clone() for n, v in experiment.model.state_dict().items()}
    trainer = Trainer(experiment, RunOptions(tmp_path / "run"), CPU)
    moved = {id(p) for group in trainer.optimizer.param_groups for p in group["params"]}
    trained = set(experiment.model.trainable_names())
    assert moved == {id(p) for n, p in experiment.model.named_parameters() if n in trained}
    trainer.run()
    changed = {n for n, v in experiment.model.state_dict().items() if not torch.equal(v, before[n])}
    assert changed <= trained
    # A key's bias adds a constant to all scores of a softmax: no gradient but rounding.
    assert trained - changed <= {n for n in trained if n.endswith("key.bias")}
    assert all(torch.equal(v, frozen[n]) for n, v in experiment.model.backbone.state_dict().items())


def test_trainer__a_time_budget_shortens_the_schedule(tmp_path: Path) -> None:
    draw_voc(tmp_path)
    trainer = train(tmp_path, "zegclip", "run", {"minutes": 0.02}, iters=100_000)
    assert 30 <= trainer.progress.iteration == trainer.progress.iters < 5000
    assert trainer.progress.elapsed < 10
    assert (tmp_path / "run/last.safetensors").exists()


@pytest.mark.parametrize("workers", [0, 1, 16])
def test_trainer__all_workers_together_have_one_cache(
    tmp_path: Path, workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Every worker holds a copy of the stream: 16 of them took 48 GB where one may take 3.
    rooms: list[int] = []

    class Loader:
        def __init__(self, stream: "Subset[Batch]", **_options: object) -> None:
            assert isinstance(stream.dataset, BatchStream)
            rooms.append(stream.dataset._room)

        def __iter__(self) -> Iterator[Batch]:
            return iter(())

    draw_voc(tmp_path)
    monkeypatch.setattr(engine, "DataLoader", Loader)
    Trainer(make_experiment(tmp_path, "zegclip"), RunOptions(tmp_path / "run", workers=workers), CPU).run()
    assert rooms == [CACHE_BYTES // max(1, workers)]
