"""Training on cached views: the same photos and labels as pixels would give, no unseen label, an exact resume."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.tiny import tiny_config
from tests.training.photosets import draw_voc, write_mask
from training.core.assemble import assemble
from training.core.engine import RunOptions, Trainer
from training.data.batches import Part
from training.data.cached_batches import CachedBatchStream
from training.data.datasets import Item, open_set, read_mask
from training.data.feature_cache import FeatureCache, fill_cache
from training.data.labels import HIDDEN, VOID
from training.data.splits import UNSEEN, class_names, split_names
from training.data.transforms import Augmentation
from training.data.views import PhotoFile, ViewPlan
from training.recipes import Recipe, Source
from training.runtime.devices import DeviceContext
from zsseg.errors import UserError
from zsseg.models import build_clip
from zsseg.weights.backbone import save_backbone

HOW = Augmentation(48, (1.0, 1.0), False, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
PLAN = ViewPlan(grid=3, views=2, scale=(0.6, 1.0))
CONFIG: dict[str, Any] = {
    "model_cfg": {
        "embed_dim": 16,
        "vision_cfg": {"image_size": 64, "patch_size": 16, "width": 32, "layers": 2, "head_width": 16},
        "text_cfg": {"context_length": 8, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1},
    },
    "preprocess_cfg": {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]},
    "trunks": {"lite2_features": 8, "vit_features": [8], "vit_layers": [1]},
}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    draw_voc(tmp_path)
    torch.manual_seed(0)
    save_backbone(build_clip(CONFIG), CONFIG, tmp_path / "trunk-clip", torch.float32)
    return tmp_path


def stream(data: Path, **changes: object) -> CachedBatchStream:
    seen, unseen = split_names("voc2012")
    part = dataclasses.replace(Part(open_set("voc2012", data, "trainval"), seen, unseen), **changes)
    torch.manual_seed(0)
    stem = build_clip(CONFIG).visual.conv1
    fill_cache(data / "cache", [(i.key, PhotoFile(str(i.photo))) for i in part.photos.items], PLAN, stem)
    return CachedBatchStream([part], HOW, 4, 6, FeatureCache(data / "cache"), seed=3)


def test_features_and_labels_are_of_the_same_view(data: Path) -> None:
    batches = stream(data)
    batch = batches[0]
    assert batch.inputs.shape == (4, 16, 3, 3)
    assert batch.labels.shape == (4, 48, 48)
    for slot in range(4):
        item = batches._item(0, 0, slot)
        fitting = [
            view
            for i, view in enumerate(batches.cache.views)
            if view.key == item.key and torch.equal(batches.cache.maps([i])[0], batch.inputs[slot])
        ]
        assert len(fitting) == 1
        expected = fitting[0].labels(batches._tables[0][read_mask(item)])
        np.testing.assert_array_equal(batch.labels[slot].numpy(), expected)


def test_both_views_of_a_photo_come_and_batches_are_functions_of_their_number(data: Path) -> None:
    one, other = stream(data), stream(data)
    assert all(torch.equal(one[i].inputs, other[i].inputs) for i in (4, 0, 2))
    drawn = {tuple(row.flatten()[:8].tolist()) for i in range(6) for row in one[i].inputs}
    assert len(drawn) > len(one.parts[0].photos.items)


@pytest.mark.parametrize("reveal", [False, True])
def test_unseen_labels_cannot_reach_the_batches(data: Path, reveal: bool) -> None:
    """Exchange every unseen label on disk: no batch changes by a bit."""

    def batches() -> list[tuple[torch.Tensor, torch.Tensor]]:
        made = stream(data, reveal_hidden=reveal)
        return [(b.inputs, b.labels) for b in (made[i] for i in range(6))]

    clean = batches()
    unseen_ids = [i for i, name in enumerate(class_names("voc2012")) if name in UNSEEN["voc2012"]]
    poison = np.arange(256, dtype=np.uint8)
    poison[unseen_ids] = np.roll(unseen_ids, 1)
    touched = 0
    for path in (data / "VOCdevkit/VOC2012/SegmentationClassAug").glob("*.png"):
        mask = read_mask(Item("", path, path))
        touched += int((poison[mask] != mask).sum())
        write_mask(path, poison[mask])
    assert touched > 1000
    for before, after in zip(clean, batches(), strict=True):
        assert torch.equal(before[0], after[0])
        assert torch.equal(before[1], after[1])
    values = set(torch.cat([labels.flatten() for _, labels in clean]).unique().tolist())
    assert values - {VOID, HIDDEN} <= set(range(len(split_names("voc2012")[0])))
    assert (HIDDEN in values) == reveal


def test_a_photo_without_a_view_is_named(data: Path) -> None:
    made = stream(data)
    first = made.parts[0].photos.items[0].key
    made.cache.views[:] = [view for view in made.cache.views if view.key != first]
    with pytest.raises(UserError, match=f"1 photos have no cached features \\({first}\\)"):
        CachedBatchStream(made.parts, HOW, 4, 6, made.cache, seed=3)


def recipe(method: str) -> Recipe:
    return Recipe(
        name=f"{method}_cached",
        model=dataclasses.replace(tiny_config(method), decoder_heads=2),
        backbone="trunk-clip",
        sources=(Source("voc2012"),),
        size=48,
        stride=48,
        layout="whole",
        views=PLAN,
        iters=8,
        batch=4,
        recovery=2.0 if method == "clip_rc" else 0.0,
        loss_stride=4,
        warmup=2,
        eval_every=1000,
        ema=0.9,
    )


def train(data: Path, method: str, run: str, resume: bool = False, stop_at: int | None = None) -> Trainer:
    experiment = assemble(recipe(method), data, data / "trunk-clip", data / "features")
    options = RunOptions(data / run, resume, stop_at=stop_at)
    trainer = Trainer(experiment, options, DeviceContext(torch.device("cpu"), autocast=False))
    trainer.run()
    return trainer


@pytest.mark.parametrize("method", ["zegclip", "clip_rc"])
def test_an_interrupted_run_ends_with_the_same_weights(data: Path, method: str) -> None:
    whole = train(data, method, "whole").model.state_dict()
    train(data, method, "interrupted", stop_at=3)
    resumed = train(data, method, "interrupted", resume=True).model.state_dict()
    assert all(torch.equal(value, resumed[name]) for name, value in whole.items())


def test_cached_views_need_frozen_networks_below_and_a_folder(data: Path) -> None:
    with pytest.raises(UserError, match="needs a backbone of frozen networks, and --features"):
        assemble(recipe("zegclip"), data, data / "trunk-clip", None)
