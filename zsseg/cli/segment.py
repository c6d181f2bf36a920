"""What ``zsseg segment`` does: photos and class names in, files out."""

import argparse
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from zsseg.cli.jobs import Journal, key_of, read_shard
from zsseg.cli.places import Target, check_apart
from zsseg.cli.terminal import for_eyes, say, warn
from zsseg.cli.words import class_names
from zsseg.errors import UserError
from zsseg.export import summary, write_answer, write_outputs, write_zip
from zsseg.export.manifest import OPACITY, Manifest, manifest_of, manifest_photo, read_manifest
from zsseg.files import check_writable
from zsseg.image.load import Pixels, load_image
from zsseg.image.paths import PhotoPath, find_photos
from zsseg.segmentation import Segmentation, check_fraction, check_penalty
from zsseg.text.vocabulary import build_vocabulary
from zsseg.version import __version__

if TYPE_CHECKING:
    from zsseg.predictor import Predictor

DONE, NOTHING_DONE, SOME_FAILED = 0, 2, 3
"""Exit codes."""

_MANY_NAMES = 100
_IN_MANIFEST = ("seen", "unseen", "seen_penalty", "threshold", "photo_gate", "opacity", "engine")


class _Settings(NamedTuple):
    """Settings of one method; None is the checkpoint's own."""

    seen_penalty: float | None
    threshold: float | None
    photo_gate: float
    opacity: float


@dataclass(frozen=True)
class _Request:
    """The classes and settings for every photo; a manifest has the settings of each method."""

    seen: str | Sequence[str]
    unseen: str | Sequence[str]
    settings: _Settings
    manifest: Manifest | None

    def settings_of(self, folder: str) -> _Settings:
        steps = self.manifest.methods if self.manifest else ()
        recorded = [
            _Settings(step.seen_penalty, step.threshold, step.photo_gate, step.opacity)
            for step in steps
            if step.folder == folder
        ]
        return recorded[0] if recorded else self.settings


@dataclass(frozen=True)
class _Answered:
    """One method's answer about one photo, without its arrays: for programs, for people, and as files."""

    row: Mapping[str, Any]
    report: str
    files: Sequence[Path] = ()


@dataclass(frozen=True)
class _Failed:
    """Why a photo, or None for all of them, has no answer: for programs, and for people."""

    photo: str | None
    error: str
    report: str


def run(args: argparse.Namespace) -> int:
    """Segment all photos, print results to stdout and errors to stderr, and return the exit code."""
    results, errors = [], []
    printed: set[str] = set()  # all methods and photos would repeat a warning about a name
    for outcome in _outcomes(args):
        if isinstance(outcome, _Failed):
            errors.append({"photo": outcome.photo, "error": outcome.error})
            warn(outcome.report)
        else:
            results.append(outcome.row)
            new = [warning for warning in outcome.row["warnings"] if warning not in printed]
            printed.update(new)
            # Before the answer that they are about.
            for warning in new:
                warn(f"Warning: {warning}")
            say("" if args.json else outcome.report)
    if args.json:
        # ASCII escapes, so that any file name survives any terminal encoding.
        say(json.dumps({"results": results, "errors": errors}, indent=2, allow_nan=False) + "\n")
    if not errors:
        return DONE  # a shard may have no photo
    return SOME_FAILED if results else NOTHING_DONE


def _outcomes(args: argparse.Namespace) -> Iterator[_Answered | _Failed]:
    """Answer photo after photo; one that fails does not stop the others, a bad question or model does."""
    try:
        # Before anything is loaded: the work must have a place to go.
        check_writable(args.out / "result.json")
        request, shard = _request(args), read_shard(args.shard)
        photos = find_photos(args.photo)
        if request.manifest and len(photos) > 1:
            raise UserError("A manifest is of one photo: name that one alone.")
        # After the checks of the request: a wrong question leaves the record alone.
        journal = Journal(args.out, shard) if args.resume else None
        models: dict[str, Predictor] = {}
        # After the list is whole: the numbers behind equal names must not depend on the share.
        share = shard.share(photos)
        for number, photo in enumerate(share, 1):
            _show_progress(number, len(share), photo)
            try:
                pixels = _pixels(photo, request.manifest, args.force)
            except UserError as error:
                # The names of all photos, not of the share, decide whether a sentence needs the photo's.
                yield _failed(photo, error, len(photos))
                continue
            # Quick checks come before the weights are loaded; they are loaded once for all photos.
            models = models or _models(args, request.manifest, photos)
            try:
                target = _target(args, photo, len(photos))
                yield from _stored_or_new(journal, photo, pixels, request, models, target)
            except UserError as error:
                yield _failed(photo, error, len(photos))
    except UserError as error:
        yield _Failed(None, str(error), str(error))


def _progress_of_names(count: int) -> Callable[[float, str], object]:
    """Shows progress for long lists of names."""
    if count < _MANY_NAMES or not for_eyes():
        return lambda _share, _step: None
    return lambda share, step: warn(f"{share:4.0%} {step}")


def _stored_or_new(
    journal: Journal | None,
    photo: PhotoPath,
    pixels: Pixels,
    request: _Request,
    models: "Mapping[str, Predictor]",
    target: Target,
) -> list[_Answered]:
    """The answers about a photo: those of the journal where it has them, else new ones, which then go into it."""
    if journal is None:
        return _answers(photo, pixels, request, models, target)
    # All that decides the files: where they go, what was asked, of which models, with which settings.
    asked = [(folder, model.name, model.provenance, request.settings_of(folder)) for folder, model in models.items()]
    place = (str(target.folder), str(target.zip))
    # The shape too: the same bytes in another shape are another picture.
    key = key_of(pixels.tobytes(), pixels.shape, place, request.seen, request.unseen, asked, __version__)
    if rows := journal.recall(key):
        return [_Answered(row, f"{row['photo']}: finished earlier\n") for row in rows]
    answered = _answers(photo, pixels, request, models, target)
    # After the files: what is recorded is on the disk.
    journal.add(key, [one.row for one in answered], [path for one in answered for path in one.files])
    return answered


def _show_progress(number: int, count: int, photo: PhotoPath) -> None:
    # Progress is for eyes; a log gets results and errors only.
    if count > 1 and for_eyes():
        warn(f"{number}/{count} {photo.path}")


def _failed(photo: PhotoPath, error: UserError, count: int) -> _Failed:
    return _Failed(photo.path, str(error), f"{photo.path}: {error}" if count > 1 else str(error))


def _target(args: argparse.Namespace, photo: PhotoPath, count: int) -> Target:
    folder = args.out / photo.name if count > 1 else args.out
    return Target(folder, args.out / f"{photo.name}.zip" if args.zip else None)


def _request(args: argparse.Namespace) -> _Request:
    """The classes and settings, checked as far as possible without a photo and a model.

    Raises:
        UserError: names or settings that cannot be used, or that stand beside a manifest.
    """
    if args.manifest:
        return _request_of_manifest(args)
    if args.force:
        raise UserError("--force is about a manifest: give one with --manifest, or leave it out.")
    # Names that cannot be used fail here, before a photo is read.
    seen, unseen = class_names(args.seen, "--seen"), class_names(args.unseen, "--unseen")
    build_vocabulary(seen, unseen)
    opacity = OPACITY if args.opacity is None else args.opacity
    settings = _Settings(args.seen_penalty, args.threshold, args.photo_gate or 0.0, opacity)
    # None is the checkpoint's own value, which needs no check: 0 stands in for it.
    check_penalty(args.seen_penalty or 0.0)
    check_fraction(settings.photo_gate, "The photo-level gate")
    check_fraction(args.threshold or 0.0, "The threshold")
    check_fraction(opacity, "The opacity")
    return _Request(seen, unseen, settings, None)


def _request_of_manifest(args: argparse.Namespace) -> _Request:
    # None is an option that was not given; 0 can have been.
    given = [f"--{name.replace('_', '-')}" for name in _IN_MANIFEST if getattr(args, name) is not None]
    if given:
        raise UserError(f"The manifest says what is asked: leave out {' and '.join(given)}.")
    manifest = read_manifest(args.manifest)
    if manifest.version != __version__:
        warn(
            f"Warning: the manifest is of zsseg {manifest.version} and this is {__version__}, so the files may differ."
        )
    return _Request(manifest.seen, manifest.unseen, _Settings(None, None, 0.0, OPACITY), manifest)


def _pixels(photo: PhotoPath, manifest: Manifest | None, force: bool) -> Pixels:
    """Decode a photo.

    Raises:
        UserError: there is none, it cannot be read, or it is not the manifest's and that is not forced.
    """
    if photo.problem:
        raise UserError(photo.problem)
    pixels = load_image(photo.path)
    # By the pixels: another file name or other metadata make no difference.
    if manifest and manifest_photo(pixels, manifest.photo.file_name) != manifest.photo:
        from zsseg.cli.models import require_force

        require_force(f"{Path(photo.path).name} is not the photo of the manifest (its pixels differ)", force)
    return pixels


def _models(args: argparse.Namespace, manifest: Manifest | None, photos: Sequence[PhotoPath]) -> "dict[str, Predictor]":
    """The models of the call, which must not write over the photos and the manifest that it reads.

    Raises:
        UserError: they would, or cannot be had.
    """
    # torch loads slowly: errors found before this line do not wait for it.
    from zsseg.cli.models import manifest_models, named_models

    models = manifest_models(manifest, args.force, args.weights) if manifest else named_models(args)
    # Here, as the models name the folders; for all photos at once, as one's answer could replace the next one.
    written = [
        path for photo in photos for path in _target(args, photo, len(photos)).files(models, manifest is not None)
    ]
    records = args.out.glob("finished*.jsonl") if args.resume else ()
    check_apart([*(photo.path for photo in photos), *([args.manifest] if manifest else [])], [*written, *records])
    return models


def _answers(
    photo: PhotoPath, pixels: Pixels, request: _Request, models: "Mapping[str, Predictor]", target: Target
) -> list[_Answered]:
    """Run every model on a photo, then write all their answers: the files of a photo always belong to one request.

    Raises:
        UserError: a model cannot answer, or a file cannot be written.
    """
    results, report = {}, _progress_of_names(len(build_vocabulary(request.seen, request.unseen).names))
    for folder, model in models.items():
        own = request.settings_of(folder)
        results[folder] = model.predict(
            pixels, request.seen, request.unseen,
            seen_penalty=own.seen_penalty, threshold=own.threshold, photo_gate=own.photo_gate, report=report,
        )  # fmt: skip
    opacity = {folder: request.settings_of(folder).opacity for folder in results}
    if target.zip or request.manifest:
        manifest = _manifest_of(photo, pixels, request, results, opacity)
        if target.zip:
            files = [write_zip(pixels, results, target.zip, manifest)]
        else:
            files = write_answer(pixels, results, target.folder, manifest)
    else:
        written = (write_outputs(pixels, seg, target.folder / name, opacity[name]) for name, seg in results.items())
        files = [path for paths in written for path in paths]
    return [_answered(photo, seg, folder, target, files) for folder, seg in results.items()]


def _manifest_of(
    photo: PhotoPath,
    pixels: Pixels,
    request: _Request,
    results: Mapping[str, Segmentation],
    opacity: Mapping[str, float],
) -> Manifest:
    """The manifest of the answers; equal to the one that was followed if photo and models are the same."""
    manifest = request.manifest
    same = manifest is not None and manifest_photo(pixels, manifest.photo.file_name) == manifest.photo
    # The manifest's name for the same photo, so that a renamed file leads to the same bytes.
    name = manifest.photo.file_name if manifest and same else Path(photo.path).name
    return manifest_of(pixels, name, build_vocabulary(request.seen, request.unseen), results, opacity)


def _answered(photo: PhotoPath, seg: Segmentation, folder: str, target: Target, files: Sequence[Path]) -> _Answered:
    place = folder if target.zip else str(target.folder / folder)
    packed = str(target.zip) if target.zip else None
    row = {"photo": photo.path, "folder": place, "zip": packed, **summary(seg), "seconds": seg.seconds}
    # By area; names break ties, so the order is always the same.
    ranked = sorted(zip(seg.area, seg.names, strict=True), reverse=True)
    shares = [f"{name} {area:.1%}" for area, name in ranked if area > 0]
    none = 1 - sum(seg.area)
    # Areas are sums of floats: less than this is rounding.
    if none > 1e-9:
        shares.append(f"none of these {none:.1%}")
    where = f"{packed} {place}/" if packed else place
    return _Answered(row, f"{seg.method} ({seg.model}, {seg.seconds:.1f} s): {', '.join(shares)}\n  {where}\n", files)
