"""Building blocks against plain references."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from zsseg.layers import (
    AttentionScores,
    ConvStem,
    CrossAttention,
    DecoderBlock,
    DeepPrompts,
    region_attention_mask,
    region_of_patch,
    resize_grid,
    resize_positions,
    run_block,
    run_block_on_values,
)
from zsseg.open_clip_compat import import_open_clip


def test_cross_attention_is_multihead_attention() -> None:
    torch.manual_seed(0)
    ours = CrossAttention(16, heads=4)
    reference = nn.MultiheadAttention(16, 4, batch_first=True)
    projections = (ours.query, ours.key, ours.value)
    reference.load_state_dict(
        {
            "in_proj_weight": torch.cat([linear.weight for linear in projections]),
            "in_proj_bias": torch.cat([linear.bias for linear in projections]),
            "out_proj.weight": ours.out.weight,
            "out_proj.bias": ours.out.bias,
        }
    )
    queries, memory = torch.randn(2, 3, 16), torch.randn(2, 5, 16)
    expected, weights = reference(queries, memory, memory, average_attn_weights=False)
    torch.testing.assert_close(ours(queries, memory), expected)
    # Scores are the mean over heads of what the softmax gets: check them through each head's own softmax.
    heads = [
        (q @ k.transpose(1, 2)) / 2.0
        for q, k in zip(ours.query(queries).split(4, -1), ours.key(memory).split(4, -1), strict=True)
    ]
    torch.testing.assert_close(torch.stack(heads, 1).softmax(-1), weights)
    torch.testing.assert_close(ours.scores(queries, memory), torch.stack(heads).mean(0))


def test_scores_alone_equal_those_of_the_whole_attention() -> None:
    whole, scores = CrossAttention(16, 2), AttentionScores(16, 2)
    scores.load_state_dict({name: value for name, value in whole.state_dict().items() if name in scores.state_dict()})
    queries, memory = torch.randn(1, 3, 16), torch.randn(1, 5, 16)
    torch.testing.assert_close(scores(queries, memory), whole.scores(queries, memory))


def test_heads_must_divide_channels() -> None:
    with pytest.raises(ValueError, match="3 heads"):
        AttentionScores(16, 3)


def test_decoder_block_equals_its_formula() -> None:
    torch.manual_seed(0)
    block = DecoderBlock(16, 2, 32, dropout=0.5).eval()
    queries, memory = torch.randn(2, 3, 16), torch.randn(2, 5, 16)
    attended = F.layer_norm(queries + block.attention(queries, memory), (16,))
    expected = F.layer_norm(attended + block.ffn_out(block.ffn_in(attended).clamp(min=0)), (16,))
    torch.testing.assert_close(block(queries, memory), expected)


def test_dropout_acts_in_training_mode_only() -> None:
    block = DecoderBlock(16, 2, 32, dropout=0.5)
    queries, memory = torch.randn(2, 3, 16), torch.randn(2, 5, 16)
    assert not torch.equal(block(queries, memory), block(queries, memory))
    block.eval()
    assert torch.equal(block(queries, memory), block(queries, memory))
    off = DecoderBlock(16, 2, 32, dropout=0.0)
    assert torch.equal(off(queries, memory), off(queries, memory))


def test_prompts_are_projected_and_dropped_for_each_sample_alone() -> None:
    prompts = DeepPrompts(layers=2, prompts=3, width=8, patch_size=16, dropout=0.5)
    trained = prompts(4)
    assert trained.shape == (2, 4, 3, 8)
    assert not torch.equal(trained[:, 0], trained[:, 1])
    prompts.eval()
    torch.testing.assert_close(prompts(4)[1, 2], prompts.proj(prompts.embeddings[1]))


def test_prompts_of_the_layers_that_have_them_alone() -> None:
    prompts = DeepPrompts(layers=1, prompts=3, width=8, patch_size=16, dropout=0.0)
    assert prompts(4).shape == (1, 4, 3, 8)
    assert sum(value.numel() for value in prompts.parameters()) == 3 * 8 + 8 * 8 + 8


def test_prompts_start_within_the_published_bound() -> None:
    prompts = DeepPrompts(12, 10, 768, 16, 0.0)
    assert 0.0620 < float(prompts.embeddings.detach().abs().max()) <= 0.0625
    assert float(prompts.proj.weight.detach().std()) == pytest.approx((2 / 768) ** 0.5, rel=0.02)


def test_regions_are_blocks_where_they_divide_the_grid() -> None:
    owner = region_of_patch((8, 8), 16).reshape(8, 8)
    assert owner[:2, :2].unique().tolist() == [0]
    assert owner[2:4, 6:].unique().tolist() == [7]
    assert owner.flatten().bincount().tolist() == [4] * 16


@pytest.mark.parametrize("grid", [(14, 14), (7, 5), (4, 9)])
def test_regions_leave_no_patch_out(grid: tuple[int, int]) -> None:
    counts = region_of_patch(grid, 16).bincount(minlength=16)
    assert counts.sum() == grid[0] * grid[1]
    assert counts.min() >= (grid[0] // 4) * (grid[1] // 4)
    assert counts.max() <= -(-grid[0] // 4) * -(-grid[1] // 4)


@pytest.mark.parametrize(("grid", "regions", "message"), [((8, 8), 5, "square"), ((3, 8), 16, "too small")])
def test_impossible_regions(grid: tuple[int, int], regions: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        region_of_patch(grid, regions)


def test_region_mask_as_specified() -> None:
    mask = region_attention_mask((4, 4), prompts=2, regions=4)
    class_token, prompts, patches, regions = 0, slice(1, 3), slice(3, 19), slice(19, 23)
    assert mask.shape == (23, 23)
    assert torch.equal(mask, mask.T)
    assert mask[:19, :19].all()
    assert not mask[class_token, regions].any()
    assert not mask[prompts, regions].any()
    assert torch.equal(mask[regions, regions], torch.eye(4, dtype=torch.bool))
    assert (mask[patches, regions].sum(1) == 1).all()
    assert mask[regions, patches][1].reshape(4, 4)[:2, 2:].all()
    # The published shapes: row counts of class token, prompts, patches and regions.
    for count, expected in ((10, [1035, 1036, 65]), (100, [1125, 1126, 65])):
        assert region_attention_mask((32, 32), count, 16).sum(1).unique().tolist() == sorted(expected)


def test_resampling_is_torchs_bilinear_and_the_identity_on_the_same_grid() -> None:
    tokens = torch.randn(2, 6, 3)
    assert resize_grid(tokens, (2, 3), (2, 3)) is tokens
    maps = tokens.transpose(1, 2).reshape(2, 3, 2, 3)
    expected = F.interpolate(maps, (4, 5), mode="bilinear", align_corners=False)
    torch.testing.assert_close(resize_grid(tokens, (2, 3), (4, 5)).transpose(1, 2).reshape(2, 3, 4, 5), expected)
    positions = torch.randn(7, 3)
    assert torch.equal(resize_positions(positions, (2, 3), (4, 5))[0], positions[0])


def test_stem_divides_sides_by_16_or_8() -> None:
    assert ConvStem((4, 4, 8), 12)(torch.zeros(2, 3, 64, 96)).shape == (2, 12, 4, 6)
    assert ConvStem((4, 8), 12, dilations=(1, 2))(torch.zeros(2, 3, 64, 96)).shape == (2, 12, 8, 12)


def test_dilations_of_a_stem_let_a_patch_see_its_neighbours() -> None:
    """Each residual convolution reaches as many patches further as its dilation says, and nothing beyond."""
    torch.manual_seed(0)
    pixels = torch.zeros(1, 3, 144, 144)
    changed = pixels.clone()
    changed[..., 64:80, 64:80] = 1.0  # patch (4, 4) of 9 x 9
    for dilations in ((), (1,), (1, 2)):
        stem = ConvStem((4, 4, 8), 12, dilations)
        for parameter in stem.parameters():
            torch.nn.init.uniform_(parameter, 0.05, 0.1)  # all positive: no ReLU cuts anything off
        moved = (stem(changed) - stem(pixels)).abs().amax((0, 1)) > 0
        # The strided convolutions alone reach into the patches below and to the right, and no further.
        reached = torch.zeros(9, 9, dtype=torch.bool)
        near, far = max(0, 4 - sum(dilations)), 6 + sum(dilations)
        reached[near:far, near:far] = True
        assert torch.equal(moved, reached), dilations


def test_stem_without_dilations_has_the_tensors_it_always_had() -> None:
    assert list(ConvStem((4, 4, 8), 12).state_dict()) == [f"{i}.{n}" for i in (0, 2, 4, 6) for n in ("weight", "bias")]


@pytest.mark.parametrize("masked", [False, True])
def test_run_block__equals_open_clips_block(masked: bool) -> None:
    block = import_open_clip().transformer.ResidualAttentionBlock(16, 2)
    tokens = torch.randn(2, 7, 16)
    mask = torch.zeros(7, 7).masked_fill(torch.rand(7, 7) < 0.3, -torch.inf).fill_diagonal_(0) if masked else None
    torch.testing.assert_close(run_block(block, tokens, mask), block(tokens, attn_mask=mask), atol=1e-5, rtol=1e-5)


def test_run_block_on_values__is_attention_of_each_token_to_itself() -> None:
    block = import_open_clip().transformer.ResidualAttentionBlock(16, 2)
    tokens = torch.randn(2, 7, 16)
    itself = torch.full((7, 7), -torch.inf).fill_diagonal_(0)
    found = run_block_on_values(block, tokens)
    torch.testing.assert_close(found, block(tokens, attn_mask=itself), atol=1e-5, rtol=1e-5)
    assert not torch.allclose(found, block(tokens), atol=1e-2)
