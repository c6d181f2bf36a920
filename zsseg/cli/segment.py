"""What ``python -m zsseg segment`` does: photos and words in, files out."""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zsseg.cli.terminal import say, warn
from zsseg.errors import UserError
from zsseg.export import summary, write_answer, write_outputs, write_zip
from zsseg.export.manifest import OPACITY, Recipe, photo_recipe, read_recipe, recipe_of
from zsseg.image.load import Pixels, load_image
from zsseg.image.paths import PhotoPath, find_photos
from zsseg.segmentation import Segmentation, check_fraction, check_penalty
from zsseg.text.vocabulary import build_vocabulary
from zsseg.version import __version__

if TYPE_CHECKING:
    from zsseg.predictor import Predictor

DONE, NOTHING_DONE, SOME_FAILED = 0, 2, 3
"""Exit codes."""

_Settings = tuple[float | None, float | None, float]  # seen penalty, threshold, opacity; None is the checkpoint's own
_IN_RECIPE = ("seen", "unseen", "seen_penalty", "threshold", "opacity")


@dataclass(frozen=True)
class _Question:
    """What every photo is asked; a recipe has the settings of each method."""

    seen: str | Sequence[str]
    unseen: str | Sequence[str]
    settings: _Settings
    recipe: Recipe | None

    def settings_of(self, folder: str) -> _Settings:
        steps = self.recipe.methods if self.recipe else ()
        told = [(step.seen_penalty, step.threshold, step.opacity) for step in steps if step.folder == folder]
        return told[0] if told else self.settings


@dataclass(frozen=True)
class _Answered:
    """One method's answer about one photo, without its arrays: for programs, and for people."""

    row: Mapping[str, Any]
    report: str


@dataclass(frozen=True)
class _Failed:
    """Why a photo, or None for all of them, has no answer: for programs, and for people."""

    photo: str | None
    error: str
    report: str


@dataclass(frozen=True)
class _Target:
    """Where the files of one photo go: into a folder, or into a ZIP if there is one."""

    folder: Path
    zip: Path | None


def run(args: argparse.Namespace) -> int:
    """Answer, tell of it on stdout and of what went wrong on stderr; return the exit code."""
    results, errors = [], []
    told: set[str] = set()  # both methods, and every photo, would say the same of a name
    for outcome in _outcomes(args):
        if isinstance(outcome, _Failed):
            errors.append({"photo": outcome.photo, "error": outcome.error})
            warn(outcome.report)
        else:
            results.append(outcome.row)
            new = [warning for warning in outcome.row["warnings"] if warning not in told]
            told.update(new)
            for warning in new:
                warn(f"Warning: {warning}")
            say("" if args.json else outcome.report)
    if args.json:
        # Escapes carry any file name through any terminal.
        say(json.dumps({"results": results, "errors": errors}, indent=2, allow_nan=False) + "\n")
    if not results:
        return NOTHING_DONE
    return SOME_FAILED if errors else DONE


def _outcomes(args: argparse.Namespace) -> Iterator[_Answered | _Failed]:
    """Answer photo after photo; one that fails does not stop the others, a bad question or model does."""
    try:
        question = _question(args)
        photos = find_photos(args.photo)
        if question.recipe and len(photos) > 1:
            raise UserError("A recipe is of one photo: name that one alone.")
        models: dict[str, Predictor] = {}
        for number, photo in enumerate(photos, 1):
            _show_progress(number, len(photos), photo)
            try:
                pixels = _pixels(photo, question.recipe, args.force)
            except UserError as error:
                yield _failed(photo, error, len(photos))
                continue
            # What is quick to check comes before the weights are read; and they are read once for all photos.
            models = models or _models(args, question.recipe)
            try:
                yield from _answers(photo, pixels, question, models, _target(args, photo, len(photos)))
            except UserError as error:
                yield _failed(photo, error, len(photos))
    except UserError as error:
        yield _Failed(None, str(error), str(error))


def _show_progress(number: int, count: int, photo: PhotoPath) -> None:
    if count > 1 and sys.stderr.isatty():
        warn(f"{number}/{count} {photo.path}")


def _failed(photo: PhotoPath, error: UserError, count: int) -> _Failed:
    return _Failed(photo.path, str(error), f"{photo.path}: {error}" if count > 1 else str(error))


def _target(args: argparse.Namespace, photo: PhotoPath, count: int) -> _Target:
    folder = args.out / photo.name if count > 1 else args.out
    return _Target(folder, args.out / f"{photo.name}.zip" if args.zip else None)


def _question(args: argparse.Namespace) -> _Question:
    """What is asked, checked as far as can be without a photo and a model.

    Raises:
        UserError: names or settings that cannot be used, or that stand beside a recipe.
    """
    if args.recipe:
        return _question_of_recipe(args)
    if args.force:
        raise UserError("--force is about a recipe: give one with --recipe, or leave it out.")
    build_vocabulary(args.seen or "", args.unseen or "")
    opacity = OPACITY if args.opacity is None else args.opacity
    settings = (args.seen_penalty, args.threshold, opacity)
    check_penalty(args.seen_penalty or 0.0)
    check_fraction(args.threshold or 0.0, "The threshold")
    check_fraction(opacity, "The opacity")
    return _Question(args.seen or "", args.unseen or "", settings, None)


def _question_of_recipe(args: argparse.Namespace) -> _Question:
    given = [f"--{name.replace('_', '-')}" for name in _IN_RECIPE if getattr(args, name) is not None]
    if given:
        raise UserError(f"The recipe says what is asked: leave out {' and '.join(given)}.")
    recipe = read_recipe(args.recipe)
    if recipe.version != __version__:
        warn(f"Warning: the recipe is of zsseg {recipe.version} and this is {__version__}, so the files may differ.")
    return _Question(recipe.seen, recipe.unseen, (None, None, OPACITY), recipe)


def _pixels(photo: PhotoPath, recipe: Recipe | None, force: bool) -> Pixels:
    """Decode a photo.

    Raises:
        UserError: there is none, it cannot be read, or it is not the recipe's and that is not forced.
    """
    if photo.problem:
        raise UserError(photo.problem)
    pixels = load_image(photo.path)
    if recipe and photo_recipe(pixels, recipe.photo.file_name) != recipe.photo:
        from zsseg.cli.models import insist

        insist(f"{Path(photo.path).name} is not the photo of the recipe (its pixels differ)", force)
    return pixels


def _models(args: argparse.Namespace, recipe: Recipe | None) -> "dict[str, Predictor]":
    from zsseg.cli.models import named_models, recipe_models  # torch takes a second to load: a slip does not wait

    return recipe_models(recipe, args.force, args.weights) if recipe else named_models(args)


def _answers(
    photo: PhotoPath, pixels: Pixels, question: _Question, models: "Mapping[str, Predictor]", target: _Target
) -> list[_Answered]:
    """Ask every model about a photo, then write all they say: the files of a photo are those of one question.

    Raises:
        UserError: a model cannot answer, or a file cannot be written.
    """
    results = {}
    for folder, model in models.items():
        penalty, threshold, _ = question.settings_of(folder)
        results[folder] = model.predict(
            pixels, question.seen, question.unseen, seen_penalty=penalty, threshold=threshold
        )
    opacity = {folder: question.settings_of(folder)[2] for folder in results}
    if target.zip or question.recipe:
        recipe = _recipe_of(photo, pixels, question, results, opacity)
        if target.zip:
            write_zip(pixels, results, target.zip, recipe)
        else:
            write_answer(pixels, results, target.folder, recipe)
    else:
        for folder, seg in results.items():
            write_outputs(pixels, seg, target.folder / folder, opacity[folder])
    return [_answered(photo, seg, folder, target) for folder, seg in results.items()]


def _recipe_of(
    photo: PhotoPath,
    pixels: Pixels,
    question: _Question,
    results: Mapping[str, Segmentation],
    opacity: Mapping[str, float],
) -> Recipe:
    """What was really asked; where that is what a recipe says, it is that recipe, under its photo's first name."""
    asked = question.recipe
    same = asked is not None and photo_recipe(pixels, asked.photo.file_name) == asked.photo
    name = asked.photo.file_name if asked and same else Path(photo.path).name
    return recipe_of(pixels, name, build_vocabulary(question.seen, question.unseen), results, opacity)


def _answered(photo: PhotoPath, seg: Segmentation, folder: str, target: _Target) -> _Answered:
    place = folder if target.zip else str(target.folder / folder)
    packed = str(target.zip) if target.zip else None
    row = {"photo": photo.path, "folder": place, "zip": packed, **summary(seg), "seconds": seg.seconds}
    ranked = sorted(zip(seg.area, seg.names, strict=True), reverse=True)
    shares = [f"{name} {area:.1%}" for area, name in ranked if area > 0]
    none = 1 - sum(seg.area)
    if none > 1e-9:
        shares.append(f"none of these {none:.1%}")
    where = f"{packed} {place}/" if packed else place
    return _Answered(row, f"{seg.method} ({seg.model}, {seg.seconds:.1f} s): {', '.join(shares)}\n  {where}\n")
