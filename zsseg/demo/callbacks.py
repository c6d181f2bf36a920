"""What the page does, as plain functions: no Gradio here, so each can be called and tested alone."""

import json
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from zsseg.errors import UserError
from zsseg.export import write_outputs
from zsseg.image import load_image
from zsseg.predictor import DEFAULT_CHECKPOINTS, Predictor
from zsseg.segmentation import Segmentation
from zsseg.visualize import overlay
from zsseg.vocabulary import build_vocabulary

TITLES: Mapping[str, str] = {"zegclip": "ZegCLIP", "clip_rc": "CLIP-RC"}
MAX_NAMES = 64
KEEP_FILES_SECONDS = 3600

# A method's predictor, or the sentence that says why there is none.
Predictors = Mapping[str, Predictor | UserError]


@dataclass(frozen=True)
class Answer:
    """One question's answers, kept for one visitor so that sliders never run the network again.

    Attributes:
        photo: (H, W, 3) RGB, 0..255.
        results: method -> its segmentation of the photo.
    """

    photo: np.ndarray
    results: Mapping[str, Segmentation]


def load_predictors(checkpoints: Mapping[str, str] = DEFAULT_CHECKPOINTS, device: str = "cpu") -> Predictors:
    """Load one checkpoint per method; a missing or damaged one becomes its sentence instead of an exception.

    Args:
        checkpoints: method -> name or path of its checkpoint.
        device: where the networks run.
    """
    loaded: dict[str, Predictor | UserError] = {}
    backbones: dict[str, Any] = {}  # both methods usually stand on the same one
    for method, name in checkpoints.items():
        try:
            loaded[method] = Predictor.from_checkpoint(name, device=device, backbones=backbones)
        except UserError as error:
            loaded[method] = error
    return loaded


def working(predictors: Predictors) -> dict[str, Predictor]:
    """Return only the methods that can answer."""
    return {method: each for method, each in predictors.items() if not isinstance(each, UserError)}


def problems(predictors: Predictors) -> dict[str, str]:
    """Return method -> sentence for each method that cannot answer."""
    return {method: str(each) for method, each in predictors.items() if isinstance(each, UserError)}


def check_names(seen: str, unseen: str) -> None:
    """Refuse lists the page cannot answer well.

    Raises:
        UserError: no name, a name in both boxes, or more than MAX_NAMES names.
    """
    count = len(build_vocabulary(seen, unseen).names)
    if count > MAX_NAMES:
        raise UserError(
            f"{count} class names are too many for this page: ask about at most {MAX_NAMES} at a time, "
            "or use Python or the shell, which take up to 1000."
        )


def ask(
    predictors: Predictors,
    photo: str | None,
    seen: str,
    unseen: str,
    report: Callable[[float, str], object] = lambda _fraction, _text: None,
) -> Answer:
    """Answer one question with every method that works.

    Args:
        predictors: what `load_predictors` returned.
        photo: path of the visitor's picture.
        seen: names typed in the first box.
        unseen: names typed in the second box.
        report: called with the share done (0..1) and a line to show meanwhile.

    Raises:
        UserError: nothing to look at, an unreadable picture, bad names, or no working checkpoint.
    """
    able = working(predictors)
    if not able:
        raise UserError(" ".join(problems(predictors).values()) or "No checkpoint is loaded.")
    image = _read(photo)
    check_names(seen, unseen)
    results = {}
    for step, (method, predictor) in enumerate(able.items()):
        report(step / len(able), f"{TITLES[method]} is looking")
        results[method] = predictor.predict(image, seen, unseen)
    return Answer(image, results)


def card(
    answer: Answer, method: str, threshold: float, seen_penalty: float, opacity: float
) -> tuple[np.ndarray, Segmentation]:
    """Render one method's picture from its stored scores; the network does not run.

    Args:
        answer: what `ask` returned.
        method: a key of its results.
        threshold: pixels whose best score is below are "none of these".
        seen_penalty: subtracted from the seen classes' scores before the best is chosen.
        opacity: 0 shows the photo, 1 the colours.

    Returns:
        (H, W, 3) uint8 RGB, and the segmentation with these settings.
    """
    segmentation = answer.results[method].with_settings(seen_penalty=seen_penalty, threshold=threshold)
    return overlay(answer.photo, segmentation, opacity), segmentation


def segment_one(
    predictors: Predictors,
    photo: str | None,
    names: tuple[str, str],
    settings: tuple[float | None, float | None],
    method: str,
) -> tuple[dict[str, Any], str, str]:
    """Answer one question with one method and write lossless files.

    Args:
        predictors: what `load_predictors` returned.
        photo: path of the picture.
        names: the seen and the unseen names, as typed.
        settings: seen penalty and threshold; None takes the checkpoint's own.
        method: "zegclip" or "clip_rc".

    Returns:
        The content of result.json, and the paths of labels.png and scores.npz.

    Raises:
        UserError: as `ask`, or an unknown method.
    """
    if method not in predictors:
        raise UserError(f"There is no method called {method!r}: ask for one of {', '.join(predictors)}.")
    predictor = predictors[method]
    if isinstance(predictor, UserError):
        raise predictor
    image = _read(photo)
    check_names(*names)
    segmentation = predictor.predict(image, *names, seen_penalty=settings[0], threshold=settings[1])
    folder = fresh_folder()
    write_outputs(image, segmentation, folder)
    result = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    return result, str(folder / "labels.png"), str(folder / "scores.npz")


def write_files(answer: Answer, settings: Mapping[str, tuple[float, float]]) -> list[str]:
    """Write every method's files as they are shown now.

    Args:
        answer: what `ask` returned.
        settings: method -> threshold and seen penalty.

    Returns:
        Paths, named METHOD-labels.png and so on.
    """
    folder = fresh_folder()
    paths = []
    for method, result in answer.results.items():
        threshold, seen_penalty = settings[method]
        shown = result.with_settings(seen_penalty=seen_penalty, threshold=threshold)
        write_outputs(answer.photo, shown, folder / method)
        for path in sorted((folder / method).iterdir()):
            paths.append(str(path.rename(folder / f"{method}-{path.name}")))
    return paths


def fresh_folder() -> Path:
    """Make an empty folder for one answer's files, and throw away those older than an hour."""
    root = Path(tempfile.gettempdir()) / "zsseg-demo"
    root.mkdir(exist_ok=True)
    for old in root.iterdir():
        if time.time() - old.stat().st_mtime > KEEP_FILES_SECONDS:
            shutil.rmtree(old, ignore_errors=True)
    return Path(tempfile.mkdtemp(dir=root))


def _read(photo: str | None) -> np.ndarray:
    if not photo:
        raise UserError("There is no photo yet: upload or paste one, use the camera, or click an example.")
    return load_image(photo)
