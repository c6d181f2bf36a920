"""The image encoder: a photo in, the tokens of its windows out; the last photos are cached."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from zsseg.cache import LRU
from zsseg.engines.base import Engine
from zsseg.image.load import Pixels
from zsseg.image.windows import Preprocessing, Windows, make_windows
from zsseg.models import ImageTokens, SegmentationModel

WINDOWS_AT_ONCE = 8  # bounds the memory of the encoder, whatever the photo
_PHOTOS_KEPT = 8
# The decoder's attention holds heads * (M*K) * N values per window.
_ATTENTION_AT_ONCE = 2**27


@dataclass(frozen=True)
class EncodedImage:
    """A photo after the image encoder.

    Attributes:
        tokens: of all n windows.
        target: (n, N, D) what CLIP-RC's recovery aims at, or None.
        heads: of the decoder's attention.
    """

    tokens: ImageTokens
    target: Tensor | None
    heads: int

    def batches(self, texts: int) -> Iterator["EncodedImage"]:
        """Batches of windows in order, as large as memory for the attention to `texts` class vectors allows."""
        tokens = self.tokens
        # Without region tokens there is one query per class, as if M were 1.
        per_window = self.heads * max(1, tokens.region_tokens.shape[1]) * texts * tokens.patch_tokens.shape[1]
        step = max(1, min(WINDOWS_AT_ONCE, _ATTENTION_AT_ONCE // per_window))
        for start in range(0, len(tokens.cls_token), step):
            yield self._rows(slice(start, start + step))

    def _rows(self, rows: slice) -> "EncodedImage":
        tokens = self.tokens
        part = ImageTokens(tokens.cls_token[rows], tokens.patch_tokens[rows], tokens.region_tokens[rows], tokens.grid)
        return EncodedImage(part, None if self.target is None else self.target[rows], self.heads)


class ImageEncoder:
    """Encodes the windows of photos; may be shared by threads.

    Args:
        model: whose image encoder is run.
        preprocessing: what it wants of a photo.
        device: where it runs.
        clip_target: also keep the untouched CLIP's patch tokens, which CLIP-RC's recovery may aim at.
        engine: what runs the encoder.
    """

    def __init__(
        self,
        model: SegmentationModel,
        preprocessing: Preprocessing,
        device: torch.device,
        clip_target: bool,
        engine: Engine,
    ) -> None:
        self.model = model
        self.preprocessing = preprocessing
        self.device = device
        self.clip_target = clip_target
        self.engine = engine
        self._photos: LRU[EncodedImage] = LRU(_PHOTOS_KEPT)

    def preprocess(self, photo: Pixels) -> Windows:
        """Resize, normalise and cut up a photo (H,W,3); see `zsseg.image.windows.make_windows`."""
        return make_windows(photo, self.preprocessing)

    def encode(self, photo: Windows) -> EncodedImage:
        """Run the image encoder over every window, or return its cached output."""
        return self._photos.get(photo.key, lambda: self._encode(photo))

    @torch.inference_mode()
    def _encode(self, photo: Windows) -> EncodedImage:
        encode = self.model.encode_patches
        tokens = self._plain(photo, encode) if self.model.is_plain else self._tokens(encode, photo)
        target = self._plain(photo, self.model.backbone.plain_tokens).patch_tokens if self.clip_target else None
        return EncodedImage(tokens, target, self.model.config.attention_heads)

    def _tokens(self, encode: Callable[[Tensor], ImageTokens], photo: Windows) -> ImageTokens:
        """Tokens of all windows, some at a time."""
        batches = torch.split(self._patches(photo), WINDOWS_AT_ONCE)
        tokens = [self.engine.run(encode, batch) for batch in batches]
        return ImageTokens(
            torch.cat([t.cls_token for t in tokens]),
            torch.cat([t.patch_tokens for t in tokens]),
            # (n, 0, D) where the method has no regions, so that no branch is needed.
            torch.cat([t.region_tokens for t in tokens]),
            tokens[0].grid,
        )

    def _plain(self, photo: Windows, encode: Callable[[Tensor], ImageTokens]) -> ImageTokens:
        """Tokens of the untouched encoder; heads over one backbone compute them once for all of them."""
        return self.model.backbone.plain_cache.get(self._key(photo, self.engine), lambda: self._tokens(encode, photo))

    def _key(self, photo: Windows, engine: Engine) -> tuple[str, str, str]:
        # The engine is part of the key, because engines round differently.
        return photo.key, str(self.device), engine.name

    def _patches(self, photo: Windows) -> Tensor:
        """Patch embeddings (n, W, h, w) of all windows; heads over one backbone compute them once for all of them."""
        backbone = self.model.backbone
        engine = self.engine.exact if backbone.has_exact_patches else self.engine

        def make() -> Tensor:
            batches = torch.split(photo.pixels, WINDOWS_AT_ONCE)
            return torch.cat([engine.run(backbone.embed_patches, batch.to(self.device)) for batch in batches])

        return backbone.patch_cache.get(self._key(photo, engine), make)
