"""Finds the device that a model runs on, by torch's name for it."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from zsseg.errors import UserError


@contextmanager
def own_precision() -> Iterator[None]:
    """Undo a caller's `torch.autocast` in a block or a decorated function; the engine alone decides what is rounded.

    Vectors of names and photos are kept for later calls, so one call under autocast would spoil those without it.
    """
    with torch.autocast("cpu", enabled=False), torch.autocast("cuda", enabled=False):
        yield


def find_device(name: str) -> torch.device:
    """The device of this name, checked to be present.

    Args:
        name: such as "cpu", "cuda" or "cuda:1".

    Raises:
        UserError: there is no such device on this machine.
    """
    try:
        device = torch.device(str(name))
        # A name alone proves nothing: the device is used once, and the way back waits until it has answered.
        torch.zeros(1, device=device).cpu()
    except (RuntimeError, AssertionError, NotImplementedError, ValueError) as error:
        raise UserError(
            f"There is no device {str(name)!r:.40} on this machine: use cpu, or cuda where there is a GPU."
        ) from error
    return device
