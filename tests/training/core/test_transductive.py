"""The transductive recipes: what they change, and that they go from an inductive checkpoint to one of their own."""

import dataclasses
from pathlib import Path

import pytest
import torch

from tests.tiny import tiny_backbone, tiny_checkpoint
from tests.training.core.test_engine import make_recipe
from tests.training.photosets import draw_voc
from training import train
from training.core.assemble import assemble
from training.core.engine import RunOptions, Trainer
from training.data.batches import BatchStream
from training.data.labels import HIDDEN
from training.data.splits import split_names
from training.recipes import Recipe, load_recipe, recipe_names
from training.runtime.devices import DeviceContext
from zsseg.errors import UserError
from zsseg.weights.checkpoint import load_checkpoint
from zsseg.weights.metadata import read_metadata

CPU = DeviceContext(torch.device("cpu"), autocast=False)
MINI = [name for name in recipe_names() if "mini_transductive" in name]
SEEN, UNSEEN = split_names("voc2012")


def shrink(recipe: Recipe, start_from: str) -> Recipe:
    """The same experiment on the tiny models and the drawn photos."""
    toy = make_recipe(recipe.model.method)
    sources = tuple(source for source in recipe.sources if source.name == "voc2012")
    # Drawn photos are seen in new crops at every step: the tiny backbone has no frozen networks.
    small = {name: getattr(toy, name) for name in ("model", "backbone", "size", "stride", "batch", "iters", "warmup")}
    whole = {"views": None, "layout": "sliding", "eval_every": 4, "eval_photos": 3}
    return dataclasses.replace(recipe, **small, **whole, sources=sources, start_from=start_from)


def toy_start(tmp_path: Path, method: str) -> str:
    tiny_backbone(tmp_path)
    return str(tiny_checkpoint(tmp_path, method, seen=SEEN, unseen=UNSEEN))


def test_recipes__both_methods_have_both_variants() -> None:
    assert len(MINI) == 4
    for name in MINI:
        recipe = load_recipe(name)
        inductive = load_recipe(name.split("_transductive")[0] + "_inductive")
        assert recipe.setting == "transductive"
        assert recipe.self_training_from == 0
        assert recipe.start_from == inductive.name.replace("_", "-").replace("clip-rc", "clip_rc")
        assert recipe.model == inductive.model
        assert [s.name for s in recipe.sources] == [s.name for s in inductive.sources]
        honest = name.endswith("_unlabelled")
        assert recipe.pseudo_label_where == ("unlabelled_pixels" if honest else "unseen_pixels")
        assert (recipe.pseudo_label_threshold > 0) is honest
        assert all(source.void_ignored for source in recipe.sources) is honest


@pytest.mark.parametrize("name", MINI)
def test_train__from_the_inductive_head_to_a_transductive_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    draw_voc(tmp_path, photos=120)
    published = load_recipe(name)
    recipe = shrink(published, toy_start(tmp_path, published.model.method))
    assert recipe.start_from is not None
    monkeypatch.setenv("ZSSEG_WEIGHTS", str(tmp_path))
    monkeypatch.setattr(train, "load_recipe", lambda _: recipe)
    arguments = ["--recipe", name, "--data-root", str(tmp_path), "--out", str(tmp_path / "run")]
    assert train.main([*arguments, "--export", str(tmp_path)]) == 0
    path = next(tmp_path.glob("*-mini-transductive*.safetensors"))
    metadata = read_metadata(path)
    assert metadata.setting == "transductive"
    assert metadata.pseudo_label_where == published.pseudo_label_where
    assert metadata.seen_penalty == 0
    before, after = (load_checkpoint(p)[0].state_dict() for p in (recipe.start_from, path))
    moved = [key for key in before if not torch.equal(before[key], after[key])]
    assert len(moved) > len(before) // 2
    # It began where the inductive head ended.
    drift = max(float((after[key] - before[key]).abs().max()) for key in before)
    assert drift < 0.05


@pytest.mark.parametrize("name", MINI)
def test_trainer__asks_all_names_from_the_first_step_on(tmp_path: Path, name: str) -> None:
    draw_voc(tmp_path)
    recipe = shrink(load_recipe(name), toy_start(tmp_path, load_recipe(name).model.method))
    experiment = assemble(recipe, tmp_path, tmp_path / "tiny-clip")
    trainer = Trainer(experiment, RunOptions(tmp_path / "run"), CPU)
    asked = []
    decode = trainer.model.decode
    trainer.model.decode = lambda image, text: (asked.append(len(text)), decode(image, text))[1]  # type: ignore[assignment, method-assign, func-returns-value]
    trainer.run()
    assert asked == [len(SEEN) + len(UNSEEN)] * recipe.iters


@pytest.mark.parametrize("name", MINI)
def test_batches__only_the_published_variant_knows_where_unseen_names_are(tmp_path: Path, name: str) -> None:
    draw_voc(tmp_path)
    recipe = shrink(load_recipe(name), toy_start(tmp_path, load_recipe(name).model.method))
    experiment = assemble(recipe, tmp_path, tmp_path / "tiny-clip")
    stream = BatchStream(experiment.parts, experiment.augmentation(), 8, 4, seed=0)
    labels = torch.cat([batch.labels for batch in stream])
    assert bool((labels == HIDDEN).any()) is (recipe.pseudo_label_where == "unseen_pixels")
    assert set(labels[labels < HIDDEN].tolist()) <= set(range(len(SEEN)))


def test_assemble__refuses_a_start_that_is_another_kind_of_head(tmp_path: Path) -> None:
    draw_voc(tmp_path)
    recipe = shrink(load_recipe("zegclip_mini_transductive"), toy_start(tmp_path, "clip_rc"))
    with pytest.raises(UserError, match="backbone differ"):
        assemble(recipe, tmp_path, tmp_path / "tiny-clip")
