"""An open_clip model as a frozen pair of encoders."""

import copy
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any
from weakref import WeakValueDictionary

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zsseg.cache import LRU
from zsseg.layers import ConvStem, TrunkStem, run_block
from zsseg.layers.trunk_stem import PATCH
from zsseg.models.outputs import ImageTokens
from zsseg.models.prompted_vit import embed_patches, plain_tokens
from zsseg.open_clip_compat import OpenClip, import_open_clip

# Texts per batch: it bounds the memory, however many are asked.
_TEXT_BATCH = 256
_PHOTOS_KEPT = 8  # heads over one backbone, asked in turn, embed a photo once
# Above `MAX_ALL_SYNONYMS`, so that the names of one request never push each other out.
_NAMES_KEPT = 4096


class Backbone(nn.Module):
    """The frozen image and text encoders of one open_clip model; no gradient, evaluation mode.

    Args:
        clip: an open_clip.CLIP with its weights.
        name: the folder's name, for people.
        sha256: of the weights file, by which checkpoints recognise their backbone; empty for one that is in no file.
    """

    def __init__(self, clip: OpenClip, name: str, sha256: str = "") -> None:
        super().__init__()
        self.clip = clip.requires_grad_(False)
        self.name = name
        self.sha256 = sha256
        self.patch_size = int(clip.visual.patch_size[0])
        self.joint_dim = int(clip.visual.proj.shape[1])  # D; proj is (W, D)
        self.width = int(clip.visual.proj.shape[0])  # W
        self.depth = len(clip.visual.transformer.resblocks)
        self.context_length = int(clip.context_length)
        # Not a buffer: the cached patch embeddings of the last photos must not be saved or moved with the weights.
        self.patch_cache: LRU[Tensor] = LRU(_PHOTOS_KEPT)
        # As well: what the baseline answers with is what CLIP-RC recovers.
        self.plain_cache: LRU[ImageTokens] = LRU(_PHOTOS_KEPT)
        # Vectors of names in their templates: heads over one backbone that ask the same names encode them once.
        self.name_cache: LRU[Tensor] = LRU(_NAMES_KEPT)
        # Weak values: a copy lives as long as a head that stands on it, not as long as this backbone.
        self._copies: WeakValueDictionary[tuple[torch.device, torch.dtype], Backbone] = WeakValueDictionary()
        self._converting = threading.Lock()
        # Heads that train switch themselves alone to training mode, since the backbone is no submodule of theirs.
        self.eval()

    def converted(self, convert: Callable[[Tensor], Tensor]) -> "Backbone":
        """This backbone with `convert` applied to its tensors: itself if they do not move or change type, else a copy.

        The copy for one device and type is made once, while anybody uses it.
        """
        weight = self.visual.proj.detach()
        like = convert(weight)
        if (like.device, like.dtype) == (weight.device, weight.dtype):
            return self
        # Without the lock two heads that move at the same time would each make a copy of both encoders.
        with self._converting:
            found = self._copies.get((like.device, like.dtype))
            if found is None:
                # `_apply` changes modules in place, so it runs on a copy: other heads may be using the original.
                found = Backbone(copy.deepcopy(self.clip), self.name, self.sha256)
                found._apply(convert)  # type: ignore[no-untyped-call]
                self._copies[like.device, like.dtype] = found
        return found

    @property
    def has_exact_patches(self) -> bool:
        """Whether patches must not be embedded with factors rounded to bfloat16: networks in their place add it up."""
        return isinstance(self.visual.conv1, TrunkStem)

    @property
    def visual(self) -> OpenClip:
        """The image encoder, an open_clip VisionTransformer."""
        return self.clip.visual

    def embed_patches(self, pixels: Tensor) -> Tensor:
        """Patch embeddings (B, W, h, w) of normalised pixels (B, 3, H, W), which every head over this backbone shares.

        Raises:
            ValueError: H or W is no multiple of the patch side.
        """
        return embed_patches(self.visual, pixels)

    def plain_tokens(self, patches: Tensor) -> ImageTokens:
        """Tokens of the untouched encoder for patch embeddings (B, W, h, w): no prompts, no regions."""
        return plain_tokens(self.visual, patches)

    @torch.no_grad()
    def encode_text(self, texts: Sequence[str]) -> Tensor:
        """Unit-norm vectors (len(texts), D) of the texts as they are: no template is added, long ones are cut."""
        tokenize = _tokenizer()
        chunks = [texts[start : start + _TEXT_BATCH] for start in range(0, len(texts), _TEXT_BATCH)]
        device = self.visual.proj.device
        encoded = [_encode_tokens(self.clip, tokenize(list(chunk), self.context_length).to(device)) for chunk in chunks]
        # CLIP compares directions only; both methods multiply these vectors as unit vectors.
        return F.normalize(torch.cat(encoded), dim=-1)

    def token_count(self, text: str) -> int:
        """Tokens of a text with its start and end marks; what exceeds `context_length` is cut by `encode_text`."""
        return self.piece_count(text) + 2  # start of text, end of text

    def piece_count(self, text: str) -> int:
        """Pieces that the tokenizer breaks a text into; a common English word is one piece, a misspelt one several."""
        return len(_tokenizer().encode(text))


def _encode_tokens(clip: OpenClip, tokens: Tensor) -> Tensor:
    """What open_clip's `encode_text` makes of tokens (B, L), without the places after the last end of a text: (B, D).

    A name has a handful of tokens, and the context 77 places. Attention is causal, so no text reads what follows it.
    """
    # With another mask or another way to read the result, every place may count.
    if clip.attn_mask is None or clip.text_pool_type != "argmax" or not isinstance(clip.text_projection, Tensor):
        whole: Tensor = clip.encode_text(tokens)
        return whole
    # The end mark has the largest id.
    ends = tokens.argmax(-1)  # (B,)
    length = int(ends.max()) + 1
    x = clip.token_embedding(tokens[:, :length]) + clip.positional_embedding[:length]  # (B, length, W)
    mask = clip.attn_mask[:length, :length]
    for block in clip.transformer.resblocks:
        x = run_block(block, x, mask)
    read: Tensor = clip.ln_final(x)[torch.arange(len(x), device=x.device), ends] @ clip.text_projection
    return read


@cache
def _tokenizer() -> OpenClip:
    return import_open_clip().tokenizer.SimpleTokenizer()  # reads the whole table of merges, so once only


def build_clip(config: Mapping[str, Any]) -> OpenClip:
    """An untrained open_clip.CLIP.

    Args:
        config: what `open_clip_config.json` holds; "model_cfg" and, where there is one, "stem" or "trunks" are read.

    Raises:
        ValueError: the patches of the patch embedding are not as large as the encoder's.
    """
    clip = import_open_clip().CLIP(**config["model_cfg"])
    width = clip.visual.transformer.width
    if "stem" in config:
        # The rest of the encoder only calls `conv1`, so another patch embedding can stand in its place.
        clip.visual.conv1 = ConvStem(config["stem"], width, config.get("stem_dilations", ()))
        _check_patch(clip, 2 ** (len(config["stem"]) + 1))  # every strided convolution halves the side
    elif "trunks" in config:
        clip.visual.conv1 = TrunkStem(width, **config["trunks"])
        _check_patch(clip, PATCH)
    return clip


def _check_patch(clip: OpenClip, side: int) -> None:
    if (side, side) != tuple(clip.visual.patch_size):
        raise ValueError(f"the stem makes patches of {side} pixels, the encoder wants {clip.visual.patch_size}")
