"""Teach the image tower: the teacher's features and concepts at every cell, and the names said of whole photos."""

import math
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from tqdm import tqdm

from training.pretraining.crops import CropBatch, CropSampler
from training.pretraining.label_teacher import LabelTeacher
from training.pretraining.photos import PretrainingPhoto
from training.pretraining.student import Student
from training.pretraining.text_targets import TextTargets
from training.runtime.devices import has_bf16
from training.runtime.runlog import append_row


@dataclass(frozen=True)
class Stage:
    """A share of the run at one crop size.

    Attributes:
        size: crop side in pixels.
        batch: crops a step.
        until: share of the time budget, 0..1, at which the stage ends.
    """

    size: int
    batch: int
    until: float


@dataclass(frozen=True)
class ImageRecipe:
    """Numbers of an image-tower run.

    Attributes:
        stages: crop sizes, in order.
        minutes: the time budget that the learning rate follows.
        lr: peak learning rate, of AdamW and, scaled to it, of Muon.
        weight_decay: of matrices.
        warmup: share of the budget.
        min_area: smallest share of a photo that a crop covers.
        name_temperature: of every softmax over names.
        name_weight: of the names said of whole photos, among all names.
        label_weight: of the names at places, as the teacher's features tell them, among a set's names.
        labelled_share: of the crops that come from photos of which a labelled set's names are said.
        ema: decay of the averaged weights.
        save_every: seconds.
        seed: of the crops.
    """

    stages: tuple[Stage, ...]
    minutes: float
    lr: float = 1e-3
    weight_decay: float = 0.05
    warmup: float = 0.02
    min_area: float = 0.2
    name_temperature: float = 0.07
    name_weight: float = 0.1
    label_weight: float = 1.0
    labelled_share: float = 0.5
    ema: float = 0.99
    save_every: float = 180.0
    seed: int = 0


class NameTable:
    """Which names are said of each photo, as rows of the candidate vectors.

    Args:
        photos: the pre-training set.
        targets: where each name lies.
    """

    def __init__(self, photos: Sequence[PretrainingPhoto], targets: TextTargets) -> None:
        row = targets.index()
        groups = [[n for n in (_clean(name) for name in photo.names) if n in row] for photo in photos]
        # WordNet lists a class's lemmas: its first known name stands for it. A photo's tags each count.
        labelled = [not photo.key.startswith("pretrain/") or photo.key.startswith("pretrain/ccp") for photo in photos]
        groups = [group if is_labelled else group[:1] for group, is_labelled in zip(groups, labelled, strict=True)]
        candidates = sorted({name for group in groups for name in group})
        column = {name: index for index, name in enumerate(candidates)}
        self.vectors = torch.from_numpy(targets.vectors[[row[name] for name in candidates]])
        self.columns = [[column[name] for name in group] for group in groups]

    def loss(self, tokens: Tensor, photo: Tensor, temperature: float) -> Tensor:
        """Cross-entropy of unit vectors (B, D) against their photos' names, among all candidate names."""
        logits = tokens @ self.vectors.T / temperature
        truth = torch.zeros_like(logits)
        for index, row in enumerate(photo.tolist()):
            truth[index, self.columns[row]] = 1 / max(len(self.columns[row]), 1)
        named = truth.sum(1)
        return -(truth * logits.log_softmax(1)).sum() / named.sum().clamp(min=1)


def _clean(name: str) -> str:
    return " ".join(name.lower().replace("_", " ").split())


def losses(
    student: Student, batch: CropBatch, names: NameTable, label_teacher: LabelTeacher, recipe: ImageRecipe
) -> dict[str, Tensor]:
    """Return the five terms of the loss, each a scalar, weighted where the recipe has a weight."""
    with torch.autocast("cpu", torch.bfloat16, enabled=has_bf16(torch.device("cpu"))):
        joint, predicted = student(batch.pixels)
    joint = F.normalize(joint.float(), dim=-1)
    cls_token, patches = joint[:, 0], joint[:, 1:]
    concepts = batch.concepts.flatten(1, 2)  # (B, N, D)
    sure = concepts.norm(dim=-1)
    dense = ((1 - F.cosine_similarity(patches, concepts, dim=-1, eps=1e-4)) * sure).sum() / sure.sum()
    whole = 1 - F.cosine_similarity(cls_token, concepts.mean(1), dim=-1, eps=1e-4).mean()
    pooled = F.normalize(patches.mean(1), dim=-1)
    image_level = sum(names.loss(vector, batch.photo, recipe.name_temperature) for vector in (cls_token, pooled))
    features = batch.features.flatten(1, 2)  # (B, N, F)
    return {
        "features": F.mse_loss(predicted.float(), features),
        "dense": dense,
        "whole": whole,
        "names": recipe.name_weight * torch.as_tensor(image_level),
        "labels": recipe.label_weight * label_teacher.loss(patches, features, batch.photo, recipe.name_temperature),
    }


def learning_rate(progress: float, recipe: ImageRecipe) -> float:
    """Linear warm-up, then half a cosine to 1 % of the peak; `progress` is the used share of the budget."""
    if progress < recipe.warmup:
        return recipe.lr * progress / recipe.warmup
    along = (progress - recipe.warmup) / (1 - recipe.warmup)
    return recipe.lr * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(along, 1))))


def build_optimizers(student: Student, recipe: ImageRecipe) -> tuple[torch.optim.Optimizer, torch.optim.Optimizer]:
    """Muon for the matrices of the blocks, AdamW for everything else, at rates that mean the same."""
    matrices = [p for p in student.visual.transformer.parameters() if p.ndim == 2]
    taken = {id(p) for p in matrices}
    others = [p for p in student.parameters() if id(p) not in taken]
    groups = [
        {"params": [p for p in others if p.ndim > 1], "weight_decay": recipe.weight_decay},
        {"params": [p for p in others if p.ndim <= 1], "weight_decay": 0.0},
    ]
    muon = torch.optim.Muon(matrices, recipe.lr, recipe.weight_decay, adjust_lr_fn="match_rms_adamw")
    return muon, torch.optim.AdamW(groups, lr=recipe.lr, betas=(0.9, 0.98), fused=True)


class ImageRun:
    """One resumable run; its state is a file, its log a CSV.

    Args:
        student: the tower.
        sampler: the crops.
        names: image-level names.
        label_teacher: where those are that are said of photos of the labelled sets.
        recipe: the numbers.
        folder: where `state.pt` and `log.csv` go; a `state.pt` found there is resumed.
    """

    def __init__(
        self,
        student: Student,
        sampler: CropSampler,
        names: NameTable,
        label_teacher: LabelTeacher,
        recipe: ImageRecipe,
        folder: Path,
    ) -> None:
        self.student, self.sampler, self.names, self.label_teacher = student, sampler, names, label_teacher
        self.recipe, self.folder = recipe, folder
        self.optimizers = build_optimizers(student, recipe)
        average = torch.optim.swa_utils.get_ema_multi_avg_fn(recipe.ema)  # type: ignore[no-untyped-call]
        self.average = torch.optim.swa_utils.AveragedModel(student, multi_avg_fn=average, use_buffers=True)
        self.seconds, self.passes = 0.0, 0
        folder.mkdir(parents=True, exist_ok=True)
        self._resume()

    def train(self) -> nn.Module:
        """Run until the budget is used; return the averaged student."""
        budget = self.recipe.minutes * 60
        with tqdm(total=round(budget), initial=round(self.seconds), unit="s") as bar:
            for stage in self.recipe.stages:
                if self.seconds < stage.until * budget:
                    self._stage(stage, budget, bar)
        self._save()
        return self.average.module

    def _stage(self, stage: Stage, budget: float, bar: tqdm) -> None:
        rng = np.random.default_rng((self.recipe.seed, self.passes))
        saved, clock = self.seconds, time.monotonic()
        for batch in self.sampler.stream(stage.size, stage.batch, rng):
            terms = self._step(batch, self.seconds / budget)
            now = time.monotonic()
            self.seconds, clock = self.seconds + now - clock, now
            bar.n = round(self.seconds)
            bar.set_postfix({"px": stage.size, "passes": self.passes, **terms})
            if self.seconds - saved > self.recipe.save_every or self.seconds >= stage.until * budget:
                saved = self.seconds
                self._save()
                self._write(stage, terms)
            if self.seconds >= stage.until * budget:
                return

    def _step(self, batch: CropBatch, progress: float) -> dict[str, float]:
        for group in (group for optimizer in self.optimizers for group in optimizer.param_groups):
            group["lr"] = learning_rate(progress, self.recipe)
        terms = losses(self.student, batch, self.names, self.label_teacher, self.recipe)
        torch.stack(list(terms.values())).sum().backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.student.parameters(), 1.0)
        for optimizer in self.optimizers:
            optimizer.step()
            optimizer.zero_grad()
        self.average.update_parameters(self.student)
        self.passes += len(batch.pixels)
        return {name: round(term.item(), 4) for name, term in terms.items()}

    def _save(self) -> None:
        state = {
            "student": self.student.state_dict(),
            "average": self.average.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "seconds": self.seconds,
            "passes": self.passes,
            "recipe": asdict(self.recipe),
        }
        torch.save(state, self.folder / "state.tmp")
        (self.folder / "state.tmp").replace(self.folder / "state.pt")

    def _resume(self) -> None:
        if not (self.folder / "state.pt").exists():
            return
        state = torch.load(self.folder / "state.pt", weights_only=True)
        self.student.load_state_dict(state["student"])
        self.average.load_state_dict(state["average"])
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        self.seconds, self.passes = state["seconds"], state["passes"]

    def _write(self, stage: Stage, terms: dict[str, float]) -> None:
        row = {"seconds": round(self.seconds), "passes": self.passes, "size": stage.size, **terms}
        append_row(self.folder / "log.csv", row)
