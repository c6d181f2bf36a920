"""The image encoder of the shapes domain while it is trained: an open_clip ViT over convolutions with batch norms."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from zsseg.layers import ConvStem
from zsseg.models.prompted_vit import embed, embed_patches
from zsseg.open_clip_compat import OpenClip

# Up to here plain attention beats the fused kernel's backward pass on a CPU.
_PLAIN_ATTENTION_TOKENS = 128


class TrainableStem(nn.Sequential):
    """3x3 stride-2 convolutions, each with batch norm and ReLU, then residual ones; shipped folded into `ConvStem`.

    It learns about twice as fast as a plain patch embedding (training/LOG.md).
    """

    def __init__(self, channels: Sequence[int], width: int, dilations: Sequence[int] = ()) -> None:
        layers: list[nn.Module] = []
        counts = (3, *channels, width)
        for cin, cout in zip(counts, counts[1:], strict=False):
            # Without bias: the batch norm has one.
            layers += [nn.Conv2d(cin, cout, 3, 2, 1, bias=False), nn.BatchNorm2d(cout), nn.ReLU(inplace=True)]
        super().__init__(*layers, *(TrainableResidual(width, dilation) for dilation in dilations))

    def pairs(self) -> list[tuple[nn.Conv2d, nn.BatchNorm2d]]:
        """Every convolution with its batch norm, in order."""
        convs = [layer for layer in self.modules() if isinstance(layer, nn.Conv2d)]
        norms = [layer for layer in self.modules() if isinstance(layer, nn.BatchNorm2d)]
        return list(zip(convs, norms, strict=True))

    def folded(self) -> list[tuple[Tensor, Tensor]]:
        """Return (weight, bias) of each convolution with its batch norm multiplied in."""
        folded = []
        for conv, norm in self.pairs():
            mean, variance = norm.get_buffer("running_mean"), norm.get_buffer("running_var")
            # norm(conv) = conv * scale + (bias - mean * scale)
            scale = norm.weight / torch.sqrt(variance + norm.eps)
            weight = conv.weight * scale[:, None, None, None]  # (out, in, 3, 3)
            folded.append((weight.detach(), (norm.bias - mean * scale).detach()))
        return folded


class TrainableResidual(nn.Module):
    """ReLU(x + batch norm(3x3 convolution of x)), (B, W, h, w) -> the same."""

    def __init__(self, width: int, dilation: int) -> None:
        super().__init__()
        # Padding as wide as the dilation keeps (h, w).
        self.conv = nn.Conv2d(width, width, 3, padding=dilation, dilation=dilation, bias=False)
        self.norm = nn.BatchNorm2d(width)

    def forward(self, x: Tensor) -> Tensor:
        """Residual 3x3 convolution, batch norm and ReLU."""
        # ReLU after the sum, not before it: .54 against .45 of the shapes at equal time (training/LOG_shapes.md).
        looked: Tensor = (x + self.norm(self.conv(x))).relu()
        return looked


class TrainableEncoder(nn.Module):
    """An image encoder behind a trainable stem.

    Args:
        visual: open_clip's VisionTransformer; its `conv1` is replaced by a trainable stem.
        channels, dilations: of the stem, as for `ConvStem`.
    """

    def __init__(self, visual: OpenClip, channels: Sequence[int], dilations: Sequence[int] = ()) -> None:
        super().__init__()
        visual.conv1 = TrainableStem(channels, visual.class_embedding.shape[0], dilations)
        self.visual = visual
        self.channels, self.dilations = tuple(channels), tuple(dilations)
        _scale_residuals(visual)

    def embedded(self, pixels: Tensor) -> Tensor:
        """(B, 3, S, S) -> tokens before the first layer (B, 1+N, W), class token first."""
        return embed(self.visual, embed_patches(self.visual, pixels))[0]

    def finished(self, embedded: Tensor) -> Tensor:
        """Tokens before the first layer -> normed ones after the last, both (B, 1+N, W)."""
        tokens = self.visual.ln_pre(embedded)
        plain = tokens.shape[1] <= _PLAIN_ATTENTION_TOKENS
        with sdpa_kernel([SDPBackend.MATH] if plain else [SDPBackend.FLASH_ATTENTION, SDPBackend.MATH]):
            tokens = self.visual.transformer(tokens)
        normed: Tensor = self.visual.ln_post(tokens)
        return normed

    def folded_stem(self) -> ConvStem:
        """Return the stem without batch norms, as it is shipped."""
        trained: TrainableStem = self.visual.conv1
        stem = ConvStem(self.channels, self.visual.class_embedding.shape[0], self.dilations)
        targets = [layer for layer in stem.modules() if isinstance(layer, nn.Conv2d)]
        for target, (weight, bias) in zip(targets, trained.folded(), strict=True):
            target.load_state_dict({"weight": weight, "bias": bias})
        return stem


def _scale_residuals(visual: OpenClip) -> None:
    """Start every residual branch small, as GPT-2 does, which open_clip leaves to torch's defaults."""
    blocks = visual.transformer.resblocks
    for block in blocks:
        for layer in (block.attn.out_proj, block.mlp.c_proj):
            nn.init.normal_(layer.weight, std=0.02 / math.sqrt(2 * len(blocks)))
        for weight in (block.attn.in_proj_weight, block.mlp.c_fc.weight):
            # GPT-2's 0.02 is for a width of 768; narrower layers need more for the same spread.
            nn.init.normal_(weight, std=0.02 * math.sqrt(768 / weight.shape[1]))
    nn.init.normal_(visual.positional_embedding, std=0.02)
    nn.init.normal_(visual.class_embedding, std=0.02)
