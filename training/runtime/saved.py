"""Reads what earlier parts of pretraining saved."""

from pathlib import Path
from typing import Any

import torch

from zsseg.errors import UserError, reason_of
from zsseg.files import check_file, is_missing


def read_saved(path: Path, keys: tuple[str, ...] = (), device: str | torch.device = "cpu") -> dict[str, Any]:
    """Read a dictionary of tensors and numbers; no code in the file is run.

    Args:
        path: of the file.
        keys: what the dictionary must have.
        device: where its tensors go.

    Raises:
        UserError: there is no such file, it would keep its reader waiting, it is damaged, or it is of another kind.
    """
    try:
        check_file(path)
        state = torch.load(path, map_location=device, weights_only=True)
    except UserError:
        raise
    except Exception as error:  # on a foreign file torch's reader fails in every way there is
        if is_missing(error):
            raise UserError(f"There is no file {path}: name one that training.pretrain has saved.") from error
        raise UserError(
            f"{path} is damaged ({reason_of(error)}): remove it, and run the part that makes it."
        ) from error
    missing = [key for key in keys if not isinstance(state, dict) or key not in state]
    if missing or not isinstance(state, dict):
        lacking = f" (it has no {missing[0]!r})" if missing else ""
        raise UserError(f"{path} is no file that this part of training.pretrain can use{lacking}: name another one.")
    return state
