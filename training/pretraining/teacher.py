"""The teacher: an ImageNet MobileNetV2 read at every position of a photo.

A training aid only: no part of it is shipped. The weights come as an npz of folded convolutions
(`shared/data/teacher/README.md` has the layout, TensorFlow's asymmetric padding included).
"""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

# (expansion, output channels, blocks, stride of the first block), Sandler et al. 2018, table 2.
_STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


class _Conv(nn.Conv2d):
    """A convolution with TensorFlow's SAME padding, followed by ReLU6 unless `linear`."""

    def __init__(
        self, cin: int, cout: int, kernel: int, *, stride: int = 1, dilation: int = 1, groups: int = 1, linear: bool
    ) -> None:
        total = dilation * (kernel - 1)
        super().__init__(cin, cout, kernel, stride, total // 2 if stride == 1 else 0, dilation, groups)
        self.linear = linear

    def forward(self, x: Tensor) -> Tensor:
        if self.stride[0] == 2:
            x = F.pad(x, (0, 1, 0, 1))  # on even inputs nothing at the top and left
        y: Tensor = super().forward(x)
        return y if self.linear else F.relu6(y, inplace=True)


class _Block(nn.Module):
    def __init__(self, cin: int, cout: int, expansion: int, stride: int, dilation: int) -> None:
        super().__init__()
        width = cin * expansion
        expand = [_Conv(cin, width, 1, linear=False)] if expansion > 1 else []
        depthwise = _Conv(width, width, 3, stride=stride, dilation=dilation, groups=width, linear=False)
        self.conv = nn.Sequential(*expand, depthwise, _Conv(width, cout, 1, linear=True))
        self.skip = stride == 1 and cin == cout

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.conv(x)
        return x + y if self.skip else y


class Teacher(nn.Module):
    """MobileNetV2 1.0 with its last stage dilated, so that features come at stride 16.

    Args:
        weights: path of `mobilenet_v2_imagenet.npz`.
    """

    def __init__(self, weights: Path) -> None:
        super().__init__()
        layers: list[nn.Module] = [_Conv(3, 32, 3, stride=2, linear=False)]
        cin = 32
        for stage, (expansion, cout, blocks, stride) in enumerate(_STAGES):
            for index in range(blocks):
                dilated = stage == 5 and index > 0 or stage == 6
                step = stride if index == 0 and stage != 5 else 1
                layers.append(_Block(cin, cout, expansion, step, dilation=2 if dilated else 1))
                cin = cout
        layers.append(_Conv(320, 1280, 1, linear=False))
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Linear(1280, 1000)
        self._load(weights)
        self.eval().requires_grad_(False)

    def _load(self, weights: Path) -> None:
        with np.load(weights) as arrays:
            tensors = [torch.from_numpy(arrays[name].astype(np.float32)) for name in _names(arrays.files)]
        own = list(self.state_dict().values())
        for target, source in zip(own, tensors, strict=True):
            target.copy_(source)

    def forward(self, photos: Tensor) -> Tensor:
        """(B, 3, H, W) RGB in 0..255 -> features (B, 1280, H/16, W/16), non-negative."""
        features: Tensor = self.features(photos / 127.5 - 1)
        return features


def _names(files: list[str]) -> list[str]:
    """Order the npz entries as the network's own state dict: by feature index, depth in the block, weight first."""

    def key(name: str) -> tuple[int, list[int], int]:
        numbers = [int(part) for part in name.split(".") if part.isdigit()]
        return (name.startswith("classifier"), numbers, name.endswith("bias"))

    return sorted(files, key=key)
