"""Explicit tables for every name of a released state dict: renamed, folded or dropped.

Names follow what the published training code saves (ZiqinZhou66/ZegCLIP at 9ba4bb5, uyzhang/CLIP-RC at 68927c1).
"""

import re

# Whole names, and where each goes; \1 and \2 are the pattern's groups.
_CLIP_RENAMES = (
    (r"backbone\.(class_embedding|positional_embedding|proj|conv1\.weight)", r"visual.\1"),
    (r"backbone\.(transformer\..+|ln_(?:pre|post)\..+)", r"visual.\1"),
    (r"text_encoder\.(.+)", r"\1"),
)
_HEAD_RENAMES = (
    (r"backbone\.prompt_proj\.(.+)", r"encoder.prompts.proj.\1"),
    (r"backbone\.prompt_norm\.(.+)", r"encoder.norm.\1"),
    (r"backbone\.region_level_bridge", "encoder.region_tokens"),
    (r"decode_head\.q_proj\.(.+)", r"descriptor.\1"),
    (r"decode_head\.lateral_proj\.(.+)", r"patch_projection.\1"),
    (r"decode_head\.recovery_decoder\.linear_q_(in|out)\.(.+)", r"recovery.query_\1.\2"),
    (r"decode_head\.recovery_decoder\.linear_k_(in|out)\.(.+)", r"recovery.patch_\1.\2"),
)
# Stacks of decoder blocks, and what is inside one block.
_STACKS = (
    (r"decode_head\.decoder_1\.layers\.(\d+)\.(.+)\.(weight|bias)", r"blocks.\1"),
    (r"decode_head\.decoder_q\.layers\.(\d+)\.(.+)\.(weight|bias)", r"query_blocks.\1"),
    (r"decode_head\.decoder_v\.layers\.(\d+)\.(.+)\.(weight|bias)", r"patch_blocks.\1"),
    (r"decode_head\.recovery_decoder\.decouple_(q)\.0\.(.+)\.(weight|bias)", "recovery.query_block"),
    (r"decode_head\.recovery_decoder\.decouple_(v)\.0\.(.+)\.(weight|bias)", "recovery.patch_block"),
)
# The block is torch's decoder layer with its self-attention unused: norm2 follows the attention, norm3 the perceptron.
_IN_BLOCK = {
    "multihead_attn.q": "attention.query",
    "multihead_attn.k": "attention.key",
    "multihead_attn.v": "attention.value",
    "multihead_attn.proj": "attention.out",
    "linear1": "ffn_in",
    "linear2": "ffn_out",
    "norm2": "attention_norm",
    "norm3": "ffn_norm",
}
# Stored, and without effect on any output: self-attention that is never run, its norm, a buffer of the loss, and of
# ZegCLIP's last layer all that comes after the scores.
_DROPPED = (
    r"decode_head\..+\.self_attn\.(?:in_proj_|out_proj\.)(?:weight|bias)",
    r"decode_head\..+\.norm1\.(?:weight|bias)",
    r"decode_head\.loss_decode\.criterion\.empty_weight",
)
_AFTER_SCORES = ("multihead_attn.v", "multihead_attn.proj", "linear1", "linear2", "norm2", "norm3")


def clip_name(name: str) -> str | None:
    """The name of an entry of the frozen CLIP in open_clip's model; None for any other entry."""
    return _renamed(name, _CLIP_RENAMES)


def head_name(name: str, scores_layer: int | None) -> str | None:
    """The name of a head's entry in our model; None for an entry that is folded or dropped.

    Args:
        name: as in the file.
        scores_layer: of ZegCLIP, index of the decoder's last layer, of which only the scores are used; else None.
    """
    return _renamed(name, _HEAD_RENAMES) or _renamed_in_stack(name, scores_layer)


def is_dropped(name: str, scores_layer: int | None) -> bool:
    """Whether an entry is known to change no output."""
    if any(re.fullmatch(pattern, name) for pattern in _DROPPED):
        return True
    match = re.fullmatch(_STACKS[0][0], name)
    return match is not None and match[1] == str(scores_layer) and match[2] in _AFTER_SCORES


def _renamed(name: str, table: tuple[tuple[str, str], ...]) -> str | None:
    for pattern, target in table:
        if match := re.fullmatch(pattern, name):
            return match.expand(target)
    return None


def _renamed_in_stack(name: str, scores_layer: int | None) -> str | None:
    for pattern, target in _STACKS:
        if (match := re.fullmatch(pattern, name)) and (inner := _IN_BLOCK.get(match[2])):
            # Only query and key get here: `is_dropped` has taken the rest of this layer.
            if match[1] == str(scores_layer):
                return f"scores.{inner.removeprefix('attention.')}.{match[3]}"
            return f"{match.expand(target)}.{inner}.{match[3]}"
    return None
