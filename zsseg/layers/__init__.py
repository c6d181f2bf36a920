"""Building blocks of the methods, one per file, each tested alone."""

from zsseg.layers.attention import AttentionScores, CrossAttention
from zsseg.layers.block_runner import BlockRunner, block_function, blocks_run_by
from zsseg.layers.conv_stem import ConvStem
from zsseg.layers.decoder import DecoderBlock
from zsseg.layers.deep_prompts import DeepPrompts
from zsseg.layers.grid import resize_grid, resize_positions
from zsseg.layers.region_mask import region_attention_mask, region_of_patch
from zsseg.layers.transformer_block import run_block, run_block_on_values
from zsseg.layers.trunk_stem import TrunkStem

__all__ = [
    "AttentionScores",
    "BlockRunner",
    "ConvStem",
    "CrossAttention",
    "DecoderBlock",
    "DeepPrompts",
    "TrunkStem",
    "block_function",
    "blocks_run_by",
    "region_attention_mask",
    "region_of_patch",
    "resize_grid",
    "resize_positions",
    "run_block",
    "run_block_on_values",
]
