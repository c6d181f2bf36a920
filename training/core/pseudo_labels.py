"""Labels of both settings, and pseudo-labels for unseen classes.

Inductive: the model is trained on seen classes only; all other pixels are ignored. Transductive: all class names are
known, so the model predicts all classes; pixels without a seen label get the model's own best unseen class as a
pseudo-label, recomputed at every step.
"""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from training.core.losses import IGNORE

# As in the released label tables (zegclip.py:106-121). 8-bit labels have `HIDDEN` in its place until the loss.
UNLABELLED = -1

PseudoLabelWhere = Literal["unseen_pixels", "unlabelled_pixels"]


@torch.no_grad()
def pseudo_labels(
    labels: Tensor,
    logits: Tensor,
    unseen: Sequence[int],
    where: PseudoLabelWhere = "unseen_pixels",
    threshold: float = 0.0,
) -> Tensor:
    """Label pixels without a seen label with the unseen class of the highest logit.

    Args:
        labels: (B, H, W) ids of seen classes, `UNLABELLED` or `IGNORE`.
        logits: (B, K, H, W) of all classes, at the resolution of the labels.
        unseen: ids of the unseen classes, 0..K-1.
        where: "unseen_pixels" as in the released code, which reads from the ground truth at which pixels the true
            class is unseen; "unlabelled_pixels" for every pixel without a seen label, background and void included,
            which uses no ground truth but needs a threshold.
        threshold: sigmoid, 0..1, below which a pixel gets no pseudo-label.

    Returns:
        (B, H, W) int64, 0..K-1 or `IGNORE`.
    """
    ids = torch.as_tensor(list(unseen), device=labels.device)
    score, best = logits[:, ids].max(1)  # (B, U, H, W) -> (B, H, W) each; `best` counts in `ids`
    open_pixels = labels == UNLABELLED
    if where == "unlabelled_pixels":
        open_pixels = open_pixels | (labels == IGNORE)
    # The sigmoid of the best logit is the best sigmoid, so one map is enough.
    confident = score.sigmoid() >= threshold
    # What gets no pseudo-label is void, which the mask losses count as a negative of every class.
    resolved = labels.masked_fill(labels == UNLABELLED, IGNORE)
    return torch.where(open_pixels & confident, ids[best], resolved)
