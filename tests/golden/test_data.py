"""Losses, labels, windows and the learning rate against the full golden data, which need no network.

The data lie in `../shared/golden`, beside the repository; where they are missing these tests skip.
"""

import json
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from tests.beside import GOLDEN
from tests.golden.label_tables import inductive_table, remap, transductive_table
from training.core.losses import LossWeights, count_pairs, nel_loss, recovery_loss
from training.core.pseudo_labels import UNLABELLED, pseudo_labels
from training.runtime.schedules import poly_lr
from zsseg.image.windows import Preprocessing, make_windows, stitch, window_boxes
from zsseg.models import Recovery

pytestmark = [
    pytest.mark.golden,
    pytest.mark.skipif(not GOLDEN.is_dir(), reason="the full golden data are not at ../shared/golden"),
]

CASES = ("mixed", "one_void", "all_void", "single_class")
WEIGHTS = {
    "zegclip": LossWeights(100, 1),
    "clip_rc_voc": LossWeights(100, 1, 2),
    "clip_rc_voc_fully": LossWeights(100, 1, 0),
    "clip_rc_coco": LossWeights(200, 3, 50),
    "clip_rc_coco_fully": LossWeights(100, 1.5, 1),
}


@pytest.fixture(scope="module")
def losses() -> dict[str, np.ndarray]:
    with np.load(GOLDEN / "losses.npz") as data:
        return dict(data)


@pytest.fixture(scope="module")
def labelled() -> dict[str, np.ndarray]:
    with np.load(GOLDEN / "self_training.npz") as data:
        return dict(data)


@pytest.fixture(scope="module")
def slide() -> dict[str, list[Any]]:
    content: dict[str, list[Any]] = json.loads((GOLDEN / "slide.json").read_text())
    return content


def normal(seed: int, scale: float, *shape: int) -> Tensor:
    return torch.from_numpy((scale * np.random.default_rng(seed).standard_normal(shape)).astype(np.float32))


def assert_close(ours: Tensor | float, golden: np.ndarray) -> None:
    assert float(ours) == pytest.approx(float(golden), rel=1e-5, abs=1e-9)


@pytest.mark.parametrize("case", CASES)
def test_mask_losses(losses: dict[str, np.ndarray], case: str) -> None:
    logits, labels = normal(101, 2.0, 2, 15, 64, 64), torch.from_numpy(losses[f"{case}/labels"])
    assert logits.flatten()[:16].tolist() == losses["logits_head"].tolist()
    mask = nel_loss(logits, labels.long())
    assert int(count_pairs(labels, 15)) == losses[f"{case}/num_pairs"]
    assert_close(mask.focal, losses[f"{case}/focal"])
    assert_close(mask.dice, losses[f"{case}/dice"])


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("method", WEIGHTS)
def test_weighted_losses_and_gradients(losses: dict[str, np.ndarray], case: str, method: str) -> None:
    weights, key = WEIGHTS[method], f"{case}/{method}"
    logits = normal(101, 2.0, 2, 15, 64, 64).requires_grad_()
    mask = nel_loss(logits, torch.from_numpy(losses[f"{case}/labels"]))
    total = mask.weighted(weights)
    assert_close(weights.focal * mask.focal.detach(), losses[f"{key}/loss_mask"])
    assert_close(weights.dice * mask.dice.detach(), losses[f"{key}/loss_dice"])
    if method.startswith("clip_rc"):
        total = total + check_recovery(losses, key, weights)
    assert_close(total.detach(), losses[f"{key}/total"])
    total.backward()
    assert logits.grad is not None
    assert_close(logits.grad.double().norm(), losses[f"{key}/grad_logits_norm"])
    if f"{key}/grad_logits" in losses:
        thinned = logits.grad[:, :, ::16, ::16].numpy()
        np.testing.assert_allclose(thinned, losses[f"{key}/grad_logits"], atol=1e-6, rtol=0)


def check_recovery(losses: dict[str, np.ndarray], key: str, weights: LossWeights) -> Tensor:
    """Compare the recovery terms, and return their weighted sum."""
    queries, target_queries = normal(301, 0.05, 2, 240, 1024), normal(302, 0.02, 2, 240, 1024)
    patches, target_patches = normal(303, 0.06, 2, 1024, 512), normal(304, 0.044, 2, 1024, 512)
    heads = torch.stack([tensor.flatten()[:8] for tensor in (queries, target_queries, patches, target_patches)])
    assert heads.tolist() == losses["recovery_heads"].tolist()
    for tensor in (queries, target_queries, patches, target_patches):
        tensor.requires_grad_()
    terms = recovery_loss(Recovery(queries, patches, target_queries, target_patches))
    assert_close(weights.recovery * terms.queries.detach(), losses[f"{key}/recovery_loss_q"])
    assert_close(weights.recovery * terms.patches.detach(), losses[f"{key}/recovery_loss_k"])
    weighted = terms.weighted(weights)
    weighted.backward()
    assert queries.grad is not None
    assert patches.grad is not None
    assert_close(queries.grad.double().norm(), losses[f"{key}/grad_q_norm"])
    assert_close(patches.grad.double().norm(), losses[f"{key}/grad_lateral_norm"])
    assert target_queries.grad is None
    assert target_patches.grad is None
    return weighted.detach()


@pytest.mark.parametrize(("data", "classes"), [("voc", 20), ("coco", 171)])
def test_label_tables(labelled: dict[str, np.ndarray], data: str, classes: int) -> None:
    seen = [i for i in range(classes) if i not in labelled[f"{data}_unseen"]]
    inductive = labelled[f"{data}_table_inductive"]
    assert (inductive_table(seen) == np.where(inductive == -1, 255, inductive)).all()
    transductive = labelled[f"{data}_table_self_training"].copy()
    # The published table lets 200 through, which no data set produces and no class is; ours treats it as unknown.
    assert transductive[200] == 200
    transductive[200] = UNLABELLED
    assert (transductive_table(seen) == transductive).all()


def test_labels_of_both_settings(labelled: dict[str, np.ndarray]) -> None:
    raw = torch.from_numpy(labelled["raw_labels"])
    unseen = labelled["voc_unseen"].tolist()
    seen = [i for i in range(20) if i not in unseen]
    logits = normal(401, 1.5, 2, 20, 64, 64)
    assert logits.flatten()[:16].tolist() == labelled["logits_head"].tolist()
    assert (remap(raw, inductive_table(seen)).numpy() == labelled["inductive_labels"]).all()
    pseudo = pseudo_labels(remap(raw, transductive_table(seen)), logits, unseen, "unseen_pixels")
    assert (pseudo.numpy() == labelled["transductive_labels"]).all()


def test_window_boxes(slide: dict[str, list[Any]]) -> None:
    for case in slide["windows"]:
        boxes = window_boxes(case["height"], case["width"], slide["crop"][0], slide["stride"][0])
        assert [list(box) for box in boxes] == case["boxes"]


def test_averaging_of_windows(slide: dict[str, list[Any]]) -> None:
    for case in slide["averaging"]:
        height, width, channel = case["height"], case["width"], case["channel"]
        values = normal(case["seed"], 1.0, 64, 20)
        boxes = window_boxes(height, width, 512, 426)
        assert len(boxes) == case["windows"]
        windows = values[: len(boxes), :, None, None].expand(-1, -1, 512, 512)
        averaged = stitch(windows, boxes, height, width)
        picked = averaged[channel][case["rows"]][:, case["cols"]]
        np.testing.assert_allclose(picked, case["averaged"], atol=1e-6)
        size = case["original_height"], case["original_width"]
        rescaled = F.interpolate(averaged[None], size, mode="bilinear", align_corners=False)[0]
        picked = rescaled[channel][case["original_rows"]][:, case["original_cols"]]
        np.testing.assert_allclose(picked, case["rescaled"], atol=1e-6)
        labels, counts = rescaled.argmax(0).unique(return_counts=True)
        assert {str(int(i)): int(n) for i, n in zip(labels, counts, strict=True)} == case["label_counts"]


def test_size_before_windows(slide: dict[str, list[Any]]) -> None:
    for case in slide["test_resize"]:
        photo = np.zeros((case["height"], case["width"], 3), np.uint8)
        windows = make_windows(photo, Preprocessing(512, 426, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)))
        assert list(windows.resized) == case["resized"]


def test_learning_rate() -> None:
    content = json.loads((GOLDEN / "lr_schedule.json").read_text())
    for run in content["runs"]:
        for iteration, expected in run["lr"].items():
            assert poly_lr(int(iteration), run["max_iters"]) == pytest.approx(expected, rel=1e-9)
