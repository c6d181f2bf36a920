"""The optimizer's parameter groups, and a moving average of the weights."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from training.recipes import Recipe


def build_optimizer(model: nn.Module, recipe: Recipe) -> torch.optim.AdamW:
    """AdamW over the trainable tensors in up to four groups: prompts or head, with or without weight decay.

    Every group carries `peak_lr`, from which the schedule sets `lr`.
    """
    groups: dict[tuple[bool, bool], list[Tensor]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
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
    """Tell whether a tensor of the head belongs to the encoder's prompts (their transform and norm included)."""
    return name.startswith("encoder.")


class MovingAverage:
    """Exponential moving average of the trainable tensors, in fp32.

    Args:
        model: whose tensors are averaged.
        decay: 0..1; early on a smaller one is used, so that the start is forgotten fast.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay, self.updates = decay, 0
        self.tensors = {n: p.detach().clone() for n, p in model.named_parameters() if p.requires_grad}

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        """Take in the weights as they are now."""
        self.updates += 1
        keep = min(self.decay, (1 + self.updates) / (10 + self.updates))
        own = dict(model.named_parameters())
        for name, average in self.tensors.items():
            average.lerp_(own[name].detach(), 1 - keep)

    @contextmanager
    def applied(self, model: nn.Module) -> Iterator[None]:
        """Put the averages in place of the model's weights for a while."""
        own = dict(model.named_parameters())
        kept = {name: own[name].detach().clone() for name in self.tensors}
        self._copy(own, self.tensors)
        try:
            yield
        finally:
            self._copy(own, kept)

    def state_dict(self) -> dict[str, object]:
        """Everything needed to go on."""
        return {"updates": self.updates, "tensors": self.tensors}

    def load_state_dict(self, state: Mapping[str, object]) -> None:
        """Go on from a saved state; the names must be the same."""
        updates, tensors = state["updates"], state["tensors"]
        if not isinstance(updates, int) or not isinstance(tensors, dict) or tensors.keys() != self.tensors.keys():
            raise ValueError("the saved moving average is of another model")
        self.updates = updates
        self._copy(self.tensors, tensors)

    @staticmethod
    @torch.no_grad()
    def _copy(to: Mapping[str, Tensor], source: Mapping[str, Tensor]) -> None:
        for name, tensor in source.items():
            to[name].copy_(tensor)
