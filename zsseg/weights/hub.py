"""Finds the local folder of weights: a folder, a folder of the Hugging Face cache, or a repository to download."""

import re
from functools import cache
from pathlib import Path

from zsseg.errors import UserError
from zsseg.files import shortened

_REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*(@[\w][\w./-]*)?", re.ASCII)
# What checkpoints and their backbones consist of; a repository may hold gigabytes of other files.
_FILES = ("*.safetensors", "*.json")


def names_repository(source: str) -> bool:
    """Say whether `source` is a repository id, "org/name" or "org/name@revision"; a folder of that name wins."""
    # The length first: a whole document given by mistake is not worth a regular expression.
    return len(source) < 200 and _REPOSITORY.fullmatch(source) is not None and not _folder(source).exists()


def weights_folder(source: str, files: tuple[str, ...] = _FILES) -> Path:
    """The local folder that holds the weights.

    Args:
        source: a folder; a repository's folder in the Hugging Face cache (`models--org--name`), of which the
            snapshot counts that `refs/main` names; or a repository id, "org/name" or "org/name@revision", which is
            downloaded into that cache unless it is there. HF_HUB_OFFLINE forbids the download.
        files: patterns of the files to download of a repository.

    Raises:
        UserError: there is no such folder, or the repository can be had neither here nor from the hub.
    """
    if names_repository(source):
        # Without a revision the hub's default branch counts.
        repository, _, revision = source.partition("@")
        return _fetch(repository, revision or None, files)
    folder = _folder(source)
    if not _is_dir(folder):
        raise UserError(
            f"There is no folder {shortened(source)} to read weights from: give a folder that exists, or a repository "
            "of the Hugging Face hub as org/name."
        )
    return _snapshot(folder) if (folder / "snapshots").is_dir() else folder


def _is_dir(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # a name that no folder can have, such as one of 300 letters
        return False


def _folder(source: str) -> Path:
    path = Path(source)
    try:
        return path.expanduser()
    except RuntimeError:  # "~nobody/weights": no such person here, so no such folder either
        return path


def _snapshot(folder: Path) -> Path:
    """The revision to read in a repository's cache folder: the one of `refs/main`, or the only one."""
    # The layout is huggingface_hub's: refs/NAME holds the hash, and snapshots/HASH the files of that revision.
    main, snapshots = folder / "refs" / "main", folder / "snapshots"
    if main.is_file():
        chosen = [snapshots / main.read_text(encoding="utf-8").strip()]
    else:
        chosen = [folder for folder in snapshots.iterdir() if folder.is_dir()]
    if len(chosen) != 1 or not chosen[0].is_dir():
        raise UserError(
            f"The cache folder {folder} does not say which of its snapshots to read: "
            f"give one of the folders in {snapshots} instead."
        )
    return chosen[0]


@cache  # every checkpoint of one run comes from one revision, which is looked up once
def _fetch(repository: str, revision: str | None, files: tuple[str, ...]) -> Path:
    # Loaded here: most programs find their weights in a local folder and never need the hub.
    import huggingface_hub

    try:
        found = huggingface_hub.snapshot_download(repository, revision=revision, allow_patterns=list(files))
    except Exception as error:  # the hub's own kinds, HTTP's and the system's: each means that it is not to be had
        name = f"{repository}@{revision}" if revision else repository
        raise UserError(
            f"There is no folder {name} here, and the Hugging Face repository of that name {_reason(error)}"
        ) from error
    return Path(found)


def _reason(error: Exception) -> str:
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return (
            "is not in the local cache while HF_HUB_OFFLINE forbids a download: set HF_HUB_OFFLINE=0, "
            "or copy its files here and give their folder."
        )
    return (
        f"could not be fetched ({type(error).__name__}): check its name, its revision and the network, "
        "or sign in with `hf auth login` if it is private."
    )
