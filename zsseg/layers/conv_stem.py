"""A convolutional patch embedding: learns faster from few pictures than one 16 x 16 convolution."""

from collections.abc import Sequence

from torch import nn


class ConvStem(nn.Sequential):
    """Four 3 x 3 convolutions of stride 2, a ReLU after each: (B, 3, H, W) -> (B, W', H/16, W/16).

    Args:
        channels: output channels of the first three convolutions.
        width: output channels W' of the last.
    """

    def __init__(self, channels: Sequence[int], width: int) -> None:
        if len(channels) != 3:
            raise ValueError(f"a stem has three inner channel counts, not {len(channels)}")
        counts = (3, *channels, width)
        layers: list[nn.Module] = []
        for inputs, outputs in zip(counts, counts[1:], strict=False):
            layers += [nn.Conv2d(inputs, outputs, 3, stride=2, padding=1), nn.ReLU()]
        super().__init__(*layers)
