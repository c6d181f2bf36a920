"""The probe: a linear read-out of frozen patch tokens, taught every label."""

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.tiny import tiny_backbone
from tests.training.photosets import draw_two_colours
from training.data.datasets import open_set
from training.pretraining.linear_probe import LinearProbe, encode, main, most_frequent, score
from zsseg.weights.backbone import load_backbone


def test_most_frequent__is_each_squares_own() -> None:
    mask = np.array([[1, 1, 2, 255], [1, 0, 255, 255], [5, 5, 3, 4], [6, 5, 4, 4]], np.uint8)
    assert most_frequent(mask, 2).tolist() == [[1, 255], [5, 4]]


def test_linear_probe__learns_what_a_line_can_divide_and_no_more() -> None:
    torch.manual_seed(0)
    tokens = torch.randn(4000, 6)
    divided = (tokens[:, 2] > 0).long()
    probe = LinearProbe(tokens[:3000], divided[:3000], 2)
    assert (probe.answers(tokens[3000:]) == divided[3000:]).float().mean() > 0.95
    crossed = ((tokens[:, 2] > 0) ^ (tokens[:, 3] > 0)).long()
    assert (LinearProbe(tokens, crossed, 2).answers(tokens) == crossed).float().mean() < 0.65


def test_score__leaves_out_background_and_void() -> None:
    torch.manual_seed(0)
    tokens, labels = torch.eye(2).repeat(50, 1), torch.tensor([0, 1]).repeat(50)
    photo = torch.eye(2)[[0, 1, 1, 1]][None]  # 2 x 2 patches: class 0, then 1
    mask = np.array([[1, 2], [0, 255]], np.uint8).repeat(4, 0).repeat(4, 1)[None]
    matrix = score(LinearProbe(tokens, labels, 2), photo, mask, 2)
    assert matrix.counts.tolist() == [[16, 0, 0], [0, 16, 0]]


def test_encode__gives_a_token_for_each_patch_and_masks_of_the_same_grid(tmp_path: Path) -> None:
    draw_two_colours(tmp_path / "data", photos=4)
    folder = tiny_backbone(tmp_path)
    items = open_set("voc2012", tmp_path / "data", "val").items
    backbone = load_backbone(folder)
    tokens, masks = encode(backbone, folder, items, 64)
    patch = backbone.clip.visual.conv1.stride[0]
    side = 64 // patch
    assert tokens.shape[:2] == (len(items), side**2)
    torch.testing.assert_close(tokens.norm(dim=-1), torch.ones(len(items), side**2))
    assert masks.shape == (len(items), 4 * side, 4 * side)
    assert set(np.unique(masks)) <= {8, 12}


def test_linear_probe__tells_colours_apart_on_every_split(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    draw_two_colours(tmp_path / "data", photos=80)
    folder = tiny_backbone(tmp_path)
    asked = ["--backbone", str(folder), "--data-root", str(tmp_path / "data"), "--size", "64", "--photos", "25"]
    assert main(asked) == 0
    lines = capsys.readouterr().out.splitlines()
    scores = {
        line[:18].strip(): float(line.split()[line.split().index("pAcc") + 1]) for line in lines if "pAcc" in line
    }
    assert set(scores) == {"train, not taught", "development", "val"}
    assert min(scores.values()) > 0.8


def test_linear_probe__without_the_backbone_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--backbone", "nothing", "--data-root", str(tmp_path)]) == 2
    assert "There is no backbone nothing" in capsys.readouterr().err
