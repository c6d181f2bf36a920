"""Saves and restores a training run. The file is written atomically, so a run can be interrupted at any time.

No random state is saved: batches and dropout are functions of the seed and the iteration.
"""

import dataclasses
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from training.core.optim import MovingAverage
from training.recipes import Recipe
from zsseg.errors import UserError
from zsseg.files import atomic_path
from zsseg.models import SegmentationModel


@dataclass
class Progress:
    """Progress of a run.

    Attributes:
        iteration: iterations finished.
        iters: iterations planned; a time budget may lower it.
        switch: iteration at which self-training began, -1 before.
        elapsed: seconds of training, earlier invocations included.
        best: best score on the development split, -1 before the first evaluation.
    """

    iteration: int
    iters: int
    switch: int = -1
    elapsed: float = 0.0
    best: float = -1.0


def save_state(
    path: Path,
    recipe: Recipe,
    progress: Progress,
    model: SegmentationModel,
    optimizer: torch.optim.Optimizer,
    average: MovingAverage | None,
) -> None:
    """Write everything that a resumed run needs, atomically and through to the disk."""
    state = {
        "recipe": _identity(recipe),
        "progress": dataclasses.asdict(progress),
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "average": average.state_dict() if average else None,
    }
    with atomic_path(path) as partial, partial.open("wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())  # else the new name could reach the disk before the content, and a power cut lose both


def remove_partial(path: Path) -> None:
    """Delete what writes of `path` left behind when the process was killed in them; nobody else may be writing it."""
    for partial in path.parent.glob(f".{path.stem}-*{path.suffix}"):
        partial.unlink(missing_ok=True)


def read_state(path: Path, recipe: Recipe) -> dict[str, Any]:
    """Read a saved state.

    Raises:
        UserError: there is none, it is damaged, or it belongs to another recipe.
    """
    if not path.is_file():
        raise UserError(f"There is nothing to resume at {path}: start without --resume.")
    try:
        # weights_only: a file from elsewhere must not run code.
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        missing = {"recipe", "progress", "model", "optimizer", "average"} - state.keys()
    except Exception as error:  # on a foreign file torch's reader fails in every way there is
        raise UserError(f"{path} is damaged ({type(error).__name__}): start without --resume.") from error
    if missing:
        raise UserError(f"{path} is damaged (it has no {min(missing)}): start without --resume.")
    if state["recipe"] != _identity(recipe):
        raise UserError(f"{path} belongs to another recipe or other options: choose another --out, or start again.")
    return state


def restore(
    state: dict[str, Any], model: SegmentationModel, optimizer: torch.optim.Optimizer, average: MovingAverage | None
) -> Progress:
    """Load a state into model, optimizer and moving average; return the progress of the run."""
    model.load_state_dict(state["model"])
    # The groups are the same before and after the switch to self-training: either optimizer's state fits.
    optimizer.load_state_dict(state["optimizer"])
    if average is not None:
        average.load_state_dict(state["average"])
    return Progress(**state["progress"])


def _identity(recipe: Recipe) -> str:
    # Every field decides the weights. As text, since loading with weights_only refuses classes.
    return repr(recipe)
