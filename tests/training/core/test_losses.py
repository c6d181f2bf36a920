"""Losses, labels and learning rate: their properties, in every clone; published values are in the golden tests."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from tests.golden.label_tables import inductive_table, remap, transductive_table
from training.core.losses import IGNORE, LossWeights, count_labelled, count_pairs, nel_loss, recovery_loss, softmax_loss
from training.core.pseudo_labels import UNLABELLED, pseudo_labels
from training.runtime.schedules import poly_lr
from zsseg.models import Recovery

LOGITS = torch.randn(2, 3, 4, 5, generator=torch.Generator().manual_seed(0))
LABELS = torch.tensor([0, 1, 1, IGNORE]).repeat(10).reshape(2, 4, 5)


def test_losses_equal_the_loop_over_maps() -> None:
    scores, focal, dice, pairs = LOGITS.double().sigmoid(), 0.0, 0.0, 0
    for picture in range(2):
        for name in range(3):
            target, score = (LABELS[picture] == name).double(), scores[picture, name]
            right = torch.where(target > 0, score, 1 - score)
            share = torch.where(target > 0, 0.25, 0.75)
            focal += float((-share * (1 - right) ** 2 * right.log()).mean())
            if target.any():
                pairs += 1
                dice += float(1 - (2 * (score * target).sum() + 1) / (score.sum() + target.sum() + 1))
    mask = nel_loss(LOGITS, LABELS)
    assert int(count_pairs(LABELS, 3)) == pairs == 4
    assert float(mask.focal) == pytest.approx(focal / pairs, rel=1e-5)
    assert float(mask.dice) == pytest.approx(dice / pairs, rel=1e-5)
    assert float(mask.weighted(LossWeights(100, 1))) == pytest.approx((100 * focal + dice) / pairs, rel=1e-5)


def test_ignored_pixels_are_negatives() -> None:
    logits = torch.zeros(1, 2, 4, 4, requires_grad=True)
    mask = nel_loss(logits, torch.full((1, 4, 4), IGNORE))
    assert float(mask.dice.detach()) == 0
    assert float(mask.focal.detach()) == pytest.approx(2 * 0.75 * 0.25 * math.log(2), rel=1e-5)
    mask.weighted(LossWeights()).backward()
    assert logits.grad is not None
    assert (logits.grad > 0).all()


def test_losses_are_finite_at_extreme_logits_and_in_half_precision() -> None:
    for dtype in (torch.float32, torch.bfloat16):
        logits = torch.tensor([-200.0, 200.0], dtype=dtype).reshape(1, 2, 1, 1).repeat(1, 1, 4, 4).requires_grad_()
        mask = nel_loss(logits, torch.zeros(1, 4, 4, dtype=torch.long))
        mask.weighted(LossWeights()).backward()
        assert logits.grad is not None
        assert mask.focal.dtype == torch.float32
        assert logits.grad.isfinite().all()


def test_devices_share_the_mean_of_their_pairs() -> None:
    single, halved = nel_loss(LOGITS, LABELS), nel_loss(LOGITS, LABELS, pairs=torch.tensor(8.0))
    torch.testing.assert_close(halved.focal, single.focal / 2)
    torch.testing.assert_close(halved.dice, single.dice / 2)


def test_a_perfect_answer_costs_nothing() -> None:
    labels = torch.arange(2).repeat(8).reshape(1, 4, 4)
    logits = torch.where(F.one_hot(labels, 2).permute(0, 3, 1, 2) > 0, 30.0, -30.0)
    mask = nel_loss(logits, labels)
    assert float(mask.focal) == pytest.approx(0, abs=1e-6)
    assert float(mask.dice) == pytest.approx(0, abs=1e-6)


def test_softmax_loss_is_the_mean_over_labelled_pixels() -> None:
    scores, losses = LOGITS.double().softmax(1), []
    for picture, row, column in (LABELS != IGNORE).nonzero().tolist():
        losses.append(-float(scores[picture, LABELS[picture, row, column], row, column].log()))
    assert int(count_labelled(LABELS)) == len(losses) == 30
    assert float(softmax_loss(LOGITS, LABELS)) == pytest.approx(sum(losses) / 30, rel=1e-5)
    assert float(softmax_loss(LOGITS, LABELS, torch.tensor(60.0))) == pytest.approx(sum(losses) / 60, rel=1e-5)


def test_softmax_loss_leaves_unlabelled_pixels_out() -> None:
    logits = LOGITS.clone().requires_grad_()
    softmax_loss(logits, LABELS).backward()
    assert logits.grad is not None
    assert (logits.grad.permute(0, 2, 3, 1)[LABELS == IGNORE] == 0).all()
    assert (logits.grad.permute(0, 2, 3, 1)[LABELS != IGNORE] != 0).all()
    # A softmax knows no absolute score: every pixel's gradients cancel out.
    torch.testing.assert_close(logits.grad.sum(1), torch.zeros(2, 4, 5), atol=1e-6, rtol=0)
    assert float(softmax_loss(LOGITS, torch.full((2, 4, 5), IGNORE))) == 0


def test_recovery_loss_leaves_targets_alone() -> None:
    recovered, targets = torch.zeros(1, 2, 4, requires_grad=True), torch.ones(1, 2, 4, requires_grad=True)
    terms = recovery_loss(Recovery(recovered, recovered, targets, 2 * targets))
    assert (float(terms.queries.detach()), float(terms.patches.detach())) == (1, 2)
    total = terms.weighted(LossWeights(recovery=3))
    assert float(total.detach()) == 9
    total.backward()
    assert targets.grad is None


def test_label_tables() -> None:
    raw = torch.tensor([[0, 2, 5, 9, IGNORE]])
    assert remap(raw, inductive_table([2, 5])).tolist() == [[IGNORE, 0, 1, IGNORE, IGNORE]]
    assert remap(raw, transductive_table([2, 5])).tolist() == [[UNLABELLED, 2, 5, UNLABELLED, IGNORE]]


def test_pseudo_labels_go_to_unseen_classes_alone() -> None:
    labels = remap(torch.tensor([[[0, 1, 2, 3, IGNORE]]]), transductive_table([0, 1]))
    logits = torch.zeros(1, 4, 1, 5)
    logits[:, 0] = 9  # a seen class wins everywhere, and must not be given
    logits[0, 2, 0, 2], logits[0, 3, 0, 3:] = 2, 2
    assert pseudo_labels(labels, logits, [2, 3]).tolist() == [[[0, 1, 2, 3, IGNORE]]]
    everywhere = pseudo_labels(labels, logits, [2, 3], "unlabelled_pixels")
    assert everywhere.tolist() == [[[0, 1, 2, 3, 3]]]
    sure = pseudo_labels(labels, -logits, [2, 3], "unlabelled_pixels", threshold=0.4)
    assert sure.tolist() == [[[0, 1, 3, 2, 2]]]
    none = pseudo_labels(labels, logits - 9, [2, 3], "unlabelled_pixels", threshold=0.4)
    assert none.tolist() == [[[0, 1, IGNORE, IGNORE, IGNORE]]]


def test_learning_rate_warms_up_and_decays() -> None:
    rates = np.array([poly_lr(k, 200, 1e-3, floor=1e-6, warmup=20) for k in range(201)])
    assert rates[0] == pytest.approx(1e-9, rel=1e-3)
    assert rates.argmax() == 20
    assert (np.diff(rates[20:]) < 0).all()
    assert rates[-1] == pytest.approx(1e-6)
    assert poly_lr(0, 200, warmup=0) == pytest.approx(2e-4)
