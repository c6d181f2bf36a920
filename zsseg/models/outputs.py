"""What models return: the same dataclasses of tensors for both methods, in every mode.

Dims: B batch, K classes, M regions, N = h*w patches in row-major order, D joint dimension. 2D is D in a head
without the relationship descriptor.
"""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class ImageTokens:
    """An image in CLIP's joint space of images and texts; independent of the class names.

    Attributes:
        cls_token: (B, D) unit norm.
        patch_tokens: (B, N, D) unit norm.
        region_tokens: (B, M, D) unit norm; M = 0 where the method has no regions.
        grid: rows h and columns w of the patches.
    """

    cls_token: Tensor
    patch_tokens: Tensor
    region_tokens: Tensor
    grid: tuple[int, int]


@dataclass(frozen=True)
class MaskOutput:
    """The masks of one image batch for one list of classes, at the resolution of the patches.

    Attributes:
        mask_logits: (B, K, h, w), any real; the sigmoid is the score of each class alone.
        relationship_descriptor: (B, max(M, 1) * K, 2D), region-major: row m * K + k.
        queries: (B, max(M, 1) * K, D), the last layer's input or output queries that made the masks.
        patch_features: (B, N, D), the patch features that the queries were multiplied with.
    """

    mask_logits: Tensor
    relationship_descriptor: Tensor
    queries: Tensor
    patch_features: Tensor


@dataclass(frozen=True)
class Recovery:
    """Outputs of the recovery decoder, and their targets.

    Attributes:
        queries: (B, M * K, 2D), trained to equal `target_queries`.
        patches: (B, N, D), trained to equal `target_patches`.
        target_queries: (B, M * K, 2D), the relationship descriptors; detached.
        target_patches: (B, N, D), unit norm; detached.
    """

    queries: Tensor
    patches: Tensor
    target_queries: Tensor
    target_patches: Tensor
