"""The checkpoints that a visitor can choose between: the first entry is loaded at once, the others when asked."""

import threading
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from zsseg.demo.spaces import lend
from zsseg.demo.turns import Turns
from zsseg.errors import UserError
from zsseg.models import METHODS, TrainingFreeConfig, shown_methods
from zsseg.predictor import Predictor, default_checkpoints
from zsseg.weights.metadata import Metadata, read_metadata
from zsseg.weights.released.listing import released_title
from zsseg.weights.search import find_backbone_of, find_checkpoint, list_checkpoints

DRAWN_DOMAIN = "Drawn shapes"
DRAWN = "shapes"
"""Name of the drawn domain in a checkpoint's record of what it was trained on."""

# A method's predictor, or the sentence that says why there is none.
Predictors = Mapping[str, Predictor | UserError]


@dataclass(frozen=True)
class ModelEntry:
    """What a visitor can pick.

    Attributes:
        title: as it stands in the list, different from all others.
        checkpoints: method -> name or path of its checkpoint, or the sentence that says why there is none; methods
            that need no checkpoint come with the backbone of the first that is there.
        domain: what kind of pictures it knows, for a visitor who has never heard of its backbone.
    """

    title: str
    checkpoints: Mapping[str, str | UserError]
    domain: str = ""


class Catalog:
    """Entries in the order they are offered, and what is loaded of them; shared by all visitors.

    Args:
        entries: at least one; the first is loaded here.
        device: where the networks run.

    Attributes:
        turns: the lock that a request holds while it runs the networks.
    """

    def __init__(self, entries: Sequence[ModelEntry], device: str = "cpu") -> None:
        self._entries = {entry.title: entry for entry in entries}
        self._device = device
        self._backbones: dict[str, Any] = {}  # by sha256: both methods usually stand on the same one
        self._loaded: dict[str, Predictors] = {}
        self._lock = threading.Lock()
        self.turns = Turns()
        # Here and not with the first visitor, who would wait for the weights.
        self.get(self.first)

    @property
    def titles(self) -> list[str]:
        """The entries' titles."""
        return list(self._entries)

    @property
    def methods(self) -> list[str]:
        """Keys of all methods that can be asked for, in the registry's order; the same in every entry."""
        held = {method for entry in self._entries.values() for method in entry.checkpoints}
        # All entries have the same methods, because cards are laid out once, before a model is chosen.
        return [key for key, method in METHODS.items() if key in held or not method.trained]

    @property
    def options(self) -> list[tuple[str, str]]:
        """What the drop-down list shows of each entry, and its title."""
        return [
            (f"{entry.domain}: {title}" if entry.domain else title, title) for title, entry in self._entries.items()
        ]

    @property
    def domains(self) -> list[str]:
        """The kinds of pictures that the entries know, each once, that of the first entry first."""
        return list(dict.fromkeys(entry.domain for entry in self._entries.values() if entry.domain))

    @property
    def drawn(self) -> str | None:
        """Title of the first entry that knows drawn scenes, or None."""
        return next((title for title, entry in self._entries.items() if entry.domain == DRAWN_DOMAIN), None)

    @property
    def first(self) -> str:
        """Title of the entry that the page starts with."""
        return next(iter(self._entries))

    def get(self, title: str) -> Predictors:
        """The predictors of an entry by method, one for each of `methods`, loaded first if need be.

        Raises:
            UserError: there is no such entry.
        """
        if not isinstance(title, str) or title not in self._entries:
            raise UserError(f"There is no model “{title}”: choose one of {', '.join(self._entries)}.")
        # Two visitors who choose one model at a time must not both load it: weights take much memory.
        with self._lock:
            if title not in self._loaded:
                self._loaded[title] = self._load(self._entries[title])
            return self._loaded[title]

    def _load(self, entry: ModelEntry) -> Predictors:
        return {key: self._open(key, entry) for key in self.methods}

    def _open(self, key: str, entry: ModelEntry) -> Predictor | UserError:
        try:
            if not METHODS[key].trained and key not in entry.checkpoints:
                folder = _backbone_of(entry)
                return lend(Predictor.training_free(folder, self._device, backbones=self._backbones, method=key))
            source = entry.checkpoints.get(key, _missing(key, entry.title))
            if isinstance(source, UserError):
                return source
            # Errors are kept as values: one broken checkpoint must not take the other method down.
            return lend(Predictor.from_checkpoint(source, device=self._device, backbones=self._backbones))
        except UserError as error:
            return error


def _backbone_of(entry: ModelEntry) -> Path:
    """The backbone folder that the entry's first checkpoint stands on.

    Raises:
        UserError: there is no usable checkpoint.
    """
    for source in entry.checkpoints.values():
        if not isinstance(source, UserError):
            with suppress(UserError):  # the checkpoint's own method says what is wrong with it
                path = find_checkpoint(source)
                return find_backbone_of(path, read_metadata(path))
    raise UserError(f"It needs the backbone of another method, and {entry.title} has no checkpoint that can be used.")


def _missing(key: str, title: str) -> UserError:
    return UserError(f"There is no {METHODS[key].title} checkpoint for {title}: train one.")


def catalog_of(checkpoints: Mapping[str, str] | None = None, title: str = "model") -> Catalog:
    """A catalog with one entry.

    Args:
        checkpoints: method -> name or path of its checkpoint; None takes the default ones.
        title: of the entry.
    """
    return Catalog([ModelEntry(title, dict(default_checkpoints() if checkpoints is None else checkpoints))])


def find_catalog(weights: str | None = None, baseline: str | None = None) -> Catalog:
    """Everything that can be found, one entry per backbone and setting; that of the default checkpoints first.

    A method without a checkpoint is reported, and so is a place that cannot be searched.

    Args:
        weights: searched first; see `zsseg.weights.search.list_checkpoints`.
        baseline: name of a checkpoint that needs no training and answers in the first entry beside the others, whatever
            its backbone; None takes their own backbone.
    """
    default = {method: _find(name, weights) for method, name in default_checkpoints().items()}
    try:
        found = list_checkpoints(weights)
    except UserError:  # reported for the default checkpoints, which were looked for in the same place
        found = []
    readable = [(path, content) for path, content in found if isinstance(content, Metadata)]
    # Unreadable files are left out here; a default one among them is reported by its own entry.
    entries, domains = _group(readable), {str(path): _domain(content) for path, content in readable}
    # Compared as texts, as a source is a path or the sentence that says why there is none.
    wanted = {str(source) for source in default.values()}
    first = next((title for title, sources in entries.items() if wanted & set(map(str, sources.values()))), None)
    beside = {TrainingFreeConfig.method: _find(baseline, weights)} if baseline else {}
    every = {first or "default": {**default, **beside}}
    every |= {title: sources for title, sources in entries.items() if title != first}
    device = "cuda" if torch.cuda.is_available() else "cpu"
    return Catalog([_entry(title, sources, domains) for title, sources in every.items()], device)


def _entry(title: str, sources: Mapping[str, str | UserError], domains: Mapping[str, str]) -> ModelEntry:
    return ModelEntry(
        title, sources, next((domains[str(source)] for source in sources.values() if str(source) in domains), "")
    )


def _domain(metadata: Metadata) -> str:
    return DRAWN_DOMAIN if DRAWN in metadata.data else "Real photos"


def _find(name: str, weights: str | None) -> str | UserError:
    try:
        return str(find_checkpoint(name, weights))
    except UserError as error:
        return error


def _group(found: Iterable[tuple[Path, Metadata]]) -> dict[str, dict[str, str | UserError]]:
    entries: dict[str, dict[str, str | UserError]] = {}
    for path, metadata in found:
        # Methods that share backbone and setting are compared side by side, so they make one entry.
        title = released_title(metadata.name, metadata.method) or f"{metadata.backbone}, {metadata.setting}"
        if metadata.method in entries.get(title, {}):
            # A second checkpoint of one method gets an entry of its own instead of replacing the first.
            title = f"{title} ({path.stem})"
        entries.setdefault(title, {})[metadata.method] = str(path)
    expected = [method.key for method in shown_methods() if method.trained]
    for title, checkpoints in entries.items():
        for method in expected:
            # Every entry answers for every main method, if only with the reason why it cannot.
            checkpoints.setdefault(method, _missing(method, title))
    # One order everywhere.
    return {title: {key: sources[key] for key in METHODS if key in sources} for title, sources in entries.items()}


def working(predictors: Predictors) -> dict[str, Predictor]:
    """Return only the methods that can answer."""
    return {method: predictor for method, predictor in predictors.items() if not isinstance(predictor, UserError)}


def with_regions(predictors: Predictors) -> dict[str, Predictor]:
    """Return only the methods that can answer and have region tokens."""
    return {m: predictor for m, predictor in working(predictors).items() if predictor.has_regions}


def problems(predictors: Predictors) -> dict[str, str]:
    """Return method -> sentence for each method that cannot answer."""
    return {method: str(error) for method, error in predictors.items() if isinstance(error, UserError)}


def title_of(method: str) -> str:
    """Name of a method for people, by its key; the key itself where an old answer's method is not known any more."""
    return METHODS[method].title if method in METHODS else method


def shown(predictors: Predictors) -> dict[str, Predictor | UserError]:
    """Return only the methods that the page starts with."""
    return {method: predictor for method, predictor in predictors.items() if METHODS[method].shown}
