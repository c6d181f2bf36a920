"""Commands of `training` change how this process computes; each test leaves it as it was."""

from collections.abc import Iterator

import pytest
import torch


@pytest.fixture(autouse=True)
def denormals_as_they_were() -> Iterator[None]:
    """Undo `flush_denormals`: hypothesis refuses to draw floats in a process that rounds the smallest to zero."""
    yield
    torch.set_flush_denormal(False)
