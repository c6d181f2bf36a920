"""The photo-level gate: what it is computed from, what it does to scores, and that it is off unless asked for."""

import dataclasses

import numpy as np
import pytest
import torch

from zsseg.analysis.photo_gate import apply_photo_gate, photo_scores
from zsseg.errors import UserError
from zsseg.predictor import Predictor
from zsseg.segmentation import Segmentation


def answer(scores: np.ndarray, photo: tuple[float, ...]) -> Segmentation:
    names = tuple("abcdefgh"[: len(scores)])
    return Segmentation("m", "model", names, (True,) * len(names), scores, 0.0, 0.0, photo_scores=photo)


def test_photo_scores_are_ratios_to_the_best_class_and_a_class_counts_by_its_best_synonym() -> None:
    cls = torch.nn.functional.normalize(torch.tensor([[1.0, 0.2, 0.0], [1.0, 0.0, 0.2]]), dim=-1)
    text = torch.eye(3)  # two synonyms of the first class, one of the second
    first, second = photo_scores(cls, text[[1, 0, 2]], (2, 1), 10.0)
    cosines = (cls @ text.T).mean(0)
    assert first == 1
    assert second == pytest.approx(float((10 * (cosines[2] - cosines[0])).exp()), rel=1e-5)


@pytest.mark.parametrize("strength", [0.25, 0.5, 1.0])
def test_the_gate_moves_each_logit_by_the_logarithm_of_the_photo_score(strength: float) -> None:
    rng = np.random.default_rng(0)
    logits, photo = rng.normal(0, 3, (4, 5, 6)), (1.0, 0.5, 1e-3, 0.9)
    seg = answer((1 / (1 + np.exp(-logits))).astype(np.float32), photo)
    gated = apply_photo_gate(seg, strength)
    expected = 1 / (1 + np.exp(-(logits + strength * np.log(photo)[:, None, None])))
    np.testing.assert_allclose(gated.scores, expected, atol=1e-6)
    assert gated.photo_gate == strength
    np.testing.assert_array_equal(gated.scores[0], seg.scores[0])  # the class that the photo speaks for most


def test_scores_of_zero_and_one_stay_within_their_range() -> None:
    seg = answer(np.stack([np.zeros((2, 2)), np.ones((2, 2))]).astype(np.float32), (1.0, 0.0))
    gated = apply_photo_gate(seg, 1.0)
    assert np.isfinite(gated.scores).all()
    assert (gated.scores[0] == 0).all()


def test_no_strength_changes_nothing_and_none_is_applied_twice() -> None:
    seg = answer(np.full((2, 1, 1), 0.5, np.float32), (1.0, 0.5))
    assert apply_photo_gate(seg, 0.0) is seg
    with pytest.raises(ValueError, match="already"):
        apply_photo_gate(apply_photo_gate(seg), 0.5)
    with pytest.raises(UserError, match="between 0 and 1"):
        apply_photo_gate(seg, 1.5)
    with pytest.raises(UserError, match="leave the photo-level gate out"):
        apply_photo_gate(dataclasses.replace(seg, photo_scores=()))


def test_the_predictor_gates_only_when_asked(predictors: dict[str, Predictor]) -> None:
    photo = np.random.default_rng(0).integers(0, 256, (64, 80, 3), dtype=np.uint8)
    predictor = predictors["zegclip"]
    plain = predictor.predict(photo, "cat, dog", "cow")
    gated = predictor.predict(photo, "cat, dog", "cow", photo_gate=0.5)
    assert (plain.photo_gate, gated.photo_gate) == (0, 0.5)
    assert len(plain.photo_scores) == 3
    assert max(plain.photo_scores) == 1
    np.testing.assert_array_equal(gated.scores, apply_photo_gate(plain, 0.5).scores)
    with pytest.raises(UserError, match="photo-level gate must lie between"):
        predictor.predict(photo, "cat", photo_gate=-0.1)
