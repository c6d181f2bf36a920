"""The shapes data set: unseen names stay out, and every step works."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tests.tiny import CLIP_CONFIG
from training import evaluate
from training.data.batches import Batch, Part
from training.data.datasets import Item, open_set, read_mask, read_photo
from training.data.splits import split_names
from training.runtime.devices import DeviceContext
from training.shapes import pretrain, train_all
from training.shapes.captions import captions_of, cell_shares, recolour
from training.shapes.dataset import write_scenes
from training.shapes.pretrain import ShapesRecipe, ShapesRun
from zsseg.errors import UserError
from zsseg.models.backbone import build_clip
from zsseg.synthetic import NAMES, held_out, render
from zsseg.weights.backbone import load_backbone

CPU = DeviceContext(torch.device("cpu"), autocast=False)
TINY = {**CLIP_CONFIG, "stem": [4, 8, 16], "stem_dilations": [2]}
TINY_RECIPE = ShapesRecipe(iters=4, batch=3, warmup=1, stem_first=0.25)


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("shapes")
    write_scenes(root, {"train": 40, "val": 8})
    return root


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pretrain.shapes_clip, "CONFIG", TINY)
    monkeypatch.setattr(pretrain, "ShapesRecipe", lambda **_: TINY_RECIPE)


def test_open_set__reads_the_scenes(scenes: Path) -> None:
    train, development, val = (open_set("shapes", scenes, s) for s in ("train", "development", "val"))
    assert len(train.items) + len(development.items) == 40
    assert len(val.items) == 8
    photo, mask = render(0, 0, int(train.items[0].photo.stem))
    np.testing.assert_array_equal(read_photo(train.items[0]), photo)
    np.testing.assert_array_equal(read_mask(train.items[0]), mask)
    assert val.raw_names == NAMES


def test_open_set__refuses_scenes_with_other_names(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="shapes data set was not found"):
        open_set("shapes", tmp_path, "train")
    home = write_scenes(tmp_path, {"train": 1, "val": 1})
    (home / "classes.txt").write_text("ground\nplain red cube\n")
    with pytest.raises(UserError, match="other class names"):
        open_set("shapes", tmp_path, "train")


def test_captions__say_each_choice_of_words_once() -> None:
    sets = captions_of(("ground", "plain red star", "dotted red star", "dotted blue ring"))
    phrases = [set(captions.phrases) for captions in sets]
    assert phrases[0] == {"ground", "plain red star", "dotted red star", "dotted blue ring"}
    assert {"ground", "red", "blue"} in phrases
    assert {"ground", "dotted star", "plain star", "dotted ring"} in phrases
    assert len(sets) == 7
    red = next(captions for captions in sets if "red" in captions.phrases)
    assert [red.phrases[i] for i in red.says.argmax(1)] == ["ground", "red", "red", "blue"]
    assert (red.says.sum(1) == 1).all()


def test_cell_shares__are_areas_of_each_patch() -> None:
    labels = torch.full((1, 32, 32), 255, dtype=torch.uint8)
    labels[0, :16, :16] = 1
    labels[0, :8, 16:] = 0
    labels[0, 16:, 16:24] = 2
    shares = cell_shares(labels, 3, 16)
    assert shares.tolist() == [[[0, 1, 0], [0.5, 0, 0], [0, 0, 0], [0, 0, 0.5]]]


def make_run(scenes: Path, recipe: ShapesRecipe = TINY_RECIPE) -> ShapesRun:
    seen, unseen = split_names("shapes")
    torch.manual_seed(0)
    return ShapesRun(build_clip(TINY), Part(open_set("shapes", scenes, "train"), seen, unseen), recipe, CPU)


def test_shapes_run__learns_a_batch_and_moves_every_tensor(scenes: Path, tiny: None) -> None:
    run = make_run(scenes)
    before = {name: value.clone() for name, value in run.trained.state_dict().items()}
    pixels = torch.zeros(2, 3, 64, 64)
    labels = torch.zeros(2, 64, 64, dtype=torch.uint8)
    pixels[:, :, :, 32:] = 1.0
    labels[:, :, 32:] = 5
    losses = [run.step(Batch(pixels, labels, 0), i, 60) for i in range(50)]
    assert losses[-1]["stem"] < 0.2 * losses[0]["stem"]
    still = {n for n, v in run.trained.state_dict().items() if torch.equal(v, before[n])}
    assert still <= {"0.logit_scale", "0.attn_mask"}
    tensors = [p for group in run.optimizer.param_groups for p in group["params"]]
    assert len(tensors) == len({id(p) for p in tensors})


def test_recolour__moves_channels_of_a_share_of_the_crops() -> None:
    pixels = torch.arange(3.0)[None, :, None, None] + torch.zeros(400, 3, 2, 2)
    changed, kept = recolour(pixels, 0.25, np.random.default_rng(0))
    torch.testing.assert_close(changed.sort(1).values, pixels)
    same = (changed == pixels).flatten(1).all(1)
    assert torch.equal(same, kept > 0)
    assert 0.65 < kept.mean() < 0.85


def test_shapes_run__says_no_colour_of_a_recoloured_crop(scenes: Path, tiny: None) -> None:
    run = make_run(scenes, dataclasses.replace(TINY_RECIPE, recoloured=1.0))
    batch = Batch(torch.rand(2, 3, 64, 64), torch.full((2, 64, 64), 5, dtype=torch.uint8), 0)
    losses = {name: float(term.detach()) for name, term in run.losses(batch, np.random.default_rng(0)).items()}
    assert {name for name, term in losses.items() if term == 0} >= {"names", "colour", "whole"}
    assert min(losses["texture"], losses["shape"], losses["stem"]) > 0.1


def test_shapes_run__stem_learns_alone_at_first(scenes: Path, tiny: None) -> None:
    run = make_run(scenes, dataclasses.replace(TINY_RECIPE, stem_first=0.5))
    batch = Batch(torch.rand(2, 3, 64, 64), torch.full((2, 64, 64), 5, dtype=torch.uint8), 0)
    before = {name: value.clone() for name, value in run.clip.state_dict().items()}
    assert set(run.step(batch, 1, 4)) == {"stem"}
    moved = {name for name, value in run.clip.state_dict().items() if not torch.equal(value, before[name])}
    assert any(name.startswith("visual.conv1.") for name in moved)
    assert not any("resblocks" in name or name.startswith("token_embedding") for name in moved)
    assert len(run.step(batch, 2, 4)) > 1


def test_pretrain__makes_a_backbone_that_answers(scenes: Path, tmp_path: Path, tiny: None) -> None:
    out = tmp_path / "weights/shapes-clip"
    assert pretrain.main(["--data-root", str(scenes), "--out", str(out)]) == 0
    assert load_backbone(out).context_length == 16
    assert len(out.with_suffix(".csv").read_text().splitlines()) > 1
    asked = ["--baseline", str(out), "--size", "64", "--data", "shapes", "--root", str(scenes), "--limit", "2"]
    assert evaluate.main([*asked, "--json", str(tmp_path / "r.json")]) == 0
    assert len(json.loads((tmp_path / "r.json").read_text())["per_class"]) == len(NAMES)


def test_pretrain__unseen_labels_cannot_reach_the_weights(tmp_path: Path, tiny: None) -> None:
    """Exchange all unseen labels on disk: the backbone is the same, to the bit."""
    home = write_scenes(tmp_path, {"train": 20, "val": 1})
    assert pretrain.main(["--data-root", str(tmp_path), "--out", str(tmp_path / "clean")]) == 0
    unseen = [i for i, name in enumerate(NAMES) if name in held_out()]
    poison = np.arange(256, dtype=np.uint8)
    poison[unseen] = np.roll(unseen, 1)
    changed = 0
    for path in (home / "masks/train").glob("*.png"):
        mask = read_mask(Item("", path, path))
        changed += int((poison[mask] != mask).any())
        Image.fromarray(poison[mask]).save(path)
    assert changed > 3
    assert pretrain.main(["--data-root", str(tmp_path), "--out", str(tmp_path / "poisoned")]) == 0
    weights = [(tmp_path / name / "open_clip_model.safetensors").read_bytes() for name in ("clean", "poisoned")]
    assert weights[0] == weights[1]


def test_train_shapes__does_what_is_missing_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The scripts themselves are replaced by one that makes the files they would make."""
    done: list[list[str]] = []

    def pretend(commands: list[list[str]], weights: Path | None = None) -> None:
        for command in commands:
            done.append(command)
            given = dict(zip(command, command[1:], strict=False))
            if command[0] == "evaluate":
                row = {"pAcc": 0.9, "mIoU_seen": 0.8, "mIoU_unseen": 0.7, "hIoU": 0.75, "photos": 2}
                Path(given["--json"]).write_text(json.dumps(row))
            elif command[0] == "train":
                name = given["--recipe"].replace("_", "-").replace("clip-rc", "clip_rc")
                (Path(given["--export"]) / f"{name}.safetensors").write_text(name)
            else:
                Path(given["--out"]).mkdir(parents=True)
                (Path(given["--out"]) / "open_clip_model.safetensors").write_text("encoder")

    monkeypatch.setattr(train_all, "run_together", pretend)
    monkeypatch.setattr(train_all, "SCENES", {"train": 1, "val": 1})
    out, shipped = tmp_path / "runs", tmp_path / "checkpoints"
    arguments = ["--out", str(out), "--minutes", "10", "--install", str(shipped)]
    assert train_all.main(arguments) == 0
    scripts = [command[0] for command in done]
    assert scripts == ["shapes.pretrain", *["train"] * 4, *["evaluate"] * 5]
    recipes = [command[2] for command in done if command[0] == "train"]
    assert [name.split("_")[-1] for name in recipes] == ["inductive"] * 2 + ["transductive"] * 2
    assert {p.name for p in shipped.rglob("*.safetensors")} == {
        p.name for p in (out / "weights").rglob("*.safetensors")
    }
    assert json.loads((out / "scores.json").read_text())["zegclip-shapes-inductive"]["hIoU"] == 0.75
    assert "hIoU 0.750" in capsys.readouterr().out
    done.clear()
    assert train_all.main(arguments) == 0
    assert {command[0] for command in done} == {"evaluate"}


@pytest.mark.slow
def test_run_together__says_which_step_failed(tmp_path: Path) -> None:
    train_all.run_together([["evaluation.plots"]], tmp_path)
    with pytest.raises(UserError, match="python -m training.evaluate --nonsense"):
        train_all.run_together([["evaluate", "--nonsense"]])
