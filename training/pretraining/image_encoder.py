"""Train the transformer above the frozen networks by image-level labels, on cached features.

Step i is a function of (recipe, seed, i): a run that was interrupted and resumed ends with the same weights.
"""

import dataclasses
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from training.data.feature_cache import FeatureCache
from training.pretraining.alignment import AlignmentLoss, ImageLabels, saliency_loss
from training.pretraining.photos import LabelledPhoto
from training.runtime.devices import has_bf16
from training.runtime.loop import StepLoop
from training.runtime.runlog import RunLog
from zsseg.errors import UserError
from zsseg.files import atomic_path
from zsseg.layers import run_block
from zsseg.open_clip_compat import OpenClip

STATE_FILE = "state.pt"
_SAVE_SECONDS = 180.0
_LOG_EVERY = 20
_COLUMNS = ("lr", "patches", "cls", "saliency", "scale", "grad_norm", "seconds")


@dataclass(frozen=True)
class ImageRecipe:
    """Numbers of a run of the image encoder.

    Attributes:
        passes: over all cached views.
        batch: views per step.
        tokens: patches of a view that a step sees, drawn by chance: cheaper, and no view is seen twice alike.
        negatives: names drawn by chance that each step compares with, beside those of its photos and of the labelled
            sets; a softmax over all names costs as much as the transformer.
        cls_weight: of the class token's term.
        prior: how much of each name's log prior is added to the logits in training, 0..1. At 0 frequent names get high
            cosines everywhere: half of the photos of COCO show a person.
        saliency_weight: of the dense term, `alignment.saliency_loss`.
        saliency_bounds: its bounds, 0..1.
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
    lr: float = 1e-3
    warmup: int = 60
    weight_decay: float = 0.05
    clip_norm: float = 1.0
    seed: int = 0


class AlignmentRun:
    """One resumable run; its state is `state.pt`, its log `log.csv`, both in `folder`.

    Args:
        visual: the image encoder, an open_clip VisionTransformer over a `TrunkStem`; trained in place, but for the
            stem's networks and the positions, which stay zero: the networks below know where a patch lies.
        caches: features of views.
        photos: with their labels; views of other photos are left out.
        vocabulary: V names.
        text: (V, D) unit-norm vectors of the names.
        recipe: the run's numbers.
        folder: of the run.
        saliency: (F) -> (1), the logit of a patch's saliency from its features, `saliency.fit_saliency`; needed where
            the recipe weighs its term.
    """

    def __init__(
        self,
        visual: OpenClip,
        caches: Sequence[FeatureCache],
        photos: Sequence[LabelledPhoto],
        vocabulary: Sequence[str],
        text: Tensor,
        recipe: ImageRecipe,
        folder: Path,
        saliency: nn.Linear | None = None,
    ) -> None:
        self.visual, self.text, self.recipe, self.folder, self.saliency = visual, text, recipe, folder, saliency
        self.labels, self.loss = ImageLabels(photos, vocabulary), AlignmentLoss()
        index = {photo.key: i for i, photo in enumerate(photos)}
        self.items = [
            (cache, row, index[view.key])
            for cache in caches
            for row, view in enumerate(cache.views)
            if view.key in index
        ]
        if len(self.items) < recipe.batch:
            raise UserError(f"There are features of {len(self.items)} views, fewer than a batch of {recipe.batch}.")
        nn.init.zeros_(visual.positional_embedding)
        self.trained = trainable_parameters(visual)
        self.optimizer = self._build_optimizer()
        # A pass leaves out what does not fill a batch: other views each time, since every pass has a new order.
        self.step, self.steps = 0, recipe.passes * (len(self.items) // recipe.batch)
        self.autocast = has_bf16(torch.device("cpu"))
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
        # Seeds say what they decide: 0 the order of a pass, 1 everything else that a step draws.
        rng = np.random.default_rng([recipe.seed, 1, self.step])
        rows = self._rows_of_step()
        photos = [self.items[i][2] for i in rows]
        columns = self._columns(photos, rng)
        text, shares = self.text[columns], self.labels.shares(photos)[:, columns]  # (V', D), (B, V')
        candidates = self.labels.candidates(photos)[:, columns]  # (B, V')
        offset = recipe.prior * self.labels.log_prior(photos)[:, columns]
        with torch.autocast("cpu", torch.bfloat16, enabled=self.autocast):
            features = self._features(rows, rng)
            cls_token, patches = encode_features(self.visual, features)
            terms = self.loss(cls_token, patches, text, shares, candidates, offset)
            terms["saliency"] = self._dense_term(features, patches, text, shares, candidates)
        total = terms["patches"] + recipe.cls_weight * terms["cls"] + recipe.saliency_weight * terms["saliency"]
        rate = self._set_rate()
        self.optimizer.zero_grad(set_to_none=True)
        total.backward()
        norm = nn.utils.clip_grad_norm_(self.trained, recipe.clip_norm)
        self.optimizer.step()
        self.step += 1
        if self.step % _LOG_EVERY == 0 or self.step == self.steps:
            values = {name: float(term.detach()) for name, term in terms.items()}
            values |= {"scale": float(self.loss.patch_scale.detach().exp()), "lr": rate, "grad_norm": float(norm)}
            self.log.write(self.step, {**values, "seconds": time.monotonic() - began})

    def _rows_of_step(self) -> list[int]:
        """The views of this step; each pass is a new order."""
        epoch, place = divmod(self.step, len(self.items) // self.recipe.batch)
        order = np.random.default_rng([self.recipe.seed, 0, epoch]).permutation(len(self.items))
        return [int(i) for i in order[place * self.recipe.batch : (place + 1) * self.recipe.batch]]

    def _columns(self, photos: list[int], rng: np.random.Generator) -> Tensor:
        """The names of this step, ascending: its photos' own, those of the labelled sets, and some others."""
        own = self.labels.shares(photos).any(0) | self.labels.closed
        own[torch.from_numpy(rng.choice(len(own), min(self.recipe.negatives, len(own)), replace=False))] = True
        return own.nonzero()[:, 0]  # (V',)

    def _features(self, rows: list[int], rng: np.random.Generator) -> Tensor:
        """(B, tokens, F) features of some cells of each view."""
        drawn = []
        for cache, row, _ in (self.items[i] for i in rows):
            features = cache.features(row)
            cells = rng.permutation(len(features))[: self.recipe.tokens]
            drawn.append(features[cells])
        return torch.from_numpy(np.stack(drawn)).float()

    def _dense_term(
        self, features: Tensor, patches: Tensor, text: Tensor, shares: Tensor, candidates: Tensor
    ) -> Tensor:
        if self.saliency is None or not self.recipe.saliency_weight:
            # A zero, so that the log keeps its columns.
            return patches.new_zeros(())
        with torch.no_grad():
            salient = self.saliency(features).float().sigmoid()[..., 0]  # (B, tokens)
        logits = self.loss.patch_logits(patches, text)
        return saliency_loss(logits, shares, candidates, salient, self.recipe.saliency_bounds)

    def _build_optimizer(self) -> torch.optim.AdamW:
        parameters = [*self.trained, *self.loss.parameters()]
        # Norms, biases, the class token and both temperatures have at most one dimension.
        matrices = [p for p in parameters if p.ndim > 1]
        others = [p for p in parameters if p.ndim <= 1]
        groups = [
            {"params": matrices, "weight_decay": self.recipe.weight_decay},
            {"params": others, "weight_decay": 0.0},
        ]
        return torch.optim.AdamW(groups, self.recipe.lr)

    def _set_rate(self) -> float:
        recipe, share = self.recipe, self.step / self.steps
        # Step + 1, since the first step's rate would be 0.
        rate = recipe.lr * min(1.0, (self.step + 1) / recipe.warmup) * max(0.01, 0.5 * (1 + math.cos(math.pi * share)))
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        return rate

    def _save(self) -> None:
        state = {
            # The frozen networks come from their packages again, not from the state.
            "visual": {name: value for name, value in self.visual.state_dict().items() if not _is_frozen(name)},
            "loss": self.loss.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "recipe": _numbers(self.recipe),
            "views": len(self.items),
        }
        with atomic_path(self.folder / STATE_FILE) as partial:
            torch.save(state, partial)

    def _resume(self) -> None:
        path = self.folder / STATE_FILE
        if not path.exists():
            return
        state = torch.load(path, weights_only=True)
        if (state["recipe"], state["views"]) != (_numbers(self.recipe), len(self.items)):
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


def trainable_parameters(visual: OpenClip) -> list[nn.Parameter]:
    """Freeze the stem's networks and the positions; return what is trained."""
    trained = []
    for name, parameter in visual.named_parameters():
        parameter.requires_grad_(not _is_frozen(name))
        if parameter.requires_grad:
            trained.append(parameter)
    return trained


def _is_frozen(name: str) -> bool:
    # `conv1` is the stem: its networks and reductions are fixed, `mix` alone is trained.
    return name == "positional_embedding" or (name.startswith("conv1.") and not name.startswith("conv1.mix."))


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
