"""The tab Batch: several photos, one question, all answers in one ZIP."""

import zipfile
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from markupsafe import Markup

from zsseg.demo.actions import Answer, DisplaySettings, segment
from zsseg.demo.catalog import Predictors, title_of
from zsseg.demo.folders import fresh_folder
from zsseg.demo.html.parts import help_text, picture, table
from zsseg.demo.html.pictures import jpeg_uri, shrink
from zsseg.errors import UserError
from zsseg.export import answer_files
from zsseg.export.manifest import manifest_of
from zsseg.image.paths import PhotoPath, find_photos
from zsseg.visualize import overlay

MAX_PHOTOS = 50  # others wait in the queue meanwhile
THUMBNAIL = 120


def run_batch(
    predictors: Predictors,
    paths: Sequence[str],
    names: tuple[str, str],
    display: DisplaySettings,
    report: Callable[[float, str], object],
    turns: AbstractContextManager[object] | None = None,
) -> tuple[str, Markup]:
    """Answer one question about every photo; a photo that cannot be read does not stop the others.

    Args:
        predictors: an entry of the catalog.
        paths: the photos.
        names: the seen and the unseen names, as typed.
        display: thresholds, penalties and opacity.
        report: called with the share done (0..1) and a line to show meanwhile.
        turns: held while a photo is answered; see `zsseg.demo.turns`.

    Returns:
        Path of the ZIP, a folder per photo; and a table of what was found, as HTML.

    Raises:
        UserError: no photo, too many, or none could be answered.
    """
    if not paths:
        raise UserError("There are no photos yet: drop some here first.")
    if len(paths) > MAX_PHOTOS:
        raise UserError(f"{len(paths)} photos are too many at a time: give at most {MAX_PHOTOS}.")
    rows: list[tuple[str, ...]] = []
    problems: list[str] = []
    path = fresh_folder() / "zsseg-photos.zip"
    # Names are unique here: two photos of one name must not share a folder in the ZIP.
    photos = find_photos(paths)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, photo in enumerate(photos):
            report(number / len(photos), f"{number + 1} of {len(photos)}")
            try:
                # Between two photos other visitors get their turn.
                with turns or nullcontext():
                    answer = segment(predictors, photo.path, *names)
            except UserError as error:
                # Kept for the end: one bad photo must not cost the others.
                problems.append(f"{Path(photo.path).name}: {error}")
                continue
            problems += [warning for result in answer.results.values() for warning in result.warnings]
            _pack(archive, answer, display, photo)
            rows += _rows(answer, display, photo)
    if not rows:
        raise UserError(" ".join(problems))
    # `fromkeys`: the same warning would come once for every photo and method.
    notes = Markup().join(help_text(problem) for problem in dict.fromkeys(problems))
    return str(path), table(("photo", "painted", "method", "largest classes"), rows) + notes


def _pack(archive: zipfile.ZipFile, answer: Answer, display: DisplaySettings, photo: PhotoPath) -> None:
    shown = {method: display.apply(answer, method) for method in answer.results}
    manifest = manifest_of(answer.photo, answer.file_name, answer.vocabulary, shown, display.opacity)
    for name, content in answer_files(answer.photo, shown, manifest):
        archive.writestr(f"{photo.name}/{name}", content)


def _rows(answer: Answer, display: DisplaySettings, photo: PhotoPath) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for method in answer.results:
        shown = display.apply(answer, method)
        ranked = sorted(zip(shown.area, shown.names, strict=True), reverse=True)[:3]
        found = ", ".join(f"{name} {area:.0%}" for area, name in ranked if area > 0) or "none of these"
        small = picture(jpeg_uri(shrink(overlay(answer.photo, shown, display.opacity), THUMBNAIL)))
        rows.append((photo.name, small, title_of(method), found))
    return rows
