"""A patch embedding made of two pretrained networks that see the photo on one grid."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from zsseg.layers.block_runner import block_function
from zsseg.layers.grid import resize_positions
from zsseg.layers.imagenet import MEAN, STD
from zsseg.open_clip_compat import OpenClip, import_timm

PATCH = 16  # pixels of the input to a cell of the grid
_VIT_PATCH = 14
_LITE2_CHANNELS, _VIT_CHANNELS = 1280, 384


class TrunkStem(nn.Module):
    """EfficientNet-Lite2 and a DINOv2 ViT-S/14 as the patch embedding of a vision transformer.

    The convolutional network knows classes, the transformer knows shapes and parts. No head changes them. Fixed linear
    maps (principal components) reduce their features, and one layer mixes them to the width of the transformer above.
    Both networks see the photo once, whatever number of heads reads the result.

    Sources: timm's `tf_efficientnet_lite2` with output stride 16, and `vit_small_patch14_dinov2`, whose positions are
    resampled bicubically without antialiasing, as Hugging Face's DINOv2 does.

    Args:
        width: channels W of the transformer above.
        lite2_features: channels kept of Lite2's last map, at most 1280.
        vit_features: channels kept of each of `vit_layers`, at most 384 each.
        vit_layers: layers of the ViT that are read, counted from 1, ascending; each passes its last norm.
    """

    def __init__(self, width: int, lite2_features: int, vit_features: Sequence[int], vit_layers: Sequence[int]) -> None:
        super().__init__()
        timm = import_timm()
        self.vit_layers = tuple(vit_layers)
        self.lite2 = timm.create_model("tf_efficientnet_lite2", output_stride=PATCH, num_classes=0, global_pool="")
        self.vit = timm.create_model("vit_small_patch14_dinov2", num_classes=0, dynamic_img_size=True)
        self.reduce_lite2 = nn.Linear(_LITE2_CHANNELS, lite2_features)
        self.reduce_vit = nn.ModuleList(nn.Linear(_VIT_CHANNELS, kept) for kept in vit_features)
        self.features = lite2_features + sum(vit_features)
        self.mix = nn.Linear(self.features, width)
        self.register_buffer("mean", torch.tensor(MEAN).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(STD).view(3, 1, 1), persistent=False)

    def forward(self, pixels: Tensor) -> Tensor:
        """Embed pixels (B, 3, 16h, 16w), normalised by ImageNet's statistics: (B, W, h, w)."""
        return self.embed(self.trunk_features(pixels))

    def embed(self, features: Tensor) -> Tensor:
        """Mix trunk features (B, F, h, w) to the width of the transformer above: (B, W, h, w)."""
        mixed: Tensor = self.mix(features.movedim(1, -1)).movedim(-1, 1)
        return mixed

    def trunk_features(self, pixels: Tensor) -> Tensor:
        """The reduced features of both frozen networks, (B, F, h, w): all that training needs to keep of a photo."""
        rows, cols = pixels.shape[-2] // PATCH, pixels.shape[-1] // PATCH
        lite2, *vit = self.trunk_maps(pixels)
        reduced = [self.reduce_lite2(lite2)]
        reduced += [reduce(tokens) for reduce, tokens in zip(self.reduce_vit, vit, strict=True)]
        return torch.cat(reduced, -1).transpose(1, 2).reshape(len(pixels), -1, rows, cols)  # (B, F, h, w)

    def trunk_maps(self, pixels: Tensor) -> list[Tensor]:
        """What each network says of each cell: Lite2's last map (B, h*w, 1280), then the ViT's layers (B, h*w, 384)."""
        rows, cols = pixels.shape[-2] // PATCH, pixels.shape[-1] // PATCH
        lite2 = self._lite2_map(pixels).flatten(2).transpose(1, 2)  # (B, h*w, 1280)
        # 14 pixels for each 16: the ViT's patches then lie on the cells of the other network's grid.
        smaller = F.interpolate(pixels, (rows * _VIT_PATCH, cols * _VIT_PATCH), mode="bicubic", antialias=True)
        return [lite2, *vit_layer_tokens(self.vit, smaller, self.vit_layers)]

    def _lite2_map(self, pixels: Tensor) -> Tensor:
        # TensorFlow's EfficientNets take -1..1.
        rgb = pixels * self.get_buffer("std") + self.get_buffer("mean")
        features: Tensor = self.lite2.forward_features(2 * rgb - 1)  # (B, 1280, h, w)
        return features


def vit_layer_tokens(vit: OpenClip, pixels: Tensor, layers: Sequence[int]) -> list[Tensor]:
    """Patch tokens (B, h*w, C) of some layers of timm's DINOv2, each through its last norm.

    timm resamples positions with antialiasing; the published model does not, and its weights were trained that way.

    Args:
        vit: a timm VisionTransformer with `dynamic_img_size`.
        pixels: (B, 3, 14h, 14w) normalised.
        layers: counted from 1, ascending; those after the last of them are not run.
    """
    patches = vit.patch_embed(pixels)  # (B, h, w, C)
    source, grid = tuple(vit.patch_embed.grid_size), tuple(patches.shape[1:3])
    positions = resize_positions(vit.pos_embed[0], source, grid, "bicubic")
    cls_token = vit.cls_token.expand(len(pixels), -1, -1)
    tokens, read = torch.cat([cls_token, patches.flatten(1, 2)], 1) + positions, []  # (B, 1 + h*w, C)
    # Blocks after the last layer that is read would change nothing, so they are cut off.
    for number, block in enumerate(vit.blocks[: layers[-1]], 1):
        tokens = _run_vit_block(block, tokens)
        if number in layers:
            read.append(vit.norm(tokens)[:, 1:])
    return read


@block_function
def _run_vit_block(block: OpenClip, tokens: Tensor) -> Tensor:
    updated: Tensor = block(tokens)
    return updated
