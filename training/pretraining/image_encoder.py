"""Train the image encoder by image-level labels: the transformer alone, or the networks below it as well.

Step i is a function of (recipe, seed, i): a run that was interrupted and resumed ends with the same weights.
"""

import copy
import dataclasses
import math
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from training.pretraining.alignment import AlignmentLoss, ImageLabels, NameVectors, saliency_loss, self_training_loss
from training.pretraining.photos import LabelledPhoto
from training.pretraining.view_sources import ViewFeatures, ViewSource
from training.runtime.devices import bf16_is_faster
from training.runtime.loop import StepLoop
from training.runtime.runlog import RunLog
from training.runtime.saved import read_saved
from zsseg.errors import UserError
from zsseg.files import atomic_path
from zsseg.layers import run_block
from zsseg.open_clip_compat import OpenClip

STATE_FILE = "state.pt"
_SAVE_SECONDS = 180.0
_LOG_EVERY = 20
_COLUMNS = ("lr", "patches", "cls", "saliency", "self_training", "scale", "grad_norm", "seconds")


@dataclass(frozen=True)
class ImageRecipe:
    """Numbers of a run of the image encoder.

    Attributes:
        passes: over all views.
        batch: views per step.
        tokens: patches of a view that a step sees, drawn by chance: cheaper, and no view is seen twice alike.
        negatives: names drawn by chance that each step compares with, beside those of its photos and of the labelled
            sets; a softmax over all names costs as much as the transformer.
        cls_weight: of the class token's term.
        prior: how much of each name's log prior is added to the logits in training, 0..1. At 0 frequent names get high
            cosines everywhere: half of the photos of COCO show a person.
        saliency_weight: of the dense term, `alignment.saliency_loss`.
        saliency_bounds: its bounds, 0..1.
        self_training_weight: of `alignment.self_training_loss`, in which the encoder at the start of the run is the
            teacher.
        trunk_lr: peak learning rate of the networks below, for views of a source that runs them; 0 leaves them as they
            are. Each earlier layer of the ViT learns `trunk_decay` times as fast as the one after it.
        trunk_decay: see `trunk_lr`.
        lr: peak learning rate; warmup: steps of its linear rise; it ends at a hundredth, by a cosine.
        weight_decay: AdamW's, for matrices only.
        clip_norm: largest norm of the gradient.
        seed: of everything random.
    """

    passes: int
    batch: int = 128
    tokens: int = 120
    negatives: int = 300
    cls_weight: float = 0.3
    prior: float = 0.0
    saliency_weight: float = 0.0
    saliency_bounds: tuple[float, float] = (0.2, 0.6)
    self_training_weight: float = 0.0
    trunk_lr: float = 0.0
    trunk_decay: float = 0.8
    lr: float = 1e-3
    warmup: int = 60
    weight_decay: float = 0.05
    clip_norm: float = 1.0
    seed: int = 0


class AlignmentRun:
    """One resumable run; its state is `state.pt`, its log `log.csv`, both in `folder`.

    Args:
        visual: the image encoder, an open_clip VisionTransformer over a `TrunkStem`; trained in place, but for the
            positions, which stay zero: the networks below know where a patch lies. The stem's networks are trained
            with `recipe.trunk_lr` only, and their reduction never.
        source: of the views and their features.
        photos: with their labels; the source's owners are their indices.
        vocabulary: names of all photos, and their embeddings.
        recipe: the run's numbers.
        folder: of the run.
        saliency: (F) -> (1), the logit of a patch's saliency from its features, `saliency.fit_saliency`; needed where
            the recipe weighs its term.
        begin: state of an earlier run whose weights and temperatures this one starts with; None for those of `visual`.

    Raises:
        UserError: there are too few views, or a state in `folder` or `begin` does not fit.
    """

    def __init__(
        self,
        visual: OpenClip,
        source: ViewSource,
        photos: Sequence[LabelledPhoto],
        vocabulary: NameVectors,
        recipe: ImageRecipe,
        folder: Path,
        saliency: nn.Linear | None = None,
        begin: Mapping[str, Any] | None = None,
    ) -> None:
        self.visual, self.source, self.recipe, self.folder, self.saliency = visual, source, recipe, folder, saliency
        self.device = next(visual.parameters()).device
        self.text = vocabulary.vectors.to(self.device)
        self.labels, self.loss = ImageLabels(photos, vocabulary.names), AlignmentLoss().to(self.device)
        if len(source.owners) < recipe.batch:
            raise UserError(f"There are features of {len(source.owners)} views, fewer than a batch of {recipe.batch}.")
        nn.init.zeros_(visual.positional_embedding)
        if begin is not None:
            load_trained(visual, begin["visual"])
            self.loss.load_state_dict(begin["loss"])
        # Batch norms keep the statistics of their own training: those of a step's views would be noise.
        visual.conv1.lite2.eval()
        self.trained = trainable_parameters(visual, recipe.trunk_lr > 0)
        self._dense_weights = {"saliency": recipe.saliency_weight, "self_training": recipe.self_training_weight}
        self.optimizer = self._build_optimizer()
        # A pass leaves out what does not fill a batch: other views each time, since every pass has a new order.
        self.step, self.steps = 0, recipe.passes * (len(source.owners) // recipe.batch)
        self.autocast = bf16_is_faster(self.device)
        self.teacher = _Teacher(visual, self.loss) if recipe.self_training_weight else None
        folder.mkdir(parents=True, exist_ok=True)
        # Before the log, which keeps the rows of the steps that were restored.
        self._resume()
        self.log = RunLog(folder / "log.csv", _COLUMNS, self.step)

    def train(self) -> None:
        """Run to the last step, saving the state every few minutes."""
        saved = time.monotonic()
        for _ in StepLoop(self.steps, self.step):
            self._step()
            if time.monotonic() - saved > _SAVE_SECONDS:
                self._save()
                saved = time.monotonic()
        self._save()

    def _step(self) -> None:
        began, recipe = time.monotonic(), self.recipe
        terms = self._terms()
        weights = {"patches": 1.0, "cls": recipe.cls_weight} | self._dense_weights
        total = torch.stack([weights[name] * term for name, term in terms.items()]).sum()
        rate = self._set_rate()
        self.optimizer.zero_grad(set_to_none=True)
        total.backward()  # type: ignore[no-untyped-call]
        norm = nn.utils.clip_grad_norm_(self.trained, recipe.clip_norm)
        self.optimizer.step()
        self.step += 1
        if self.step % _LOG_EVERY == 0 or self.step == self.steps:
            values = {name: float(term.detach()) for name, term in terms.items()}
            values |= {"scale": float(self.loss.patch_scale.detach().exp()), "lr": rate, "grad_norm": float(norm)}
            self.log.write(self.step, {**values, "seconds": time.monotonic() - began})

    def _terms(self) -> dict[str, Tensor]:
        """The unweighted terms of this step's loss, scalars."""
        # Seeds say what they decide: 0 the order of a pass, 1 everything else that a step draws.
        rng = np.random.default_rng([self.recipe.seed, 1, self.step])
        rows = self._rows_of_step()
        photos = [self.source.owners[i] for i in rows]
        columns = self._columns(photos, rng)
        text = self.text[columns.to(self.device)]  # (V', D)
        shares = self.labels.shares(photos)[:, columns].to(self.device)  # (B, V')
        candidates = self.labels.candidates(photos)[:, columns].to(self.device)  # (B, V')
        offset = (self.recipe.prior * self.labels.log_prior(photos)[:, columns]).to(self.device)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.autocast):
            features = self.source.features(rows, rng)
            cls_token, patches = encode_features(self.visual, features.trained)
            terms: dict[str, Tensor] = self.loss(cls_token, patches, text, shares, candidates, offset)
            return terms | self._dense_terms(features, patches, text, shares, candidates)

    def _rows_of_step(self) -> list[int]:
        """The views of this step; each pass is a new order."""
        epoch, place = divmod(self.step, len(self.source.owners) // self.recipe.batch)
        order = np.random.default_rng([self.recipe.seed, 0, epoch]).permutation(len(self.source.owners))
        return [int(i) for i in order[place * self.recipe.batch : (place + 1) * self.recipe.batch]]

    def _columns(self, photos: list[int], rng: np.random.Generator) -> Tensor:
        """The names of this step, ascending: its photos' own, those of the labelled sets, and some others."""
        own = self.labels.shares(photos).any(0) | self.labels.closed
        own[torch.from_numpy(rng.choice(len(own), min(self.recipe.negatives, len(own)), replace=False))] = True
        return own.nonzero()[:, 0]  # (V',)

    def _dense_terms(
        self, features: ViewFeatures, patches: Tensor, text: Tensor, shares: Tensor, candidates: Tensor
    ) -> dict[str, Tensor]:
        # Zeros, so that the log keeps its columns.
        terms = dict.fromkeys(self._dense_weights, patches.new_zeros(()))
        logits = self.loss.patch_logits(patches, text) if self.saliency or self.teacher else None
        if self.saliency is not None and logits is not None and self.recipe.saliency_weight:
            with torch.no_grad():
                salient = self.saliency(features.frozen).float().sigmoid()[..., 0]  # (B, N)
            terms["saliency"] = saliency_loss(logits, shares, candidates, salient, self.recipe.saliency_bounds)
        if self.teacher is not None and logits is not None:
            terms["self_training"] = self_training_loss(logits, self.teacher(features.frozen, text), shares, candidates)
        return terms

    def _build_optimizer(self) -> torch.optim.AdamW:
        recipe = self.recipe
        groups: dict[tuple[float, bool], list[nn.Parameter]] = {}
        for name, parameter in self.visual.named_parameters():
            if parameter.requires_grad:
                rate = _trunk_rate(name, recipe) if _is_trunk(name) else recipe.lr
                # Norms, biases, the class token and both temperatures have at most one dimension.
                groups.setdefault((rate, parameter.ndim > 1), []).append(parameter)
        groups.setdefault((recipe.lr, False), []).extend(self.loss.parameters())
        return torch.optim.AdamW(
            [
                {"params": group, "peak": rate, "lr": rate, "weight_decay": recipe.weight_decay if decays else 0.0}
                for (rate, decays), group in groups.items()
            ]
        )

    def _set_rate(self) -> float:
        recipe, share = self.recipe, self.step / self.steps
        # Step + 1, since the first step's rate would be 0.
        factor = min(1.0, (self.step + 1) / recipe.warmup) * max(0.01, 0.5 * (1 + math.cos(math.pi * share)))
        for group in self.optimizer.param_groups:
            group["lr"] = factor * group["peak"]
        return factor * recipe.lr

    def _save(self) -> None:
        state = {
            # Networks that are not trained come from their packages again, not from the state.
            "visual": {
                name: value
                for name, value in self.visual.state_dict().items()
                if not _is_frozen(name, self.recipe.trunk_lr > 0)
            },
            "loss": self.loss.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "recipe": _numbers(self.recipe),
            "views": len(self.source.owners),
        }
        with atomic_path(self.folder / STATE_FILE) as partial:
            torch.save(state, partial)

    def _resume(self) -> None:
        path = self.folder / STATE_FILE
        if not path.exists():
            return
        state = read_saved(path, ("recipe", "views", "visual", "loss", "optimizer", "step"), self.device)
        if (state["recipe"], state["views"]) != (_numbers(self.recipe), len(self.source.owners)):
            raise UserError(f"{path} is of another recipe or other photos: delete it, or choose another --runs.")
        load_trained(self.visual, state["visual"])
        self.loss.load_state_dict(state["loss"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step = state["step"]


def _numbers(recipe: ImageRecipe) -> dict[str, object]:
    return dataclasses.asdict(recipe) | {"saliency_bounds": list(recipe.saliency_bounds)}


def encode_features(visual: OpenClip, features: Tensor) -> tuple[Tensor, Tensor]:
    """Class token (B, D) and patch tokens (B, N, D), unit norm, of trunk features (B, N, F) in any order."""
    # No positions are added: the features carry them, so any subset of cells will do, in any order.
    patches = visual.conv1.mix(features)
    cls_token = visual.class_embedding.expand(len(patches), 1, -1).to(patches.dtype)  # (B, 1, W)
    tokens = visual.ln_pre(torch.cat([cls_token, patches], 1))  # (B, 1 + N, W)
    for block in visual.transformer.resblocks:
        tokens = run_block(block, tokens)
    joint = F.normalize((visual.ln_post(tokens) @ visual.proj).float(), dim=-1)  # (B, 1 + N, D)
    return joint[:, 0], joint[:, 1:]


class _Teacher:
    """The encoder at the start of self-training, whose scores of a view's patches become labels."""

    def __init__(self, visual: OpenClip, loss: AlignmentLoss) -> None:
        self._visual, self._loss = copy.deepcopy(visual).eval(), copy.deepcopy(loss)

    @torch.no_grad()
    def __call__(self, features: Tensor, text: Tensor) -> Tensor:
        """Scaled cosines (B, N, V) of patches and names, from features (B, N, F)."""
        return self._loss.patch_logits(encode_features(self._visual, features)[1], text)


def trainable_parameters(visual: OpenClip, trunks: bool = False) -> list[nn.Parameter]:
    """Freeze the positions, the reductions and, unless `trunks`, the stem's networks; return what is trained."""
    trained = []
    for name, parameter in visual.named_parameters():
        parameter.requires_grad_(not _is_frozen(name, trunks))
        if parameter.requires_grad:
            trained.append(parameter)
    return trained


def _is_trunk(name: str) -> bool:
    return name.startswith(("conv1.lite2.", "conv1.vit."))


def _is_frozen(name: str, trunks: bool) -> bool:
    # `conv1` is the stem: its reductions are fixed, its networks only trained if asked, `mix` always.
    if _is_trunk(name):
        return not trunks
    return name == "positional_embedding" or (name.startswith("conv1.") and not name.startswith("conv1.mix."))


def _trunk_rate(name: str, recipe: ImageRecipe) -> float:
    """The peak learning rate of a parameter of the networks below."""
    block = re.match(r"conv1\.vit\.blocks\.(\d+)\.", name)
    if block:
        return recipe.trunk_lr * recipe.trunk_decay ** (11 - int(block[1]))
    # The embedding lies below all twelve blocks. The last norm has no part in the decay, as little as Lite2.
    return recipe.trunk_lr * (recipe.trunk_decay**12 if name.startswith("conv1.vit.p") else 1.0)


def load_trained(visual: OpenClip, state: dict[str, Tensor]) -> None:
    """Load what a run trained; the frozen rest stays.

    Raises:
        UserError: the state is of an encoder of another shape.
    """
    try:
        # Completed to a whole state dict, so that loading can be strict.
        visual.load_state_dict({**visual.state_dict(), **state})
    except RuntimeError as error:
        raise UserError(f"The saved image encoder has another shape: {str(error).splitlines()[-1].strip()}") from error
