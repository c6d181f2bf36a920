"""The checkpoints that a visitor can choose between: the first choice is loaded at once, the others when asked."""

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from zsseg.errors import UserError
from zsseg.predictor import DEFAULT_CHECKPOINTS, Predictor
from zsseg.weights.checkpoint import Metadata, find_checkpoint, list_checkpoints

TITLES: Mapping[str, str] = {"zegclip": "ZegCLIP", "clip_rc": "CLIP-RC"}
DRAWN = "shapes"
"""Name of the drawn world in a checkpoint's record of what it was trained on."""

# A method's predictor, or the sentence that says why there is none.
Predictors = Mapping[str, Predictor | UserError]


@dataclass(frozen=True)
class Choice:
    """What a visitor can pick.

    Attributes:
        title: as it stands in the list, different from all others.
        checkpoints: method -> name or path of its checkpoint, or the sentence that says why there is none.
        world: what kind of pictures it knows, for a visitor who has never heard of its backbone.
    """

    title: str
    checkpoints: Mapping[str, str | UserError]
    world: str = ""


class Shelf:
    """Choices in the order they are offered, and what is loaded of them; shared by all visitors.

    Args:
        choices: at least one; the first is loaded here.
        device: where the networks run.
    """

    def __init__(self, choices: Sequence[Choice], device: str = "cpu") -> None:
        self._choices = {choice.title: choice for choice in choices}
        self._device = device
        self._backbones: dict[str, Any] = {}  # by sha256: both methods usually stand on the same one
        self._loaded: dict[str, Predictors] = {}
        self._lock = threading.Lock()
        self.get(self.first)

    @property
    def titles(self) -> list[str]:
        """The choices' titles."""
        return list(self._choices)

    @property
    def entries(self) -> list[tuple[str, str]]:
        """What the list shows of each choice, and its title."""
        return [(f"{each.world}: {title}" if each.world else title, title) for title, each in self._choices.items()]

    @property
    def worlds(self) -> list[str]:
        """The kinds of pictures that the choices know, each once, that of the first choice first."""
        return list(dict.fromkeys(each.world for each in self._choices.values() if each.world))

    @property
    def first(self) -> str:
        """Title of the choice that the page starts with."""
        return next(iter(self._choices))

    def get(self, title: str) -> Predictors:
        """The predictors of a choice, loaded first if need be.

        Raises:
            UserError: there is no such choice.
        """
        if title not in self._choices:
            raise UserError(f"There is no model “{title}”: choose one of {', '.join(self._choices)}.")
        with self._lock:
            if title not in self._loaded:
                self._loaded[title] = self._load(self._choices[title])
            return self._loaded[title]

    def _load(self, choice: Choice) -> Predictors:
        return {method: self._open(source) for method, source in choice.checkpoints.items()}

    def _open(self, source: str | UserError) -> Predictor | UserError:
        if isinstance(source, UserError):
            return source
        try:
            return Predictor.from_checkpoint(source, device=self._device, backbones=self._backbones)
        except UserError as error:
            return error


def shelf_of(checkpoints: Mapping[str, str] = DEFAULT_CHECKPOINTS, title: str = "model") -> Shelf:
    """A shelf with one choice.

    Args:
        checkpoints: method -> name or path of its checkpoint.
        title: of the choice.
    """
    return Shelf([Choice(title, dict(checkpoints))])


def find_shelf(weights: str | None = None) -> Shelf:
    """Everything that can be found, one choice per backbone and setting; that of the default checkpoints first.

    A method without a checkpoint is told about, and so is a place that cannot be searched.

    Args:
        weights: searched first; see `zsseg.weights.checkpoint.list_checkpoints`.
    """
    default = {method: _find(name, weights) for method, name in DEFAULT_CHECKPOINTS.items()}
    try:
        found = list_checkpoints(weights)
    except UserError:  # told by the default checkpoints, which were looked for in the same place
        found = []
    readable = [(path, content) for path, content in found if isinstance(content, Metadata)]
    choices, worlds = _group(readable), {str(path): _world(content) for path, content in readable}
    wanted = {str(source) for source in default.values()}
    first = next((title for title, sources in choices.items() if wanted & set(map(str, sources.values()))), None)
    every = {first or "default": default} | {title: each for title, each in choices.items() if title != first}
    device = "cuda" if torch.cuda.is_available() else "cpu"
    return Shelf([_choice(title, sources, worlds) for title, sources in every.items()], device)


def _choice(title: str, sources: Mapping[str, str | UserError], worlds: Mapping[str, str]) -> Choice:
    return Choice(title, sources, next((worlds[str(each)] for each in sources.values() if str(each) in worlds), ""))


def _world(metadata: Metadata) -> str:
    return "Drawn shapes" if DRAWN in metadata.data else "Real photos"


def _find(name: str, weights: str | None) -> str | UserError:
    try:
        return str(find_checkpoint(name, weights))
    except UserError as error:
        return error


def _group(found: Iterable[tuple[Path, Metadata]]) -> dict[str, dict[str, str | UserError]]:
    choices: dict[str, dict[str, str | UserError]] = {}
    for path, metadata in found:
        title = f"{metadata.backbone}, {metadata.setting}"
        if metadata.method in choices.get(title, {}):
            title = f"{title} ({path.stem})"
        choices.setdefault(title, {})[metadata.method] = str(path)
    for title, checkpoints in choices.items():
        for method in TITLES.keys() - checkpoints.keys():
            checkpoints[method] = UserError(f"There is no {TITLES[method]} checkpoint for {title}: train one.")
    # Both methods in one order everywhere.
    return {title: {method: sources[method] for method in TITLES} for title, sources in choices.items()}


def working(predictors: Predictors) -> dict[str, Predictor]:
    """Return only the methods that can answer."""
    return {method: each for method, each in predictors.items() if not isinstance(each, UserError)}


def problems(predictors: Predictors) -> dict[str, str]:
    """Return method -> sentence for each method that cannot answer."""
    return {method: str(each) for method, each in predictors.items() if isinstance(each, UserError)}
