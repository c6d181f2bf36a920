"""Comparisons that the portable and the full golden tests share."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.golden.replay import Arrays, TrainStep, calibrated_scores, official_gradient
from zsseg.weights.released.official import ConvertedOfficial

Golden = Mapping[str, np.ndarray]
TIE = 1e-4
UNIT_NORM = ("cls_token", "patch_features", "region_features", "descriptor", "patch_concat")


def subsample(ours: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Every s-th index along each axis, as the golden arrays were thinned out; s follows from the shapes."""
    assert ours.ndim == len(shape)
    assert all(full % kept == 0 for full, kept in zip(ours.shape, shape, strict=True))
    return ours[tuple(slice(None, None, full // kept) for full, kept in zip(ours.shape, shape, strict=True))]


def assert_near(ours: Tensor, golden: np.ndarray, atol: float, what: str) -> None:
    picked = subsample(ours, golden.shape).numpy().astype(np.float64)
    difference = float(np.abs(picked - golden).max())
    assert difference <= atol, f"{what}: {difference:.2e} > {atol:.0e}"


def assert_tokens(arrays: Arrays, golden: Golden) -> None:
    """The prompted encoder, from its first block's input to the joint space."""
    for name in (name for name in golden if name.startswith("tokens_")):
        assert_near(arrays[name][0, golden["token_rows"]], golden[name], 1e-4, name)
    for name in ("cls_token", "patch_features", "region_features"):
        if name in golden:
            assert_near(arrays[name], golden[name], 5e-6, name)


def assert_decoder(arrays: Arrays, golden: Golden) -> None:
    """Descriptors, queries and patches after every layer; ZegCLIP's last query is dead and not made."""
    queries = golden["query_rows"] if "query_rows" in golden else golden["class_rows"]
    names = {"descriptor": queries} | {f"query_{i}": queries for i in range(4)}
    if "patch_rows" in golden:
        names |= {"patch_concat": golden["patch_rows"]} | {f"patch_{i}": golden["patch_rows"] for i in range(4)}
    for name, rows in names.items():
        if name == "query_3" and "patch_rows" not in golden:
            assert name not in arrays
            continue
        assert_near(arrays[name][:, rows], golden[name], 5e-6 if name in UNIT_NORM else 1e-4, name)


def assert_logits(arrays: Arrays, golden: Golden, atol: float) -> None:
    assert_near(arrays["mask_logits"], golden["mask_logits"], atol, "mask_logits")
    if "region_logits" in golden:
        assert_near(arrays["region_logits"], golden["region_logits"], 2 * atol, "region_logits")
    if "layer_logits" in golden:
        assert_near(arrays["layer_logits"][: len(golden["layer_logits"])], golden["layer_logits"], atol, "layer_logits")


def assert_scores(arrays: Arrays, golden: Golden, seen: Tensor, atol: float, label_maps: dict[str, np.ndarray]) -> None:
    """Scores at 512 x 512, and their argmax; a label may differ at a near tie only."""
    scores, calibrated = calibrated_scores(arrays["mask_logits"], seen)
    for name, ours in (("scores", scores), ("scores_calibrated", calibrated)):
        if name in golden:
            assert_near(ours, golden[name], atol, name)
    for name, ours in (("label_map_uncalibrated", scores), ("label_map", calibrated)):
        assert_labels(ours, label_maps[name], 2e-4 if len(seen) == 20 else 5e-4)


def assert_labels(scores: Tensor, golden: np.ndarray, share: float) -> None:
    """Compare the argmax of scores (1, K, H, W) with a label map (H, W)."""
    best = scores[0].topk(2, dim=0)
    differs = best.indices[0].numpy() != golden
    assert differs.mean() <= share
    assert ((best.values[0] - best.values[1]).numpy()[differs] < TIE).all()


def assert_train_step(folder: Path, step: TrainStep, converted: ConvertedOfficial) -> None:
    """Losses, gradient norms and arrays of a training step."""
    expected = json.loads((folder / "train_step.json").read_text())
    assert step.losses.pop("acc_seg") == pytest.approx(expected["losses"].pop("acc_seg"), abs=0.02)
    assert step.losses == pytest.approx(expected["losses"], rel=1e-5)
    assert sum(step.losses.values()) == pytest.approx(expected["total"], rel=1e-5)
    reached = {name for name, norm in expected["grad_norms"].items() if _has_gradient(name, norm, step, converted)}
    assert len(reached) == len(step.gradients) + 1  # the two prompt tensors are one of ours
    total = torch.stack([gradient.norm() for gradient in step.gradients.values()]).norm()
    assert float(total) == pytest.approx(expected["total_grad_norm"], rel=1e-3)
    with np.load(folder / "train_step.npz") as golden:
        _assert_train_arrays(step.arrays, golden)


def _has_gradient(name: str, norm: float | None, step: TrainStep, converted: ConvertedOfficial) -> bool:
    ours = official_gradient(name, step, converted)
    if norm is None:
        assert ours is None, name
        return False
    assert ours is not None, name
    is_scores = name == "decode_head.decoder_1.layers.2.multihead_attn.k.bias"
    if name.endswith("multihead_attn.k.bias") and not is_scores:
        assert float(ours.norm()) < 1e-4, name  # zero but for rounding: softmax ignores a constant over all keys
    else:
        assert float(ours.norm()) == pytest.approx(norm, rel=1e-3), name
    return True


def _assert_train_arrays(arrays: Arrays, golden: Golden) -> None:
    assert_near(arrays["mask_logits"], golden["mask_logits"], 5e-4, "mask_logits")
    assert_near(arrays["cls_token"], golden["cls_token"], 5e-6, "cls_token")
    for name in arrays.keys() - {"mask_logits", "cls_token"}:
        rows = golden["query_rows" if "query" in name else "patch_rows"]
        assert_near(arrays[name][:, rows], golden[name], 1e-4, name)
