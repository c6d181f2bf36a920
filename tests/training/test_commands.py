"""The scripts as a person runs them: train, evaluate, calibrate, from the command line's arguments to the files."""

import dataclasses
import json
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from tests.tiny import tiny_backbone, tiny_checkpoint
from tests.training.core.test_engine import NOT_TOY, make_recipe
from tests.training.data.test_data_sets import own_data
from tests.training.photosets import draw_two_colours, draw_voc
from training import calibrate, edges, evaluate, train
from training.data.datasets import open_set, read_mask
from training.data.splits import UNSEEN, split_names
from training.evaluation import plots
from training.evaluation.protocol import build_protocol, evaluate_predictor, protocol_for, summarise
from training.recipes import Recipe, Source, load_recipe, recipe_names
from zsseg.errors import UserError
from zsseg.predictor import Predictor
from zsseg.weights.checkpoint import load_checkpoint, save_checkpoint
from zsseg.weights.metadata import read_metadata

SEEN, UNSEEN_VOC = split_names("voc2012")


def test_recipes__are_complete_and_named_after_their_file() -> None:
    names = recipe_names()
    assert {"zegclip_mini_inductive", "clip_rc_mini_inductive", "zegclip_voc_inductive"} <= set(names)
    for name in names:
        recipe = load_recipe(name)
        assert recipe.name == name
        # As published, CLIP-RC fully supervised on VOC does without.
        without = name == "clip_rc_voc_fully_supervised"
        assert (recipe.recovery > 0) == (recipe.model.method == "clip_rc" and not without)
        assert recipe.size % 16 == 0
        for source in recipe.sources:
            split_names(source.name, source.unseen)
    assert load_recipe("zegclip-mini-inductive") is load_recipe("zegclip_mini_inductive")
    with pytest.raises(UserError, match="no recipe 'missing'"):
        load_recipe("missing")


def test_evaluate__writes_what_the_demo_would_show(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    draw_voc(tmp_path)
    checkpoint = tiny_checkpoint(tmp_path, "zegclip", seen=SEEN, unseen=UNSEEN_VOC)
    common = ["--data", "voc2012", "--root", str(tmp_path), "--split", "val", "--json", str(tmp_path / "r.json")]
    assert evaluate.main(["--checkpoint", str(checkpoint), *common, "--plot", str(tmp_path / "c.png"), "--write"]) == 0
    report = json.loads((tmp_path / "r.json").read_text())
    assert report["photos"] == 3
    assert report["seen_penalty"] == 0.1
    assert set(report["per_class"]) == {*SEEN, *UNSEEN_VOC}
    assert report["per_class"]["cow"]["seen"] is False
    assert (tmp_path / "c.png").stat().st_size > 10_000
    # Recount with plain arrays from the public predictor.
    right = total = 0
    names = SEEN + UNSEEN_VOC
    for item in open_set("voc2012", tmp_path, "val").items:
        result = Predictor.from_checkpoint(checkpoint).predict(item.photo, seen=SEEN, unseen=UNSEEN_VOC, threshold=0.0)
        raw = read_mask(item)
        for raw_id, name in ((8, "cat"), (12, "dog"), (10, "cow"), (17, "sheep")):
            right += int((result.labels[raw == raw_id] == names.index(name)).sum())
            total += int((raw == raw_id).sum())
    assert report["pAcc"] == pytest.approx(right / total, abs=1e-5)
    assert "pAcc" in capsys.readouterr().out
    assert read_metadata(checkpoint).scores == {"voc2012 val pAcc": report["pAcc"]}


def test_evaluate__few_photos_give_no_mean_unless_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    draw_voc(tmp_path)
    checkpoint = tiny_checkpoint(tmp_path, "zegclip", seen=SEEN, unseen=UNSEEN_VOC)
    arguments = ["--checkpoint", str(checkpoint), "--root", str(tmp_path), "--limit", "1", "--json"]
    assert evaluate.main([*arguments, str(tmp_path / "r.json")]) == 0
    report = json.loads((tmp_path / "r.json").read_text())
    assert (report["min_photos"], report["mIoU_unseen"]) == (3, None)
    assert "--min-photos 1" in capsys.readouterr().out
    assert evaluate.main([*arguments, str(tmp_path / "r.json"), "--min-photos", "1"]) == 0
    report = json.loads((tmp_path / "r.json").read_text())
    assert report["min_photos"] == 1
    assert report["mIoU_unseen"] is not None
    assert "no mean" not in capsys.readouterr().out


def test_evaluate__the_baseline_needs_no_head(tmp_path: Path) -> None:
    draw_voc(tmp_path)
    folder = tiny_backbone(tmp_path)
    arguments = ["--baseline", str(folder), "--size", "64", "--root", str(tmp_path), "--limit", "2", "--json"]
    assert evaluate.main([*arguments, str(tmp_path / "out/r.json")]) == 0
    report = json.loads((tmp_path / "out/r.json").read_text())
    assert report["setting"] == "training-free"
    assert report["photos"] == 2
    assert evaluate.main([*arguments, str(tmp_path / "out/r.json"), "--write"]) == 2


def test_evaluate__says_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    checkpoint = tiny_checkpoint(tmp_path, "zegclip")
    assert evaluate.main(["--checkpoint", str(checkpoint), "--root", str(tmp_path)]) == 2
    assert "PASCAL VOC 2012 was not found" in capsys.readouterr().err
    assert evaluate.main(["--checkpoint", "nothing", "--root", str(tmp_path)]) == 2
    assert "nothing" in capsys.readouterr().err


def test_evaluate_predictor__a_penalty_moves_pixels_from_seen_to_unseen(tmp_path: Path) -> None:
    draw_voc(tmp_path)
    photos = open_set("voc2012", tmp_path, "val")
    predictor = Predictor.from_checkpoint(tiny_checkpoint(tmp_path, "zegclip", seen=SEEN, unseen=UNSEEN_VOC))
    protocol = protocol_for(photos, predictor.metadata)
    unseen = slice(len(SEEN), len(protocol.names))
    counts = [evaluate_predictor(predictor, photos.items, protocol, p).counts[:, unseen].sum() for p in (0.0, 1.0)]
    assert counts[0] < counts[1] == evaluate_predictor(predictor, photos.items, protocol, 1.0).counts.sum()


def test_protocol__hidden_names_are_asked_but_never_judged() -> None:
    raw = (None, "cat", "cow", "dog", "sheep")
    protocol = build_protocol(raw, ("cat", "dog"), ("cow", "sheep"), hide=("cow",))
    assert protocol.names == ("cat", "dog", "sheep", "cow")
    assert protocol.table[[0, 1, 2, 3, 4, 255]].tolist() == [255, 0, 255, 1, 2, 255]
    assert protocol.evaluated_unseen == ("sheep",)


def test_calibrate__curves_agree_with_single_evaluations(tmp_path: Path) -> None:
    draw_voc(tmp_path, photos=300)
    checkpoint = tiny_checkpoint(tmp_path, "zegclip", seen=SEEN, unseen=UNSEEN_VOC)
    weights = load_checkpoint(checkpoint)[0].state_dict()
    arguments = ["--checkpoint", str(checkpoint), "--root", str(tmp_path)]
    assert calibrate.main([*arguments, "--write", "--json", str(tmp_path / "c.json")]) == 0
    report = json.loads((tmp_path / "c.json").read_text())
    photos = open_set("voc2012", tmp_path, "development")
    predictor = Predictor.from_checkpoint(checkpoint)
    assert predictor.metadata.seen_penalty == report["seen_penalty"]
    assert predictor.metadata.threshold == report["threshold"]
    protocol = protocol_for(photos, predictor.metadata)
    scores = summarise(evaluate_predictor(predictor, photos.items, protocol, 0.1), protocol)
    assert report["penalties"]["0.1"]["pAcc"] == pytest.approx(scores.pAcc)
    for name, value in load_checkpoint(checkpoint)[0].state_dict().items():
        np.testing.assert_array_equal(value.numpy(), weights[name].numpy())


def test_edges__counts_the_same_photos_with_and_without_the_filter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw_voc(tmp_path, photos=12)
    checkpoint = tiny_checkpoint(tmp_path, "zegclip", seen=SEEN, unseen=UNSEEN_VOC, seen_penalty=0.1)
    arguments = ["--checkpoint", str(checkpoint), "--root", str(tmp_path)]
    before, after = edges.measure(edges._parser().parse_args(arguments))
    photos, predictor = open_set("voc2012", tmp_path, "val"), Predictor.from_checkpoint(checkpoint)
    protocol = protocol_for(photos, predictor.metadata)
    assert before.pAcc == summarise(evaluate_predictor(predictor, photos.items, protocol, 0.1), protocol).pAcc
    assert after.pAcc != before.pAcc
    monkeypatch.setattr(edges, "follow_edges", lambda scores, photo: scores[:, : photo.shape[0]])
    same = edges.measure(edges._parser().parse_args(arguments))
    assert same[0].pAcc == same[1].pAcc == before.pAcc


def test_calibrate__a_photo_is_asked_for_what_it_shows_and_two_others() -> None:
    protocol = build_protocol((None, "cat", "cow", "dog", "sheep"), ("cat", "dog"), ("cow", "sheep"), hide=())
    truth = np.array([[1, 1, 255, 4]], np.uint8)  # dogs; unknown; "none of these"
    asked = [calibrate._asked(truth, protocol, number) for number in range(20)]
    for seen, unseen in asked:
        assert "dog" in seen
        assert len(seen) + len(unseen) == 1 + calibrate.OTHERS
        assert set(seen) <= {"cat", "dog"}
    assert len({str(names) for names in asked}) == 3  # the others are drawn for each photo
    assert asked[7] == calibrate._asked(truth, protocol, 7)


def test_calibrate__fits_masks_of_large_photos_to_their_answers(tmp_path: Path) -> None:
    draw_voc(tmp_path, photos=2, side=1040)  # above the side at which photos are answered
    photos = open_set("voc2012", tmp_path, "trainval")
    predictor = Predictor.from_checkpoint(tiny_checkpoint(tmp_path, "zegclip", seen=SEEN, unseen=UNSEEN_VOC))
    protocol = protocol_for(photos, predictor.metadata)
    curve = calibrate.threshold_curve(predictor, photos, photos.items[:1], protocol, 0.0)
    assert tuple(curve) == calibrate.THRESHOLDS


def test_calibrate__takes_no_penalty_that_gains_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    draw_voc(tmp_path, photos=120)
    checkpoint = tiny_checkpoint(tmp_path, "zegclip", seen=SEEN, unseen=UNSEEN_VOC)
    flat = {penalty: {"hIoU": 0.5} for penalty in calibrate.PENALTIES}
    monkeypatch.setattr(calibrate, "penalty_curve", lambda *_: flat)
    assert calibrate.main(["--checkpoint", str(checkpoint), "--root", str(tmp_path), "--write"]) == 0
    assert Predictor.from_checkpoint(checkpoint).metadata.seen_penalty == 0


def test_calibrate__strict_refuses_unseen_labels(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    draw_voc(tmp_path, photos=300)
    arguments = ["--root", str(tmp_path), "--strict", "--checkpoint"]
    final = tiny_checkpoint(tmp_path, "zegclip", seen=SEEN, unseen=UNSEEN_VOC)
    assert calibrate.main([*arguments, str(final)]) == 2
    assert "held_out" in capsys.readouterr().err
    seen = tuple(n for n in SEEN if n != "dog")
    held = tiny_checkpoint(tmp_path, "zegclip", name="held", seen=seen, unseen=("dog", *UNSEEN["voc2012"]))
    assert calibrate.main([*arguments, str(held)]) == 0


@pytest.mark.parametrize("method", ["zegclip", "clip_rc"])
def test_train__from_recipe_to_a_checkpoint_that_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str, capsys: pytest.CaptureFixture[str]
) -> None:
    draw_two_colours(tmp_path, photos=120)
    tiny_backbone(tmp_path)
    monkeypatch.setenv("ZSSEG_WEIGHTS", str(tmp_path))
    recipe: Recipe = dataclasses.replace(
        make_recipe("zegclip" if method == "zegclip" else "clip_rc"),
        sources=(Source("voc2012", unseen=NOT_TOY),),
        eval_every=4,
        eval_photos=3,
    )
    monkeypatch.setattr(train, "load_recipe", lambda name: recipe)
    arguments = ["--recipe", "toy", "--data-root", str(tmp_path), "--out", str(tmp_path / "run")]
    assert train.main([*arguments, "--export", str(tmp_path), "--iters", "6"]) == 0
    metadata = read_metadata(tmp_path / f"{method}-toy.safetensors")
    assert metadata.seen == ("cat", "dog")
    assert metadata.data == ("voc2012",)
    assert metadata.recipe == f"{method}_toy"
    assert metadata.scores.keys() == {"development pAcc", "development mIoU_seen"}
    assert metadata.recovery_target == ("clip" if method == "clip_rc" else None)
    assert np.allclose(metadata.mean, (123.675, 116.28, 103.53))
    run = {p.name for p in (tmp_path / "run").iterdir()}
    assert run == {
        *("state.pt", "train.csv", "development.csv", "curves.png", "best.safetensors", "last.safetensors")
    }  # fmt: skip
    answer = Predictor.from_checkpoint(f"{method}-toy").predict(
        open_set("voc2012", tmp_path, "val").items[0].photo, seen="cat, dog"
    )
    assert answer.scores.shape == (2, 64, 64)
    assert plots.plot_run(tmp_path / "run") == tmp_path / "run/curves.png"
    capsys.readouterr()
    assert train.main(arguments) == 2
    assert "--resume" in capsys.readouterr().err


def test_train__own_data_from_folder_to_scores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own_data(tmp_path)
    tiny_backbone(tmp_path)
    monkeypatch.setenv("ZSSEG_WEIGHTS", str(tmp_path))
    monkeypatch.setattr(train, "load_recipe", lambda name: make_recipe("zegclip"))
    arguments = ["--recipe", "toy", "--data", "garden", "--data-root", str(tmp_path), "--out", str(tmp_path / "run")]
    assert train.main([*arguments, "--export", str(tmp_path), "--iters", "3"]) == 0
    metadata = read_metadata(tmp_path / "zegclip-toy-garden.safetensors")
    assert (metadata.seen, metadata.unseen, metadata.data) == (("rose", "lawn"), ("tulip",), ("garden",))
    document = tmp_path / "scores.json"
    arguments = ["--checkpoint", "zegclip-toy-garden", "--data", "garden", "--root", str(tmp_path)]
    assert evaluate.main([*arguments, "--json", str(document)]) == 0
    report = json.loads(document.read_text())
    assert {name: row["seen"] for name, row in report["per_class"].items()} == {
        "rose": True, "lawn": True, "tulip": False,
    }  # fmt: skip
    assert all(0 <= report[key] <= 1 for key in ("pAcc", "mIoU_seen", "mIoU_unseen"))


def test_train__says_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--recipe", "zegclip_mini_inductive", "--out", str(tmp_path / "run"), "--data-root", str(tmp_path)]
    assert train.main([*arguments, "--backbone", str(tmp_path)]) == 2
    assert "no backbone" in capsys.readouterr().err
    assert train.main([*arguments, "--backbone", str(tiny_backbone(tmp_path))]) == 2
    assert "PASCAL VOC 2012 was not found" in capsys.readouterr().err
    draw_voc(tmp_path)
    assert train.main([*arguments, "--data", "voc2012", "--backbone", str(tmp_path / "tiny-clip")]) == 2
    assert "attention heads, which do not divide the 16 channels" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["--save-seconds", "nan"], ["--save-seconds=-5"], ["--seed", "9" * 23]])
def test_train__refuses_impossible_numbers(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        train.main(["--recipe", "zegclip_mini_inductive", *words])
    assert "must be a" in capsys.readouterr().err


@pytest.mark.parametrize("command", [evaluate, calibrate])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_writing_scores_or_settings_keeps_every_weight(
    command: ModuleType, dtype: torch.dtype, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    draw_voc(tmp_path, photos=300 if command is calibrate else 4)  # of few photos too few are for development
    checkpoint = tiny_checkpoint(tmp_path, "zegclip", seen=SEEN, unseen=UNSEEN_VOC)
    model, metadata = load_checkpoint(checkpoint)
    with torch.no_grad():
        for value in model.parameters():  # values that half precision does not have
            value.add_(torch.rand(value.shape, generator=torch.Generator().manual_seed(1)) * 1e-3)
    save_checkpoint(model, metadata, checkpoint, dtype)
    before, settings = load_file(checkpoint), read_metadata(checkpoint)
    arguments = ["--checkpoint", str(checkpoint), "--data", "voc2012", "--root", str(tmp_path), "--write"]
    assert command.main(arguments) == 0
    assert "photos" in capsys.readouterr().out
    after = load_file(checkpoint)
    assert read_metadata(checkpoint) != settings
    assert {name: value.dtype for name, value in after.items()} == {name: value.dtype for name, value in before.items()}
    assert {value.dtype for value in after.values() if value.is_floating_point()} == {dtype}
    assert all(torch.equal(value, after[name]) for name, value in before.items())
