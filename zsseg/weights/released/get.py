"""Gets released weights: downloads them or takes a file, imports them, and verifies them."""

import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from zsseg.errors import UserError
from zsseg.weights.hub import names_repository, weights_folder
from zsseg.weights.released.download import download, file_name, is_url
from zsseg.weights.released.listing import CLIP_FILES, Place, Released
from zsseg.weights.search import CONFIG_FILE, SUFFIX, WEIGHTS_VARIABLE, own_folders

_RELEASED_FILES = (".pth", ".pkl")


def home() -> Path:
    """Folder where weights are put: $ZSSEG_WEIGHTS if that is a folder, else `checkpoints` beside or in the package.

    Raises:
        UserError: none of them can be written.
    """
    override = os.environ.get(WEIGHTS_VARIABLE, "")
    folders = [Path(override)] if override and Path(override).is_dir() else own_folders()
    for folder in folders:
        if folder.is_dir() and os.access(folder, os.W_OK):
            return folder
    raise UserError(f"{folders[0]} cannot be written: give a folder with --out, and set {WEIGHTS_VARIABLE} to it.")


def get(row: Released, out: Path, source: str = "", say: Callable[[str], object] = lambda text: None) -> list[Path]:
    """Get released weights into a folder and return the checkpoints' paths.

    Args:
        row: which; see `zsseg.weights.released.listing.released`.
        out: folder of the checkpoints; made if need be.
        source: a file, folder, URL or repository to take them from; by default the published places.
        say: called with one line about each step.

    Raises:
        UserError: they cannot be had, or are not what they should be; what to do about it.
    """
    out.mkdir(parents=True, exist_ok=True)
    # In the folder of the results, which must have room for them anyhow.
    with tempfile.TemporaryDirectory(dir=out, prefix=".get-") as folder:
        place = _place_of(source)
        file = _fetch(row, place, Path(folder), say) if source else _first_place(row, Path(folder), say)
        say(f"Importing {file}")
        return _import(row, file, out)


def _place_of(source: str) -> Place:
    if is_url(source):
        return Place("http", source, file_name(source))
    # "page" stands here for a path that a person names: both are opened as they are.
    return Place("hub" if names_repository(source) else "page", source)


def _first_place(row: Released, folder: Path, say: Callable[[str], object]) -> Path:
    """Download from the first published place that answers.

    Raises:
        UserError: from none; with the pages that only a person can download from, and what to do then.
    """
    failures = []
    for place in (place for place in row.places if place.kind != "page"):
        try:
            return _fetch(row, place, folder, say)
        except UserError as error:
            failures.append(str(error))
    pages = " or ".join(place.address for place in row.places if place.kind == "page")
    where = f"{row.title} is published on a page for people, {pages}: open it" if pages else "Download it"
    raise UserError(
        " ".join(failures)
        + (" " if failures else "")
        + f"{where} in a browser, save the file, and call: zsseg weights get {row.name} --source FILE"
    )


def _fetch(row: Released, place: Place, folder: Path, say: Callable[[str], object]) -> Path:
    """Get the content of a place as a local file or folder."""
    if place.kind == "http":
        say(f"Downloading {place.address}")
        target = folder / (place.file or file_name(place.address))
        download(place.address, target, place.sha256)
        return target
    if place.kind == "hub":
        say(f"Downloading from the repository {place.address}")
        return _from_hub(row, place.address)
    path = Path(place.address)
    if not path.exists():
        raise UserError(f"There is no file or folder {path}: check --source.")
    return path


def _from_hub(row: Released, repository: str) -> Path:
    """Download only what the row needs: a repository may hold all twelve heads.

    Raises:
        UserError: it cannot be had, or has none of the files.
    """
    # Groups of which one is enough, the best first; each file has hundreds of megabytes.
    ours, others = (tuple(stem + suffix for suffix in _RELEASED_FILES) for stem in (row.name, "*"))
    for wanted in (ours, others) if row.method else ((name,) for name in CLIP_FILES):
        folder = weights_folder(repository, (*wanted, CONFIG_FILE))
        found = [path for pattern in wanted for path in sorted(folder.rglob(pattern))]
        if found:
            return _one_of(row, found, repository) if row.method else found[0]
    names = others if row.method else CLIP_FILES
    raise UserError(f"The Hugging Face repository {repository} has no file {' or '.join(names)}: check --source.")


def _import(row: Released, source: Path, out: Path) -> list[Path]:
    # A row without a method is a backbone: CLIP itself.
    if not row.method:
        from zsseg.weights.released.clip import import_clip

        models = import_clip(source, out)
        return [models.plain, models.values]
    return [_import_head(row, _released_file(row, source), out)]


def _released_file(row: Released, source: Path) -> Path:
    """The one released file that `source` is or holds."""
    if source.is_file():
        return source
    return _one_of(row, [path for path in sorted(source.iterdir()) if path.suffix in _RELEASED_FILES], str(source))


def _one_of(row: Released, files: Sequence[Path], source: str) -> Path:
    """The file that has the row's name, or the only one."""
    named = [path for path in files if path.stem == row.name]
    chosen = named or files
    if len(chosen) != 1:
        raise UserError(
            f"{source} has {len(chosen)} files of {' or '.join(_RELEASED_FILES)}: give the file itself with --source, "
            f"or call it {row.name}{_RELEASED_FILES[0]}."
        )
    return chosen[0]


def _import_head(row: Released, file: Path, out: Path) -> Path:
    """Import a head, check that it is the row's, and record the published scores.

    It is imported aside, so that a wrong file leaves no checkpoint behind.
    """
    from zsseg.weights.checkpoint import load_checkpoint, replace_metadata
    from zsseg.weights.released.official import write_imported

    path = write_imported(file, out, f".{row.name}", row.setting, row.vocabulary)
    try:
        model, metadata = load_checkpoint(path)
        # No publisher of heads states a hash, so the sizes have to tell a wrong file.
        if (metadata.method, model.config.prompt_tokens) != (row.method, row.prompts):
            raise UserError(
                f"{file} is not {row.title}: it is a {metadata.method} head with {model.config.prompt_tokens} prompts."
            )
        scores = {f"published {name}": value for name, value in row.scores.items()}
        # The scores are the paper's, hence "published": nothing was measured here.
        replace_metadata(path, replace(metadata, name=row.name, scores=scores))
        return path.replace(out / f"{row.name}{SUFFIX}")
    finally:
        # After `replace` there is nothing left under this name; after an error the wrong checkpoint goes.
        path.unlink(missing_ok=True)
