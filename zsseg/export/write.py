"""Writes an answer's files: into a folder, or into one ZIP."""

import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from os import PathLike
from pathlib import Path

from zsseg.errors import UserError, check_type
from zsseg.export.coco import coco
from zsseg.export.encode import json_text, label_image, masks, npz, png, summary
from zsseg.export.labelme import labelme
from zsseg.export.manifest import OPACITY, Manifest, manifest_photo
from zsseg.files import atomic_path
from zsseg.image.load import Pixels
from zsseg.segmentation import Segmentation
from zsseg.visualize import overlay

PHOTO = "photo.png"
"""The photo in a ZIP: upright and shrunk as the models saw it, so that labels and polygons fit its pixels."""

_DATE = (1980, 1, 1, 0, 0, 0)  # the earliest date that a ZIP can store; a fixed one makes equal answers equal files
_MODE = 0o644


def write_outputs(image: Pixels, seg: Segmentation, folder: str | Path, opacity: float = OPACITY) -> list[Path]:
    """Write labels.png, overlay.png, scores.npz and result.json, replacing earlier ones.

    labels.png holds the class index of each pixel, with the legend's colours as its palette; scores.npz the arrays
    `names`, `seen` and `scores` (K,H,W) float32, before the seen penalty; result.json the settings and the numbers.
    The same answer gives the same bytes, however long it took.

    Args:
        image: (H,W,3) RGB, the photo that was segmented.
        seg: the answer.
        folder: made if needed.
        opacity: of the paint in overlay.png, 0..1.

    Returns:
        The four paths.

    Raises:
        UserError: the folder cannot be made or written to, or the arguments do not fit each other.
    """
    check_type(seg, Segmentation, "seg must be an answer, a Segmentation")
    check_type(folder, str | PathLike, "folder must be a path")
    return _write_all(Path(folder), _main_files(image, seg, opacity))


def write_answer(
    image: Pixels, results: Mapping[str, Segmentation], folder: str | Path, manifest: Manifest
) -> list[Path]:
    """Write what `write_zip` writes, byte by byte, as files in a folder, replacing earlier ones of the same names.

    Args:
        image, results, manifest: as `answer_files` takes them.
        folder: made if needed.

    Returns:
        The paths.

    Raises:
        UserError: the folder cannot be made or written to.
        ValueError: the manifest is of another answer.
    """
    return _write_all(Path(folder), answer_files(image, results, manifest))


def write_zip(image: Pixels, results: Mapping[str, Segmentation], path: str | Path, manifest: Manifest) -> Path:
    """Write one ZIP with all files of `answer_files`; the write is atomic and replaces an earlier file.

    The same answer gives the same bytes: the order is fixed, and every entry is dated 1980.

    Args:
        image, results, manifest: as `answer_files` takes them.
        path: of the ZIP; its folder is made if needed.

    Returns:
        The path.

    Raises:
        UserError: the file cannot be written.
        ValueError: the manifest is of another answer.
    """
    path = Path(path)
    with _replacing(path) as partial, zipfile.ZipFile(partial, "w") as archive:
        for name, content in answer_files(image, results, manifest):
            entry = zipfile.ZipInfo(name, _DATE)
            # The upper 16 bits are Unix's mode; 0 would unpack as files that nobody may read.
            entry.external_attr = _MODE << 16
            entry.create_system = 3  # Unix, also when written elsewhere
            # Pictures and scores are packed already.
            entry.compress_type = zipfile.ZIP_DEFLATED if name.endswith(".json") else zipfile.ZIP_STORED
            archive.writestr(entry, content)
    return path


def answer_files(image: Pixels, results: Mapping[str, Segmentation], manifest: Manifest) -> Iterator[tuple[str, bytes]]:
    """All files of an answer, one at a time: the name, with ``/`` between folders, and the content.

    At the top recipe.json, photo.png, and with several methods figure.png, which shows them side by side. In the
    folder of each method labels.png, overlay.png, scores.npz and result.json as in `write_outputs`, a black and white
    masks/NN-NAME.png per class, coco.json, labelme.json and figure.png.

    Args:
        image: (H,W,3) RGB, the photo that was segmented.
        results: folder -> answer.
        manifest: what `zsseg.export.manifest.manifest_of` says of these results.

    Raises:
        ValueError: the manifest is of another answer.
    """
    # In a generator this runs when the first file is asked for.
    _check(image, results, manifest)
    opacity = {step.folder: step.opacity for step in manifest.methods}
    yield "recipe.json", manifest.to_json().encode("utf-8")
    yield PHOTO, png(image)
    if len(results) > 1:
        yield "figure.png", _figure(image, results, opacity)
    for folder, seg in results.items():
        for name, content in _method_files(image, seg, opacity[folder]):
            yield f"{folder}/{name}", content


def _check(image: Pixels, results: Mapping[str, Segmentation], manifest: Manifest) -> None:
    recorded = [
        (step.folder, step.checkpoint, step.seen_penalty, step.threshold, step.photo_gate) for step in manifest.methods
    ]
    # The name is taken from the manifest, as the pixels alone decide.
    same_photo = manifest_photo(image, manifest.photo.file_name) == manifest.photo
    if not same_photo or recorded != [
        (folder, seg.model, seg.seen_penalty, seg.threshold, seg.photo_gate) for folder, seg in results.items()
    ]:
        raise ValueError("the manifest is of another answer: make it with manifest_of from the same results")


def _main_files(image: Pixels, seg: Segmentation, opacity: float) -> Iterator[tuple[str, bytes]]:
    yield "labels.png", png(label_image(seg), optimize=True)
    yield "overlay.png", png(overlay(image, seg, opacity))
    yield "scores.npz", npz(seg)
    yield "result.json", json_text(summary(seg), indent=2)


def _method_files(image: Pixels, seg: Segmentation, opacity: float) -> Iterator[tuple[str, bytes]]:
    yield from _main_files(image, seg, opacity)
    for name, content in masks(seg):
        yield f"masks/{name}", content
    yield "coco.json", json_text(coco(seg, PHOTO))
    yield "labelme.json", json_text(labelme(seg, f"../{PHOTO}"))
    yield "figure.png", _figure(image, {"": seg}, {"": opacity})


def _figure(image: Pixels, results: Mapping[str, Segmentation], opacity: Mapping[str, float]) -> bytes:
    from zsseg.export.figure import figure_png  # matplotlib loads slowly, and most answers are written without a figure

    return figure_png(image, results, opacity)


def _write_all(folder: Path, files: Iterator[tuple[str, bytes]]) -> list[Path]:
    paths = []
    for name, content in files:
        # File by file: a run that fails halfway leaves whole files behind, old or new.
        with _replacing(folder / name) as partial:
            partial.write_bytes(content)
        paths.append(folder / name)
    return paths


@contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    """A file to write to, which replaces `path` once it is complete.

    Raises:
        UserError: it cannot be written.
    """
    if "\0" in str(path):  # below it would be a ValueError, as a defect of what is written may be
        raise UserError("The results cannot be written: the name of the folder has a null character in it.")
    try:
        with atomic_path(path) as partial:
            yield partial
    except OSError as error:
        raise UserError(f"The results cannot be written to {path}: {error.strerror or error}.") from error
