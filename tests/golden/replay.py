"""Everything the golden numbers compare, taken out of our models on the way."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from unittest.mock import patch

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.core.losses import IGNORE, LossWeights, nel_loss, recovery_loss
from zsseg.layers import run_block
from zsseg.models import ClipRC, SegmentationModel, ZegCLIP, build_model, prompted_vit
from zsseg.weights.released.official import ConvertedOfficial
from zsseg.weights.released.official_names import head_name

Arrays = dict[str, Tensor]


@dataclass
class Recorder:
    """Outputs of modules, by the golden name."""

    arrays: Arrays = field(default_factory=dict)

    def out(self, name: str) -> Callable[..., None]:
        def keep(_module: nn.Module, _inputs: object, output: Tensor) -> None:
            self.arrays[name] = output.detach()

        return keep

    def into(self, name: str) -> Callable[..., None]:
        def keep(_module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            self.arrays[name] = inputs[0].detach()

        return keep


@contextmanager
def recording(model: SegmentationModel) -> Iterator[Recorder]:
    """Record tokens, queries and patches of every forward within."""
    recorder, handles = Recorder(), []
    blocks = model.backbone.visual.transformer.resblocks

    def recorded(block: nn.Module, tokens: Tensor, mask: Tensor | None = None) -> Tensor:
        index = next(i for i, other in enumerate(blocks) if other is block)
        updated = run_block(block, tokens, mask)
        if index in (0, 5, 11):
            recorder.arrays[f"tokens_block{index}_in"] = tokens.detach()
            recorder.arrays[f"tokens_block{index}_out"] = updated.detach()
        return updated

    handles.append(model.get_submodule("descriptor").register_forward_hook(recorder.out("query_0")))
    stacks = {"query": model.blocks} if isinstance(model, ZegCLIP) else {}
    if isinstance(model, ClipRC):
        stacks = {"query": model.query_blocks, "patch": model.patch_blocks}
        handles.append(model.patch_projection.register_forward_pre_hook(recorder.into("patch_concat")))
        handles.append(model.patch_projection.register_forward_hook(recorder.out("patch_0")))
    for side, stack in stacks.items():
        handles += [block.register_forward_hook(recorder.out(f"{side}_{i}")) for i, block in enumerate(stack, start=1)]
    try:
        # The tower's blocks run through this function, not as modules, so that hooks would see nothing.
        with patch.object(prompted_vit, "run_block", recorded):
            yield recorder
    finally:
        for handle in handles:
            handle.remove()


@torch.inference_mode()
def evaluate(model: SegmentationModel, pixels: Tensor, text: Tensor) -> Arrays:
    """One forward in evaluation mode; arrays as golden/README.md section 3 names them, complete in every axis."""
    with recording(model) as recorder:
        image = model.encode_image(pixels)
        output = model.decode(image, text)
    arrays = recorder.arrays
    last = arrays["tokens_block11_out"]
    plain = last.shape[1] - model.config.regions
    arrays["tokens_ln_post_in"] = torch.cat([model.encoder.norm(last[:, :plain]), last[:, plain:]], 1)
    arrays["cls_token"] = image.cls_token
    arrays["patch_features"] = image.patch_tokens.transpose(1, 2).reshape(1, -1, *image.grid)
    arrays["descriptor"] = output.relationship_descriptor
    arrays["mask_logits"] = output.mask_logits
    if isinstance(model, ClipRC):
        side = round(model.config.regions**0.5)
        arrays["region_features"] = image.region_tokens.transpose(1, 2).reshape(1, -1, side, side)
        arrays["region_logits"] = model.region_logits(output).flatten(1, 2)
    elif isinstance(model, ZegCLIP):
        arrays["layer_logits"] = _layer_logits(model, arrays, image.patch_tokens, image.grid)
    return arrays


def _layer_logits(model: ZegCLIP, arrays: Arrays, patches: Tensor, grid: tuple[int, int]) -> Tensor:
    maps = [block.attention.scores(arrays[f"query_{i}"], patches) for i, block in enumerate(model.blocks)]
    stacked = torch.stack([*maps, arrays["mask_logits"].flatten(2)])  # (layers, 1, K, N)
    return stacked.reshape(*stacked.shape[:3], *grid)


def calibrated_scores(mask_logits: Tensor, seen: Tensor, side: int = 512) -> tuple[Tensor, Tensor]:
    """Sigmoid of the upsampled logits (1, K, 512, 512), and the same minus 0.1 on seen classes (K,)."""
    scores = F.interpolate(mask_logits, (side, side), mode="bilinear", align_corners=False).sigmoid()
    return scores, scores - 0.1 * seen[:, None, None]


@dataclass(frozen=True)
class TrainStep:
    """Losses, gradient norms by our names, and the arrays of golden/README.md section 5."""

    losses: dict[str, float]
    gradients: dict[str, Tensor]
    arrays: Arrays


def without_dropout(model: SegmentationModel) -> SegmentationModel:
    """The same weights, in training mode, with every dropout off."""
    twin = build_model(replace(model.config, dropout=0.0), model.backbone)
    twin.load_state_dict(model.state_dict())
    return twin.train()


def train_step(
    model: SegmentationModel, pixels: Tensor, text: Tensor, labels: Tensor, weights: LossWeights
) -> TrainStep:
    """Forward and backward."""
    image = model.encode_image(pixels)
    output = model.decode(image, text)
    logits = F.interpolate(output.mask_logits, labels.shape[-2:], mode="bilinear", align_corners=False)
    mask = nel_loss(logits, labels)
    losses = {"loss_mask": weights.focal * mask.focal, "loss_dice": weights.dice * mask.dice}
    arrays = {"mask_logits": output.mask_logits.detach(), "cls_token": image.cls_token.detach()}
    if isinstance(model, ClipRC):
        recovery = model.recover(image, output)
        terms = recovery_loss(recovery)
        losses["recovery_loss_q"] = weights.recovery * terms.queries
        losses["recovery_loss_k"] = weights.recovery * terms.patches
        arrays |= {
            "recovery_query_in": output.queries.detach(),
            "recovery_patch_in": output.patch_features.detach(),
            "recovery_query_out": recovery.queries.detach(),
            "recovery_patch_out": recovery.patches.detach(),
            "target_query": recovery.target_queries,
            "target_patch": recovery.target_patches,
        }
    torch.stack(list(losses.values())).sum().backward()
    gradients = {name: p.grad for name, p in model.named_parameters() if p.grad is not None}
    values = {name: float(value.detach()) for name, value in losses.items()}
    valid = labels != IGNORE
    correct = (logits.detach().argmax(1) == labels) & valid
    values["acc_seg"] = 100 * float(correct.sum() / valid.sum())
    return TrainStep(values, gradients, arrays)


def official_gradient(name: str, step: TrainStep, converted: ConvertedOfficial) -> Tensor | None:
    """The gradient that belongs to an official name; None where ours has no such parameter."""
    if name == "backbone.prompt_embeddings":
        return step.gradients["encoder.prompts.embeddings"][:1]
    if name == "backbone.deep_prompt_embeddings":
        return step.gradients["encoder.prompts.embeddings"][1:]
    scores_layer = converted.config.decoder_layers - 1 if converted.config.method == "zegclip" else None
    return step.gradients.get(head_name(name, scores_layer) or "")
