"""The papers' recipes, their dry run, the metrics against scikit-learn, and result tables beside the published rows."""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, confusion_matrix, jaccard_score
from torch import Tensor

from tests.tiny import tiny_backbone, tiny_checkpoint, tiny_config
from tests.training.paper_tables import DOCUMENT, PAPERS, cross_data_overview, overview, with_tables
from training import evaluate, train
from training.data.sets.known import DATA_SETS
from training.data.sets.synthetic import write_synthetic
from training.data.splits import split_names
from training.evaluation.metrics import ConfusionMatrix
from training.recipes import Recipe, load_recipe
from training.recipes.papers.published import (
    ALL_PUBLISHED,
    COPIED,
    CROSS_DATA,
    command,
    evaluation_command,
    projected_hours,
)
from zsseg.analysis.confusion import harmonic_mean
from zsseg.models import Backbone
from zsseg.weights.metadata import read_metadata

SEEN, UNSEEN = split_names("voc2012", DATA_SETS["voc2012"].unseen["papers"])


def miniature(name: str) -> Recipe:
    """A paper's recipe with a tiny head over a tiny backbone; data, losses, setting and schedule stay."""
    recipe = load_recipe(name)
    model = tiny_config(recipe.model.method)
    return dataclasses.replace(recipe, model=model, backbone="tiny-clip", size=64, stride=48)


def test_recipes__there_is_one_for_every_published_row() -> None:
    assert len(PAPERS) == 18
    assert set(ALL_PUBLISHED) <= set(PAPERS)
    for name in PAPERS:
        recipe = load_recipe(name)
        seen, unseen = split_names(recipe.sources[0].name, recipe.sources[0].unseen)
        assert (recipe.setting == "fully-supervised") == (not unseen)
        assert (
            len(seen) + len(unseen)
            == {"voc2012": 20, "coco_stuff164k": 171, "pascal_context": 59}[recipe.sources[0].name]
        )
        assert name in command(recipe)
        assert 1 < projected_hours(recipe) < 48
    table = overview([load_recipe(name) for name in PAPERS])
    assert table.count("\n") == 19
    assert "| `clip_rc_voc_inductive` | 95.8 | 92.8 | 84.4 | 88.4 | 40,000 |" in table


def test_list__every_row_has_its_score_or_says_that_it_has_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert train.main(["--list"]) == 0
    printed = capsys.readouterr().out
    described = dict.fromkeys(PAPERS, "")
    for number, line in enumerate(lines := printed.splitlines()):
        if line in described:
            described[line] = "\n".join(lines[number + 1 : number + 4])
    for name, text in described.items():
        assert f"--recipe {name} " in text
        assert f"{projected_hours(load_recipe(name)):.0f} hours" in text
        # Without a number there is a sentence, never a 0 or an empty place.
        assert (str(ALL_PUBLISHED[name].hIoU) if name in ALL_PUBLISHED else "not available to us") in text
        assert ("copied" in text) == (name in COPIED)


def test_cross_data__rows_are_those_of_the_coco_heads_and_their_commands_run(tmp_path: Path) -> None:
    assert {(row.recipe, row.data) for row in CROSS_DATA} == {
        (f"{method}_coco_inductive", data)
        for method in ("zegclip", "clip_rc")
        for data in ("voc2012", "pascal_context")
    }
    # A number has a source, and a row without one says so.
    assert all((row.mIoU is None) == (not row.source) for row in CROSS_DATA)
    assert cross_data_overview().count("not available") == sum(row.mIoU is None for row in CROSS_DATA)
    coco = split_names("coco_stuff164k", DATA_SETS["coco_stuff164k"].unseen["papers"])
    checkpoint = tiny_checkpoint(tmp_path, "zegclip", seen=coco[0], unseen=coco[1], recipe="zegclip_coco_inductive")
    for row in CROSS_DATA[:2]:
        write_synthetic(DATA_SETS[row.data], tmp_path)
        words = evaluation_command(row).split()[3:]
        places = {"zegclip-coco-inductive": str(checkpoint), "DATA": str(tmp_path)}
        report = tmp_path / f"{row.data}.json"
        assert evaluate.main([*(places.get(word, word) for word in words), "--json", str(report)]) == 0
        # The mean over all classes is the published kind of number; there are no unseen ones.
        assert json.loads(report.read_text())["mIoU_unseen"] is None


def test_published__scores_agree_with_their_harmonic_mean() -> None:
    for name, row in ALL_PUBLISHED.items():
        # The readme's 40.8 of ZegCLIP on COCO-Stuff is not the mean of its own 40.2 and 41.1; nor is the copied 56.9.
        tolerance = {"zegclip_coco_inductive": 0.2, "zegclip_context_fully_supervised": 1.6}.get(name, 0.11)
        assert harmonic_mean(row.mIoU_seen, row.mIoU_unseen) == pytest.approx(row.hIoU, abs=tolerance)


@pytest.mark.slow
@pytest.mark.parametrize("name", PAPERS)
def test_dry_run__every_recipe_builds_and_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    tiny_backbone(tmp_path)
    monkeypatch.setenv("ZSSEG_WEIGHTS", str(tmp_path))
    monkeypatch.setattr(train, "load_recipe", miniature)
    assert train.main(["--recipe", name, "--dry-run", "--device", "cpu"]) == 0
    assert {path.name for path in tmp_path.iterdir()} == {"tiny-clip"}


def test_dry_run__says_what_is_missing(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(train, "load_recipe", miniature)
    assert train.main(["--recipe", "zegclip_voc_inductive", "--dry-run", "--backbone", "nowhere"]) == 2
    assert "nowhere" in capsys.readouterr().err


def test_dry_run__says_how_it_is_less_than_the_recipe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tiny_backbone(tmp_path)
    monkeypatch.setenv("ZSSEG_WEIGHTS", str(tmp_path))
    monkeypatch.setattr(train, "load_recipe", miniature)
    asked: list[str] = []
    encode = Backbone.encode_text

    def count(self: Backbone, texts: Sequence[str]) -> Tensor:
        asked.extend(texts)
        return encode(self, texts)

    monkeypatch.setattr(Backbone, "encode_text", count)
    dry = ["--recipe", "zegclip_coco_inductive", "--dry-run", "--device", "cpu"]
    assert train.main(dry) == 0
    first, *_, last = capsys.readouterr().out.splitlines()
    assert "2 of 80,000 iterations, with 1 of 16 photos each, 1 of 15 prompt templates" in first
    assert "dry run passed, 2 iterations of 1 photos of 64 px" in last
    assert "GB" in last
    # The evaluation asks the names that training has encoded.
    assert len(asked) == len(set(asked)) == 171
    # Options of memory and speed act as in the run that is meant.
    assert train.main([*dry, "--batch", "3", "--accumulate", "2", "--checkpoint-activations", "--resume"]) == 0
    first, *_, last = capsys.readouterr().out.splitlines()
    assert "with 3 of 16 photos each" in first
    assert "2 iterations of 3 photos" in last


def test_metrics__agree_with_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    classes, matrix, all_truth, all_guess = 7, ConfusionMatrix(7), [], []
    for _ in range(5):
        truth = rng.integers(0, classes, (40, 50)).astype(np.uint8)
        guess = np.where(rng.random(truth.shape) < 0.6, truth, rng.integers(0, classes, truth.shape)).astype(np.int16)
        truth[rng.random(truth.shape) < 0.1] = 255
        matrix.update(truth, guess)
        all_truth.append(truth[truth != 255])
        all_guess.append(guess[truth != 255])
    truth, guess = np.concatenate(all_truth), np.concatenate(all_guess)
    np.testing.assert_array_equal(matrix.counts[:, :classes], confusion_matrix(truth, guess, labels=range(classes)))
    np.testing.assert_allclose(matrix.iou(), jaccard_score(truth, guess, average=None), rtol=1e-12)
    assert matrix.mean_iou(range(classes)) == pytest.approx(jaccard_score(truth, guess, average="macro"), rel=1e-12)
    assert matrix.accuracy() == pytest.approx(accuracy_score(truth, guess), rel=1e-12)


def test_evaluate__both_protocols_beside_the_published_row(tmp_path: Path) -> None:
    write_synthetic(DATA_SETS["voc2012"], tmp_path)
    checkpoint = tiny_checkpoint(tmp_path, "zegclip", seen=SEEN, unseen=UNSEEN, recipe="zegclip_voc_inductive")
    arguments = ["--checkpoint", str(checkpoint), "--root", str(tmp_path), "--protocol", "both", "--device", "cpu"]
    for table in ("t.md", "t.tex"):
        files = ["--json", str(tmp_path / "r.json"), "--table", str(tmp_path / table)]
        assert evaluate.main([*arguments, *files]) == 0
    report = json.loads((tmp_path / "r.json").read_text())
    papers, whole = report["protocols"]
    assert (papers["protocol"], whole["protocol"]) == ("papers", "whole")
    assert report["pAcc"] == papers["pAcc"]
    assert papers["min_photos"] == whole["min_photos"] == 1
    markdown = (tmp_path / "t.md").read_text().splitlines()
    assert markdown[2] == "| published | voc2012 | papers | 94.6 | 91.9 | 77.8 | 84.3 |"
    assert markdown[3].startswith(f"| {checkpoint.stem} | voc2012 val | papers | {100 * papers['pAcc']:.1f} |")
    assert markdown[4].startswith(f"| {checkpoint.stem} | voc2012 val | whole | {100 * whole['pAcc']:.1f} |")
    latex = (tmp_path / "t.tex").read_text()
    assert r"published & voc2012 & papers & 94.6 & 91.9 & 77.8 & 84.3 \\" in latex
    assert r"mIoU\_seen" in latex
    assert report["published"] == {"pAcc": 0.946, "mIoU_seen": 0.919, "mIoU_unseen": 0.778, "hIoU": 0.843}


def test_evaluate__a_table_of_another_ending_is_refused_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(evaluate, "open_predictor", lambda options: pytest.fail("hours of work"))
    arguments = ["--checkpoint", "any", "--root", str(tmp_path), "--table", str(tmp_path / "t.txt")]
    assert evaluate.main(arguments) == 2
    assert "neither .md nor .tex" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "recipe", "data", "split", "hiou"),
    [
        ("zegclip-coco-inductive", "zegclip_coco_inductive", "coco_stuff164k", "val", 40.8),
        ("mine", "zegclip_coco_inductive", "coco_stuff164k", "val", 40.8),
        # Brought by `zsseg weights get`.
        ("clip_rc-voc-transductive", "imported from iter_40000.pth", "voc2012", "val", 93.0),
        # Another data set or split than the published one, and what no paper has.
        ("zegclip-coco-inductive", "zegclip_coco_inductive", "voc2012", "val", None),
        ("zegclip-voc-inductive", "zegclip_voc_inductive", "voc2012", "development", None),
        ("zegclip-mini-inductive", "zegclip_mini_inductive", "voc2012", "val", None),
        ("zegclip-context-inductive", "zegclip_context_inductive", "pascal_context", "val", None),
    ],
)
def test_published_row__is_of_the_same_photos(
    tmp_path: Path, name: str, recipe: str, data: str, split: str, hiou: float | None
) -> None:
    metadata = read_metadata(tiny_checkpoint(tmp_path, "zegclip", name=name, recipe=recipe))
    row = evaluate.published_row(metadata, data, split)
    assert (row and row["hIoU"]) == hiou


def test_evaluate__a_published_list_divides_the_classes_of_any_checkpoint(tmp_path: Path) -> None:
    write_synthetic(DATA_SETS["voc2012"], tmp_path)
    checkpoint = tiny_checkpoint(tmp_path, "zegclip", seen=SEEN + UNSEEN, unseen=(), setting="fully-supervised")
    arguments = ["--checkpoint", str(checkpoint), "--root", str(tmp_path), "--json", str(tmp_path / "r.json")]
    for name, unseen in (("papers", set(UNSEEN)), ("none", set())):
        assert evaluate.main([*arguments, "--unseen", name]) == 0
        classes = json.loads((tmp_path / "r.json").read_text())["per_class"]
        assert {one for one, row in classes.items() if not row["seen"]} == unseen
    assert evaluate.main([*arguments, "--unseen", "nobody"]) == 2


def test_readme__shows_the_rows_as_they_are() -> None:
    readme = DOCUMENT.read_text(encoding="utf-8")
    assert overview([load_recipe(name) for name in PAPERS]) in readme
    assert cross_data_overview() in readme
    assert with_tables(readme) == readme, "run python -m tests.training.paper_tables"
