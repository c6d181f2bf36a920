"""Searches the folders of weights; no torch, so that listing models is quick."""

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from zsseg.errors import UserError
from zsseg.files import is_file, shortened
from zsseg.models.registry import METHODS
from zsseg.weights.hub import names_repository, weights_folder
from zsseg.weights.metadata import Metadata, read_metadata
from zsseg.weights.released.listing import RELEASED

SUFFIX = ".safetensors"
"""Of the file of a head."""

CONFIG_FILE = "open_clip_config.json"
"""What makes a folder that of a backbone."""

WEIGHTS_VARIABLE = "ZSSEG_WEIGHTS"

_IN_REPOSITORY = re.compile(r"(?P<repository>[^/]+/[^/]+)(?:/(?P<head>[^/]+))?")


def checkpoint_folders() -> list[Path]:
    """Folders searched for weights, in order: $ZSSEG_WEIGHTS where set, then `checkpoints` beside or in the package.

    Raises:
        UserError: what $ZSSEG_WEIGHTS names cannot be had; see `zsseg.weights.hub.weights_folder` for what it may be.
    """
    override = os.environ.get(WEIGHTS_VARIABLE)
    return [*([weights_folder(override)] if override else []), *own_folders()]


def own_folders() -> list[Path]:
    """The folders `checkpoints` beside the package, as in a clone, and in it, as in an installed wheel."""
    package = Path(__file__).resolve().parents[1]
    return [package.parent / "checkpoints", package / "checkpoints"]


def _search_folders(weights: str | None) -> Iterator[Path]:
    """Every folder to search, one by one, so that an early find neither waits for nor fails with the rest."""
    if weights:
        yield weights_folder(weights)
    yield from checkpoint_folders()


def find_checkpoint(name: str | Path, weights: str | None = None) -> Path:
    """The file of a head, given by its path or by its name in one of the folders searched.

    Args:
        name: a path, or the file's name with or without its ending.
        weights: searched before `checkpoint_folders`; what `zsseg.weights.hub.weights_folder` takes.

    Raises:
        UserError: there is none, or a place to search cannot be had.
    """
    if not isinstance(name, str | Path):
        raise UserError(f"A checkpoint is named by a text or a path, not {type(name).__name__}.")
    # A path that exists wins over a name, so that a file in the current folder can always be meant.
    direct = Path(name)
    if is_file(direct):
        return direct
    file = direct if direct.suffix == SUFFIX else Path(f"{name}{SUFFIX}")
    searched = []
    for folder in _search_folders(weights):
        if is_file(folder / file):
            return folder / file
        searched.append(str(folder))  # for the sentence below
    raise UserError(
        f"There is no checkpoint {shortened(file)} in {' or '.join(searched[:2])}: {_how_to_get(file.stem)}"
        f"train it, copy it there, or set {WEIGHTS_VARIABLE} to the folder that has it."
    )


def _how_to_get(name: str) -> str:
    """The command that gets missing released weights, for error sentences; empty for other names."""
    known = (row.name for row in RELEASED.values() if name in (row.name, row.open_clip.partition("/")[0]))
    row = next(known, None) if name else None
    return f"bring it with `zsseg weights get {row}`, " if row else ""


def find_or_fetch_checkpoint(name: str | Path) -> Path:
    """The file of a head, as `find_checkpoint` finds it, else one of a repository of the Hugging Face hub.

    It may fetch whatever it is given, so it is for names that the program's own user wrote, not for those of a file.

    Args:
        name: what `find_checkpoint` takes; "org/name" or "org/name@revision", which stands for its only head or the
            default checkpoint among them; or the same with "/HEAD" behind it.

    Raises:
        UserError: there is none, or the repository cannot be had.
    """
    match = _IN_REPOSITORY.fullmatch(str(name))
    if match is None or Path(name).suffix == SUFFIX or not names_repository(match["repository"]):
        return find_checkpoint(name)
    with suppress(UserError):
        return find_checkpoint(name)
    return _head_in(weights_folder(match["repository"]), match["head"], str(name))


def _head_in(folder: Path, head: str | None, name: str) -> Path:
    heads = {path.stem: path for path in sorted(folder.glob(f"*{SUFFIX}"))}
    defaults = [method.checkpoint for method in METHODS.values() if method.checkpoint in heads]
    wanted = head or (next(iter(heads)) if len(heads) == 1 else next(iter(defaults), ""))
    if wanted not in heads:
        raise UserError(f"{name} names no checkpoint: add one of {', '.join(heads) or 'none, it has none'} behind a /.")
    return heads[wanted]


def find_backbone(name: str | Path, weights: str | None = None) -> Path:
    """The folder of a backbone, given by its path or by its name in one of the folders searched.

    Args:
        name: a path, or the folder's name.
        weights: searched before `checkpoint_folders`; what `zsseg.weights.hub.weights_folder` takes.

    Raises:
        UserError: there is none, or a place to search cannot be had.
    """
    if not isinstance(name, str | Path):
        raise UserError(f"A backbone is named by a text or a path, not {type(name).__name__}.")
    if is_file(Path(name) / CONFIG_FILE):
        return Path(name)
    folder = _backbone_in(_search_folders(weights), name)
    if folder is None:
        raise UserError(
            f"There is no backbone {shortened(name)}: {_how_to_get(str(name))}give the path of its folder, or set "
            f"{WEIGHTS_VARIABLE} to the folder that has it."
        )
    return folder


def find_backbone_of(path: Path, metadata: Metadata) -> Path:
    """The folder of the backbone that a head was trained on.

    Args:
        path: the head's file; the backbone usually lies beside it.
        metadata: the file's own.

    Raises:
        UserError: there is none.
    """
    folder = _backbone_in(_folders_near(path), metadata.backbone)
    if folder is None:
        raise UserError(
            f"The checkpoint {path.name} needs the backbone folder {shortened(metadata.backbone)} beside it: copy that "
            "folder too."
        )
    return folder


def _folders_near(path: Path) -> Iterator[Path]:
    # The file's own folder first, then that of its target: in the Hugging Face cache every file is a link, and the
    # targets of all repositories lie in one folder.
    yield path.absolute().parent
    yield path.resolve().parent
    yield from checkpoint_folders()


def _backbone_in(parents: Iterator[Path], name: str | Path) -> Path | None:
    return next((parent / name for parent in parents if is_file(parent / name / CONFIG_FILE)), None)


def list_checkpoints(weights: str | None = None) -> list[tuple[Path, Metadata | UserError]]:
    """Every head in the folders searched, by name; a file that cannot be read comes with the reason.

    Of two files of one name the one in the folder searched first counts.

    Args:
        weights: searched before `checkpoint_folders`; what `zsseg.weights.hub.weights_folder` takes.

    Raises:
        UserError: a place to search cannot be had.
    """
    found: dict[str, Path] = {}
    for folder in _search_folders(weights):
        for path in sorted(folder.glob(f"[!.]*{SUFFIX}")):  # a dot begins what a killed writer left behind
            # `setdefault`: the folder searched first keeps the name, as in `find_checkpoint`.
            found.setdefault(path.stem, path)
    entries: list[tuple[Path, Metadata | UserError]] = []
    for _, path in sorted(found.items()):
        try:
            entries.append((path, read_metadata(path)))
        except UserError as error:
            entries.append((path, error))
    return entries
