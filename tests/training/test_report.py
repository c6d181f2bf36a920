"""Figures of the report: reliability counted by hand, and a report that agrees with evaluate."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.tiny import tiny_checkpoint
from tests.training.photosets import draw_voc
from training import evaluate, report
from training.data.splits import split_names
from training.evaluation.metrics import Reliability

SEEN, UNSEEN_VOC = split_names("voc2012")


def test_reliability__counts_by_hand() -> None:
    reliability = Reliability(2, bins=4)
    truth = np.array([[0, 1], [1, 255]])
    scores = np.array([[[0.9, 0.3], [0.1, 0.7]], [[0.1, 1.0], [0.2, 0.7]]], np.float32)
    reliability.update(truth, scores)
    both = reliability.curve((0, 1))
    assert both.cases.tolist() == [3, 1, 0, 2]  # .1 .1 .2 | .3 | | .9 1.0; the unlabelled pixel's .7 are left out
    np.testing.assert_allclose(both.score[[0, 1, 3]], [0.4 / 3, 0.3, 0.95], atol=1e-6)
    np.testing.assert_allclose(both.share[[0, 1, 3]], [1 / 3, 0, 1])
    assert np.isnan(both.share[2])
    assert both.error == pytest.approx((3 * (1 / 3 - 0.4 / 3) + 0.3 + 2 * 0.05) / 6)
    assert reliability.curve((1,)).cases.tolist() == [2, 0, 0, 1]
    assert np.isnan(reliability.curve(()).error)


def test_reliability__is_perfect_for_scores_that_are_probabilities() -> None:
    rng = np.random.default_rng(0)
    honest, bold = Reliability(2), Reliability(2)
    for _ in range(20):
        chance = rng.random((100, 100)).astype(np.float32)
        truth = np.where(rng.random((100, 100)) < chance, 0, 1)
        scores = np.stack([chance, 1 - chance])
        honest.update(truth, scores)
        bold.update(truth, scores**2)
    assert honest.curve((0, 1)).error < 0.01
    assert bold.curve((0, 1)).error > 0.1


def test_reliability__refuses_what_does_not_fit() -> None:
    with pytest.raises(ValueError, match="truth is"):
        Reliability(2).update(np.zeros((2, 2), int), np.zeros((3, 2, 2), np.float32))


def test_report__agrees_with_evaluate(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    draw_voc(tmp_path)
    checkpoint = tiny_checkpoint(tmp_path, "zegclip", seen=SEEN, unseen=UNSEEN_VOC, seen_penalty=0.07)
    common = ["--root", str(tmp_path), "--split", "val", "--checkpoint", str(checkpoint)]
    assert evaluate.main([*common, "--json", str(tmp_path / "alone.json")]) == 0
    out = tmp_path / "report"
    baseline = ["--baseline", str(tmp_path / "tiny-clip"), "--size", "64"]
    assert report.main([*common, *baseline, "--out", str(out)]) == 0
    found = json.loads((out / "report.json").read_text())
    alone = json.loads((tmp_path / "alone.json").read_text())
    head, free = found["models"]
    for key in ("checkpoint", "seen_penalty", "pAcc", "mIoU_seen", "per_class"):
        assert head[key] == alone[key]
    assert free["setting"] == "training-free"
    assert head["penalties"]["0.07"]["pAcc"] == alone["pAcc"]
    assert {"-0.2", "0.0", "0.3"} <= head["penalties"].keys()
    labelled = sum(head["reliability"]["seen"]["cases"]) / len(SEEN)
    assert labelled == sum(head["reliability"]["unseen"]["cases"]) / len(UNSEEN_VOC) > 0
    for name in ("reliability", "penalty", f"confusion-{head['checkpoint']}", f"confusion-{free['checkpoint']}"):
        assert (out / f"{name}.png").stat().st_size > 10_000
    table = (out / "report.md").read_text()
    assert "| cow | unseen, not counted |" in table
    assert table.strip() in capsys.readouterr().out


def test_report__says_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--root", str(tmp_path), "--out", str(tmp_path / "out"), "--checkpoint"]
    assert report.main([*arguments, "nothing"]) == 2
    assert "no checkpoint nothing" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
