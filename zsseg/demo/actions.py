"""What the page does, as plain functions: no Gradio here, so each can be called and tested alone."""

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from zsseg.analysis.photo_gate import apply_photo_gate
from zsseg.demo.catalog import Predictors, problems, shown, title_of, working
from zsseg.demo.folders import delete_folders as delete_folders
from zsseg.demo.folders import fresh_folder
from zsseg.errors import UserError
from zsseg.export import write_outputs, write_zip
from zsseg.export.manifest import manifest_of
from zsseg.files import safe_name
from zsseg.image.load import Pixels, load_image
from zsseg.segmentation import Segmentation
from zsseg.text.vocabulary import Vocabulary, build_vocabulary
from zsseg.visualize import follow_edges

# Below what Python and the shell take: everybody waits in one queue, and every name costs time.
PAGE_NAMES = 200
PAGE_SYNONYMS = 2 * PAGE_NAMES
"""Of all classes together, the names among them: each costs the networks as much as a class."""


@dataclass(frozen=True)
class Answer:
    """One question's answers, kept for one visitor so that sliders never run the network again.

    Attributes:
        photo: (H, W, 3) RGB, 0..255.
        file_name: of the photo, without folders.
        vocabulary: what was asked.
        results: method -> its segmentation of the photo.
        model: title of the catalog entry that answered.
        typed: texts of the two boxes, to tell whether the answer is of what is asked now.
        path: of the uploaded photo, likewise.
    """

    # The pixels and not the path: Gradio may have deleted the upload when a slider moves.
    photo: Pixels
    file_name: str
    vocabulary: Vocabulary
    results: Mapping[str, Segmentation]
    model: str = ""
    typed: tuple[str, str] = ("", "")
    path: str = ""

    @cached_property
    def gated(self) -> Mapping[str, Segmentation]:
        """Method -> its segmentation through the photo-level gate; computed when first wanted."""
        return {method: apply_photo_gate(seg) for method, seg in self.results.items()}

    @cached_property
    def refined(self) -> Mapping[str, Segmentation]:
        """Method -> its segmentation with scores that follow the edges of the photo; computed when first wanted."""
        return self._along_edges(self.results)

    @cached_property
    def gated_refined(self) -> Mapping[str, Segmentation]:
        """Method -> first `gated`, then `refined`."""
        # In this order: the gate belongs to the answer, edges only to the picture of it.
        return self._along_edges(self.gated)

    def _along_edges(self, results: Mapping[str, Segmentation]) -> Mapping[str, Segmentation]:
        return {method: replace(seg, scores=follow_edges(seg.scores, self.photo)) for method, seg in results.items()}

    @property
    def boxes(self) -> tuple[list[str], list[str]]:
        """The seen and the unseen classes, as `Predictor.predict` takes them."""
        groups = list(zip(map(" | ".join, self.vocabulary.synonyms), self.vocabulary.seen, strict=True))
        return [text for text, seen in groups if seen], [text for text, seen in groups if not seen]


@dataclass(frozen=True)
class DisplaySettings:
    """How the stored scores are shown.

    Attributes:
        settings: method -> threshold, 0..1, and seen penalty, -1..1.
        opacity: 0 shows the photo, 1 the colours.
        off: names of classes that are switched off.
        edges: the scores follow the edges of the photo, see `zsseg.visualize.follow_edges`.
        gate: the photo-level gate is on, see `zsseg.analysis.photo_gate`.
    """

    settings: Mapping[str, tuple[float, float]]
    opacity: float
    off: frozenset[str] = frozenset()
    edges: bool = False
    gate: bool = False

    def apply(self, answer: Answer, method: str) -> Segmentation:
        """The method's segmentation with these settings; the network does not run."""
        threshold, seen_penalty = self.settings[method]
        if self.gate:
            results = answer.gated_refined if self.edges else answer.gated
        else:
            results = answer.refined if self.edges else answer.results
        # Thresholds and switches come last, as every stage before them only changes scores.
        return results[method].with_settings(seen_penalty=seen_penalty, threshold=threshold, off=self.off)


def check_names(seen: str, unseen: str) -> Vocabulary:
    """Read the boxes; refuse lists the page cannot answer well.

    Raises:
        UserError: no name, a name in both boxes, or more than PAGE_NAMES names or PAGE_SYNONYMS synonyms.
    """
    vocabulary = build_vocabulary(seen, unseen)
    if len(vocabulary.names) > PAGE_NAMES:
        raise UserError(
            f"{len(vocabulary.names)} class names are too many for this page: ask about at most {PAGE_NAMES} at a "
            "time, or use Python or the shell, which take up to 1000."
        )
    if (count := sum(map(len, vocabulary.synonyms))) > PAGE_SYNONYMS:
        raise UserError(
            f"{count} names with their synonyms are too many for this page: "
            f"ask about at most {PAGE_SYNONYMS} at a time."
        )
    return vocabulary


def segment(
    predictors: Predictors,
    photo: str | None,
    seen: str,
    unseen: str,
    report: Callable[[float, str], object] = lambda _fraction, _text: None,
    model: str = "",
    methods: Collection[str] | None = None,
) -> Answer:
    """Answer one question with the methods that are wanted and work.

    Args:
        predictors: an entry of the catalog.
        photo: path of the visitor's picture.
        seen: names typed in the first box.
        unseen: names typed in the second box.
        report: called with the share done (0..1) and a line to show meanwhile.
        model: title of the catalog entry, for the record.
        methods: keys of the wanted methods; None takes those that the page starts with.

    Raises:
        UserError: no picture, an unreadable picture, bad names, or no working checkpoint.
    """
    # In the order of the catalog, whatever that of `methods` is: cards never change places.
    wanted = shown(predictors) if methods is None else {key: predictors[key] for key in predictors if key in methods}
    able = working(wanted)
    if not able:
        # The sentences of all methods: the visitor cannot know which of them should have answered.
        raise UserError(" ".join(problems(wanted).values()) or "No checkpoint is loaded.")
    image = _read(photo)
    vocabulary = check_names(seen, unseen)
    results = {}
    for step, (method, predictor) in enumerate(able.items()):
        report(step / len(able), f"{title_of(method)} is running")
        # Each method reads the photo's pixels, not the file: it is decoded once.
        results[method] = predictor.predict(image, seen, unseen)
    return Answer(image, Path(photo or "").name, vocabulary, results, model, (seen, unseen), photo or "")


def segment_one(
    predictors: Predictors,
    photo: str | None,
    names: tuple[str, str],
    settings: tuple[float | None, float | None, float],
    method: str,
) -> tuple[dict[str, Any], str, str]:
    """Answer one question with one method and write lossless files.

    Args:
        predictors: an entry of the catalog.
        photo: path of the picture.
        names: the seen and the unseen names, as typed.
        settings: seen penalty and threshold, where None takes the checkpoint's own; photo-level gate, 0..1.
        method: one of the registered methods, such as "zegclip".

    Returns:
        The content of result.json, and the paths of labels.png and scores.npz.

    Raises:
        UserError: as `segment`, or an unknown method.
    """
    # A program may send any JSON value, and a list as a key would fail without a sentence.
    if not isinstance(method, str) or method not in predictors:
        raise UserError(f"There is no method called {method!r:.60}: ask for one of {', '.join(predictors)}.")
    predictor = predictors[method]
    if isinstance(predictor, UserError):
        raise predictor
    image = _read(photo)
    check_names(*names)
    penalty, threshold, gate = settings
    segmentation = predictor.predict(image, *names, seen_penalty=penalty, threshold=threshold, photo_gate=gate)
    folder = fresh_folder()
    write_outputs(image, segmentation, folder)
    # Read back from the file, so that what a program gets and what it downloads are the same to the letter.
    result = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    return result, str(folder / "labels.png"), str(folder / "scores.npz")


def write_files(answer: Answer, display: DisplaySettings) -> str:
    """Write everything that is shown now into one ZIP and return its path.

    Classes switched off are in it too. The scores do not follow the edges of the photo; the photo-level gate is in them
    where it is on, and the manifest says so.
    """
    # Without `off` and `edges`: both are ways to look at an answer and no part of it.
    whole = DisplaySettings(display.settings, display.opacity, gate=display.gate)
    shown = {method: whole.apply(answer, method) for method in answer.results}
    manifest = manifest_of(answer.photo, answer.file_name, answer.vocabulary, shown, display.opacity)
    # The stem comes from a visitor, and the ZIP's name becomes a path here.
    name = safe_name(Path(answer.file_name).stem, "photo")
    return str(write_zip(answer.photo, shown, fresh_folder() / f"{name}-zsseg.zip", manifest))


def _read(photo: str | None) -> Pixels:
    if not photo:
        raise UserError("There is no photo yet: upload or paste one, use the camera, or click an example.")
    return load_image(photo)
