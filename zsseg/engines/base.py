"""The interface of an engine, and the reference engine, which changes nothing."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ParamSpec, TypeVar

_P = ParamSpec("_P")
_R = TypeVar("_R")


class Engine(ABC):
    """A way to run the steps of a model: same inputs, same kind of outputs, other arithmetic or other libraries.

    An engine holds no photo and no class name, and may be shared by models and threads. Answers are equal to the last
    bit within one engine on one machine; between engines they differ in the last digits.
    """

    name: str

    @property
    def exact(self) -> "Engine":
        """The engine of this kind that rounds no factors; itself where it does not."""
        return self

    @abstractmethod
    def run(self, step: Callable[_P, _R], *inputs: _P.args, **options: _P.kwargs) -> _R:
        """Run a step without gradients.

        Args:
            step: a method of a model or of its backbone that takes and returns tensors, or dataclasses of tensors.
            inputs, options: as the step takes them, float32.

        Returns:
            What the step returns, float32.
        """


class Eager(Engine):
    """Runs every step as it stands, in the precision of its weights, on any device."""

    name = "eager"

    def run(self, step: Callable[_P, _R], *inputs: _P.args, **options: _P.kwargs) -> _R:
        """Run a step as it stands; see `Engine.run`."""
        return step(*inputs, **options)
