"""Initialisation with the training-free answer: the first forward is the cosine of patch and text.

A head trained from random weights on few classes fails on all others; one that starts from the cosine keeps
the backbone's knowledge of all class names.
"""

import math
from functools import singledispatch

import torch
from torch import nn

from zsseg.layers import CrossAttention, DecoderBlock
from zsseg.models.base import SegmentationModel
from zsseg.models.clip_rc import ClipRC
from zsseg.models.zegclip import ZegCLIP


@singledispatch
def init_from_cosine(model: SegmentationModel, scale: float = 10.0, bias: float = 0.0) -> None:
    """Make an untrained head predict `scale * cosine + bias`; other methods register an implementation of their own.

    The cosine is that of the text vector and the patch token without their means over channels, which layer norm takes
    away: of D directions one is lost. (ZegCLIP does not norm the patch token: its length after the loss stays in, and
    with a bias so does a small term of the patch alone, which favours no class.) Prompts keep their random start.
    Everything that must be zero for it (attention values, the perceptrons' last layer, the descriptor's first half)
    receives a gradient at the first step.

    Args:
        model: the head, changed in place.
        scale: slope of the logit over the cosine, > 0.
        bias: logit at cosine 0.

    Raises:
        TypeError: no implementation is registered for this kind of model.
    """
    raise TypeError(f"{type(model).__name__} cannot start from the cosine: register an implementation")


@init_from_cosine.register(ZegCLIP)
@torch.no_grad()
def _init_zegclip(model: ZegCLIP, scale: float = 10.0, bias: float = 0.0) -> None:
    _keep_last(model.descriptor, model.backbone.joint_dim)
    _pass_through(model.blocks)
    _score_cosine(model, scale, bias)


@init_from_cosine.register(ClipRC)
@torch.no_grad()
def _init_clip_rc(model: ClipRC, scale: float = 10.0, bias: float = 0.0) -> None:
    dim = model.backbone.joint_dim
    _keep_last(model.descriptor, dim)
    _keep_last(model.patch_projection, dim)
    _pass_through(model.query_blocks)
    _pass_through(model.patch_blocks)
    _match_cosine(model, scale, bias)


def _keep_last(linear: nn.Module, dim: int) -> None:
    """Of the concatenated inputs, pass the last `dim` channels on and ignore the others."""
    weight = linear.get_parameter("weight")
    weight.zero_()
    weight[:, -dim:] = torch.eye(dim)  # the text of a descriptor, the patch of an aligned patch
    linear.get_parameter("bias").zero_()


def _pass_through(blocks: nn.ModuleList) -> None:
    """Make blocks the identity up to layer norm; their attention scores start as the cosine."""
    for block in blocks:
        assert isinstance(block, DecoderBlock)
        attention: CrossAttention = block.attention
        for linear in (attention.query, attention.key):
            nn.init.eye_(linear.weight)
        for linear in (attention.query, attention.key, attention.out):
            nn.init.zeros_(linear.bias)
        # With zero values and a zero last layer both residual branches add nothing. The first layers stay random, so
        # that the units of the perceptron differ once the last layer has moved.
        for linear in (attention.value, block.ffn_out):
            nn.init.zeros_(linear.weight)
            nn.init.zeros_(linear.bias)


def _score_cosine(model: ZegCLIP, scale: float, bias: float) -> None:
    """Scores are q . k / (heads * sqrt(D / heads)); a normed query of unit text has length sqrt(D), not 1."""
    query, key = model.scores.query, model.scores.key
    dim, heads = query.in_features, model.scores.heads
    divisor = heads * (dim // heads) ** 0.5  # what `AttentionScores` divides by
    for linear in (query, key):
        nn.init.eye_(linear.weight)
        # Query and key share the factor equally, hence the root: neither gets the larger gradient.
        linear.weight.mul_((scale * divisor / dim**0.5) ** 0.5)
    _add_constant(query.bias, key.bias, bias * divisor, dim)


def _match_cosine(model: ClipRC, scale: float, bias: float) -> None:
    """Queries and patches both leave layer norm with length sqrt(D) before its weights, and zero mean."""
    query_norm, patch_norm = (
        blocks[-1].get_submodule("ffn_norm") for blocks in (model.query_blocks, model.patch_blocks)
    )
    dim = model.backbone.joint_dim
    for norm in (query_norm, patch_norm):
        nn.init.constant_(norm.get_parameter("weight"), (scale / dim) ** 0.5)  # sqrt(D) times sqrt(D) is D
    _add_constant(query_norm.get_parameter("bias"), patch_norm.get_parameter("bias"), bias, dim)


def _add_constant(left: torch.Tensor, right: torch.Tensor, constant: float, dim: int) -> None:
    """Add `constant` to the dot product of two vectors of which the first has zero mean over its channels."""
    # Both sides get the same size, so that neither one's gradient is scaled up by the other's bias.
    share = (abs(constant) / dim) ** 0.5
    nn.init.constant_(left, share)
    nn.init.constant_(right, math.copysign(share, constant))
