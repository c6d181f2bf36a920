"""The training objective: one forward pass of either method and its weighted losses, as one module.

A module, so that several devices can share it through DistributedDataParallel; the models stay free of losses.
"""

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn

from training.core.losses import IGNORE, LossWeights, count_labelled, count_pairs, nel_loss, recovery_loss, softmax_loss
from training.core.pseudo_labels import UNLABELLED, pseudo_labels
from training.data.labels import HIDDEN
from training.recipes import Recipe
from zsseg.models import ImageTokens, MaskOutput, SegmentationModel, plain_tokens

# Its sigmoid is 0 in fp32: a pixel left out adds nothing to any term, and has no gradient.
_LEFT_OUT = -80.0


class Objective(nn.Module):
    """Weighted losses of a batch.

    Args:
        model: the head over its frozen backbone.
        recipe: kind of loss, weights, recovery target, pseudo-labels, stride of the loss.
        autocast: run the network (not the losses) in bf16.
    """

    def __init__(self, model: SegmentationModel, recipe: Recipe, autocast: bool) -> None:
        super().__init__()
        self.model, self.recipe, self.autocast = model, recipe, autocast
        self.weights = LossWeights(recipe.focal, recipe.dice, recipe.recovery)

    def forward(
        self,
        inputs: Tensor,
        labels: Tensor,
        text: Tensor,
        seen: int,
        void_ignored: bool,
        divisor: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """Compute the losses of one batch, or of a part of one.

        Args:
            inputs: (B, 3, S, S) normalised pixels; with `recipe.views` the cached features (B, F, h, w) of the
                backbone's frozen networks.
            labels: (B, S, S) uint8: index among the seen names, `HIDDEN` or `VOID`.
            text: (K, D); names after the first `seen` have no labels: they are asked in self-training only.
            seen: how many of the names have labels.
            void_ignored: leave unlabelled pixels out instead of making them negatives of every name.
            divisor: of the mask losses, from `count`; by default that of these photos. With that of a whole batch, the
                mask losses of its parts add up to those of the batch.

        Returns:
            Weighted scalars: "focal" and "dice", or "cross_entropy" where the recipe's loss is the softmax's, and
            "recovery" with a recovery decoder. The total is their sum.
        """
        with torch.autocast(inputs.device.type, torch.bfloat16, enabled=self.autocast):
            patches = self._patches(inputs)
            image = self.model.encode_patches(patches)
            output = self.model.decode(image, text)
            recovery = self._recovery(patches, image, output)
        # Outside autocast: everything from the logits on is fp32.
        logits, targets = self._at_labels(output, labels, seen)
        return {**self._mask(logits, targets, void_ignored, divisor), **recovery}

    @torch.no_grad()
    def count(self, inputs: Tensor, labels: Tensor, text: Tensor, seen: int) -> Tensor:
        """The divisor of the mask losses of these photos alone, a scalar; see `forward`.

        In self-training the labels depend on what the model predicts, so the network runs: with the same random state
        it predicts the same in `forward`.
        """
        # Without unseen names the labels alone decide the count: no pass through the network.
        if len(text) == seen:
            targets = self._strided(labels)
            # As in `_targets`: a hidden pixel is void while no unseen name is asked.
            return self._count(targets.masked_fill(targets == HIDDEN, IGNORE), seen)
        with torch.autocast(inputs.device.type, torch.bfloat16, enabled=self.autocast):
            output = self.model.decode(self.model.encode_patches(self._patches(inputs)), text)
        return self._count(self._at_labels(output, labels, seen)[1], len(text))

    def _count(self, targets: Tensor, classes: int) -> Tensor:
        softmax = self.recipe.mask_loss == "softmax"
        return (count_labelled(targets) if softmax else count_pairs(targets, classes)).float()

    def _strided(self, labels: Tensor) -> Tensor:
        # Half a stride in: samples lie at the centres of cells, as the values of `F.interpolate` do.
        half, stride = self.recipe.loss_stride // 2, self.recipe.loss_stride
        return labels[:, half::stride, half::stride].long()  # (B, S / stride, S / stride)

    def _at_labels(self, output: MaskOutput, labels: Tensor, seen: int) -> tuple[Tensor, Tensor]:
        """Logits (B, K, H, W) at the resolution of the labels, and the labels (B, H, W) as the losses take them."""
        targets = self._strided(labels)
        # (B, K, h, w) -> (B, K, H, W); the released heads upsample before their losses too (decode_seg.py:285-287).
        logits = F.interpolate(output.mask_logits.float(), targets.shape[-2:], mode="bilinear")
        return logits, self._targets(targets, logits, seen)

    @torch.no_grad()
    def _patches(self, inputs: Tensor) -> Tensor:
        """Patch embeddings (B, W, h, w), which no parameter of the head has a part in."""
        backbone = self.model.backbone
        if self.recipe.views is None:
            return backbone.embed_patches(inputs)
        # The cache ends before the stem's mixing layer, which is all that is left to do.
        embedded: Tensor = backbone.visual.conv1.embed(inputs)
        return embedded

    def _mask(self, logits: Tensor, targets: Tensor, void_ignored: bool, divisor: Tensor | None) -> dict[str, Tensor]:
        """The mask loss that the recipe names, of logits (B, K, H, W) and targets (B, H, W)."""
        if divisor is None:
            divisor = mean_over_devices(self._count(targets, logits.shape[1]))
        if self.recipe.mask_loss == "softmax":
            return {"cross_entropy": softmax_loss(logits, targets, divisor)}
        if void_ignored:
            # (B, 1, H, W) over (B, K, H, W): the pixel is left out for every class.
            logits = logits.masked_fill((targets == IGNORE)[:, None], _LEFT_OUT)
        mask = nel_loss(logits, targets, divisor)
        return {"focal": self.weights.focal * mask.focal, "dice": self.weights.dice * mask.dice}

    def _targets(self, labels: Tensor, logits: Tensor, seen: int) -> Tensor:
        """Labels as the losses take them; in self-training the model's predictions replace the missing ones."""
        if logits.shape[1] == seen:
            return labels.masked_fill(labels == HIDDEN, IGNORE)
        recipe, unseen = self.recipe, range(seen, logits.shape[1])
        # Hidden pixels are open to pseudo-labels; void stays void unless the recipe opens it too.
        open_labels = labels.masked_fill(labels == HIDDEN, UNLABELLED)
        return pseudo_labels(open_labels, logits, unseen, recipe.pseudo_label_where, recipe.pseudo_label_threshold)

    def _recovery(self, patches: Tensor, image: ImageTokens, output: MaskOutput) -> dict[str, Tensor]:
        if not self.model.has_recovery or self.weights.recovery == 0:
            return {}
        target = None
        # The paper's target: tokens of the encoder without prompts. As released, it would be those of this pass.
        if self.recipe.recovery_target == "clip":
            with torch.no_grad():
                target = plain_tokens(self.model.backbone.visual, patches).patch_tokens
        loss = recovery_loss(self.model.recover(image, output, target))
        return {"recovery": loss.weighted(self.weights)}


def mean_over_devices(count: Tensor) -> Tensor:
    """The mean of a scalar over all devices; every device must call it."""
    if dist.is_initialized():
        # In place: `count` has to be a tensor that the caller does not use again.
        dist.all_reduce(count)
        count = count / dist.get_world_size()
    return count
