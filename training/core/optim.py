"""Optimizer with its parameter groups, and an exponential moving average of the weights."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from training.recipes import Recipe


def build_optimizer(model: nn.Module, recipe: Recipe) -> torch.optim.AdamW:
    """Return AdamW over the trainable tensors, in up to four groups: prompts or head, with or without weight decay.

    Every group has an entry `peak_lr`, from which the schedule computes `lr`.
    """
    groups: dict[tuple[bool, bool], list[Tensor]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            # `decay_all` is what the released configurations do: mmcv takes the longest key first, so their rule
            # that norms do not decay never matches a parameter.
            key = (is_prompt(name), recipe.decay_all or (parameter.ndim > 1 and not is_prompt(name)))
            groups.setdefault(key, []).append(parameter)
    return torch.optim.AdamW(
        {
            "params": parameters,
            "peak_lr": recipe.lr * (recipe.prompt_lr_scale if prompt else 1.0),
            "weight_decay": recipe.weight_decay if decays else 0.0,
        }
        for (prompt, decays), parameters in groups.items()
    )


def is_prompt(name: str) -> bool:
    """Whether a tensor of the head belongs to the encoder's prompts, their projection and norm included."""
    return name.startswith("encoder.")


class MovingAverage:
    """Exponential moving average of the trainable tensors of a model, by `torch.optim.swa_utils`.

    Args:
        model: whose trainable tensors are averaged.
        decay: 0..1. Early updates use a smaller one, (1 + n) / (10 + n), so that the initial weights lose their
            influence quickly.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        def average(old: Sequence[Tensor], new: Sequence[Tensor], updates: Tensor | int) -> None:
            keep = min(decay, (1 + int(updates)) / (10 + int(updates)))
            for tensor, current in zip(old, new, strict=True):
                tensor.lerp_(current, 1 - keep)

        # AveragedModel copies what it is given: a list of the trainable tensors alone leaves the frozen backbone out.
        self._model = nn.ParameterList(p for p in model.parameters() if p.requires_grad)
        self._average = AveragedModel(self._model, multi_avg_fn=average)
        self._average.update_parameters(self._model)  # the first call copies the weights, later ones average

    @property
    def tensors(self) -> list[Tensor]:
        """The averages, in the order of the model's trainable parameters."""
        return [average.detach() for average in self._average.parameters()]

    def update(self) -> None:
        """Average in the present weights of the model."""
        self._average.update_parameters(self._model)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Replace the model's weights by the averages inside a `with` block."""
        # detach() shares the storage: what is copied into these reaches the model.
        own = [parameter.detach() for parameter in self._model]
        kept = [tensor.clone() for tensor in own]
        _copy(own, self.tensors)
        # Also after an exception: training must not go on from the averages.
        try:
            yield
        finally:
            _copy(own, kept)

    def state_dict(self) -> dict[str, Any]:
        """Everything that a resumed run needs."""
        return self._average.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore a saved state.

        Raises:
            RuntimeError: it belongs to another model.
        """
        self._average.load_state_dict(state)


def _copy(targets: list[Tensor], sources: list[Tensor]) -> None:
    for target, source in zip(targets, sources, strict=True):
        target.copy_(source)
