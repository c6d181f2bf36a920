"""A convolutional patch embedding: learns faster from few images than one 16 x 16 convolution."""

from collections.abc import Sequence

from torch import Tensor, nn


class ResidualConv(nn.Module):
    """ReLU(x + 3 x 3 convolution of x): mixes neighbouring patches; (B, W, h, w) -> the same.

    Args:
        width: channels W.
        dilation: how many patches away the neighbours are.
    """

    def __init__(self, width: int, dilation: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, padding=dilation, dilation=dilation)

    def forward(self, x: Tensor) -> Tensor:
        """Add a 3 x 3 convolution of each patch's neighbourhood."""
        looked: Tensor = (x + self.conv(x)).relu()
        return looked


class ConvStem(nn.Sequential):
    """3 x 3 convolutions of stride 2, a ReLU after each, and then residual ones: (B, 3, H, W) -> (B, W', H/p, W/p).

    Args:
        channels: output channels of the strided convolutions but the last; p is 2 ** (len(channels) + 1).
        width: output channels W' of the last.
        dilations: of the residual convolutions, one each.
    """

    def __init__(self, channels: Sequence[int], width: int, dilations: Sequence[int] = ()) -> None:
        counts = (3, *channels, width)
        layers: list[nn.Module] = []
        for inputs, outputs in zip(counts, counts[1:], strict=False):
            layers += [nn.Conv2d(inputs, outputs, 3, stride=2, padding=1), nn.ReLU()]
        super().__init__(*layers, *(ResidualConv(width, dilation) for dilation in dilations))
