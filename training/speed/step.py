"""One step of a recipe on made-up photos: the code of the training loop, without its data and its files."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.core.accumulate import add_gradients
from training.core.objective import Objective
from training.core.optim import build_optimizer
from training.data.batches import Batch, Part
from training.data.datasets import PhotoSet
from training.data.labels import HIDDEN, VOID
from training.data.sets.known import DATA_SETS
from training.recipes import Recipe
from training.speed.device import seconds_on
from zsseg.models import Backbone, build_model

PHASES = ("data", "forward", "backward", "optimizer")
"""Of a step: copy the batch to the device; losses; gradients; norm of the gradients and new weights."""

# Classes in one crop, about as many as photos of these sets show: the dice term is computed for those alone.
_PRESENT = {"voc2012": 2, "pascal_context": 5, "coco_stuff164k": 8}
_SEED = 0


@dataclass(frozen=True)
class StepSpec:
    """What decides how long a step takes.

    Attributes:
        recipe: sizes, losses and batch.
        self_training: ask unseen names too, and label their pixels by the model's own answers.
    """

    recipe: Recipe
    self_training: bool = False

    @property
    def key(self) -> tuple[object, ...]:
        """Equal for steps of equal cost."""
        how, source = self.recipe, self.recipe.sources[0]
        return how.model, source.name, source.unseen, how.size, how.batch, how.recovery > 0, self.self_training


class Step:
    """A training step that can be repeated.

    Args:
        spec: which.
        backbone: on the device to measure.
        autocast: run the network in bf16.
        channels_last: lay the pixels out with their channels side by side.
        pieces: forward and backward passes per batch.
    """

    def __init__(
        self, spec: StepSpec, backbone: Backbone, autocast: bool, *, channels_last: bool = False, pieces: int = 1
    ) -> None:
        recipe, self.device = spec.recipe, backbone.visual.proj.device
        self.pieces, self.part = pieces, _part(recipe)
        self.batch = _batch(recipe, self.part, channels_last)
        asked = (*self.part.seen, *self.part.unseen) if spec.self_training else self.part.seen
        with _seeded():
            self.model = build_model(recipe.model, backbone).to(self.device).train()
            self.text = F.normalize(torch.randn(len(asked), backbone.joint_dim), dim=-1).to(self.device)  # (K, D)
        self.objective: nn.Module = Objective(self.model, recipe, autocast)
        self.optimizer = build_optimizer(self.model, recipe)

    def run(self) -> None:
        """One step, as `training.core.engine.Trainer` takes it."""
        self.optimizer.zero_grad(set_to_none=True)
        there = self._moved()
        add_gradients(self.objective, there, self.text, self.part, pieces=self.pieces, seed=_SEED)
        self._update()

    def phases(self) -> dict[str, float]:
        """Seconds of each of `PHASES` in one step of one piece, with a wait for the device after each."""
        seconds: dict[str, float] = {}
        self.optimizer.zero_grad(set_to_none=True)
        kept: list[Tensor] = []
        moved: list[Batch] = []
        seconds["data"] = seconds_on(self.device, lambda: moved.append(self._moved()))
        seconds["forward"] = seconds_on(self.device, lambda: kept.append(self._loss(moved[0])))
        seconds["backward"] = seconds_on(self.device, lambda: kept[0].backward())  # type: ignore[no-untyped-call]
        seconds["optimizer"] = seconds_on(self.device, self._update)
        return seconds

    def _moved(self) -> Batch:
        # As in training: from ordinary memory, and waiting for the copy.
        return Batch(self.batch.inputs.to(self.device), self.batch.labels.to(self.device), 0)

    def _loss(self, batch: Batch) -> Tensor:
        losses: dict[str, Tensor] = self.objective(
            batch.inputs, batch.labels, self.text, len(self.part.seen), self.part.void_ignored
        )
        return torch.stack(list(losses.values())).sum()

    def _update(self) -> None:
        nn.utils.clip_grad_norm_(self.model.parameters(), float("inf"))
        self.optimizer.step()


def _part(recipe: Recipe) -> Part:
    """The recipe's data set without any photo."""
    source = recipe.sources[0]
    one = DATA_SETS[source.name]
    photos = PhotoSet(one.name, one.class_names, (), one.unseen)
    seen, unseen = photos.split_names(source.unseen)
    return Part(photos, seen, unseen, void_ignored=source.void_ignored, reveal_hidden=recipe.setting == "transductive")


def _batch(recipe: Recipe, part: Part, channels_last: bool) -> Batch:
    """Noise for photos, stripes of random seen classes for labels; one stripe is unlabelled, or of an unseen class."""
    side, photos, present = recipe.size, recipe.batch, _PRESENT.get(recipe.sources[0].name, 2)
    with _seeded():
        pixels = torch.randn(photos, 3, side, side)
        ids = torch.randint(0, len(part.seen), (photos, present + 1), dtype=torch.uint8)
    ids[:, -1] = HIDDEN if part.reveal_hidden else VOID
    # (B, P + 1) -> (B, S, S): rows of a photo belong to one stripe after the other.
    stripe = torch.arange(side) * (present + 1) // side
    labels = ids[:, stripe][:, :, None].expand(-1, -1, side).contiguous()
    layout = torch.channels_last if channels_last else torch.contiguous_format
    return Batch(pixels.contiguous(memory_format=layout), labels, 0)


@contextmanager
def _seeded() -> Iterator[None]:
    """The same random numbers at every call; the caller's stay as they are."""
    with torch.random.fork_rng():
        torch.manual_seed(_SEED)
        yield
