"""The page's components in one place for its events, and what the events read and write in common.

An event takes its inputs as a set of components and gets a dictionary from component to value; it returns one from
component to new value, and what is not in it stays as it is. So nothing depends on an order.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.utils import get_upload_folder

from zsseg.demo.actions import Answer, DisplaySettings
from zsseg.demo.answer.card import card
from zsseg.demo.answer.layout import Card
from zsseg.demo.catalog import Catalog, Predictors
from zsseg.demo.html.templates import escape
from zsseg.demo.question.layout import InputPanel
from zsseg.errors import UserError, explain_memory_errors
from zsseg.models import METHODS

MODEL_QUEUE, BATCH_QUEUE = "model", "batch"
QUIET: Mapping[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
"""Options of an event that is quick and not offered to programs."""

RUN = """() => {
  const boxes = [...document.querySelectorAll("#zs-seen textarea, #zs-unseen textarea")];
  const complete = document.querySelector("#zs-photo img") && boxes.some((box) => box.value.trim());
  const run = document.getElementById("zs-run");
  if (complete && run && !run.disabled) run.click();
}"""
"""Script that runs the question. Where a photo or names are missing nothing runs: no button was pressed, so there is no
mistake to report."""

Values = Mapping[Any, Any]
"""Component: its value."""


@dataclass(frozen=True)
class Details:
    """Every component of the tabs that an event fills or reads."""

    tabs: gr.Tabs
    kind: gr.Radio
    scores: gr.HTML
    sums: gr.HTML
    level: gr.Slider
    claims: gr.HTML
    comparison: gr.HTML
    region_class: gr.Dropdown
    region_window: gr.Dropdown
    regions: gr.HTML
    recovery: gr.HTML
    similarity: gr.HTML
    mask: gr.File
    meanings: gr.Textbox
    truth: gr.HTML
    photos: gr.File
    run_batch: gr.Button
    batch_zip: gr.File
    batch_table: gr.HTML
    make_files: gr.Button
    files: gr.File
    make_link: gr.Button
    link: gr.Textbox
    explain: gr.HTML
    models: gr.HTML


@dataclass(frozen=True)
class Page:
    """All components, and what the page remembers of one visitor.

    Attributes:
        catalog: the models, shared by all visitors.
        header: the title; its script works for the whole page.
        banner: place of the banner.
        verdict: place of the sentence that says which method is better where there is a ground truth.
        panel, cards, opacity, edges, gate, extra, pixel, details: the components.
        photo: the photo below the paint of every card; it is nothing to see by itself.
        answer: the stored scores, or None.
        off: frozenset of the names of classes that are switched off.
        point: (x, y) in 0..1 of the pixel that was clicked, or None.
        truth: the true mask, or None.
        flipped: names that the visitor marked against the model's lists.
    """

    catalog: Catalog
    header: gr.HTML
    banner: gr.HTML
    panel: InputPanel
    verdict: gr.HTML
    cards: list[Card]
    opacity: gr.Slider
    edges: gr.Checkbox
    gate: gr.Checkbox
    extra: gr.CheckboxGroup
    pixel: gr.HTML
    details: Details
    photo: gr.HTML
    answer: gr.State
    off: gr.State
    point: gr.State
    truth: gr.State
    flipped: gr.State

    @property
    def sliders(self) -> list[gr.Slider]:
        """Two sliders per card, then the opacity."""
        return [slider for item in self.cards for slider in (item.threshold, item.seen_penalty)] + [self.opacity]

    @property
    def display(self) -> set[Any]:
        """The inputs that `read_display` reads."""
        return {*self.sliders, self.edges, self.gate, self.off}

    def read_display(self, values: Values) -> DisplaySettings:
        """Read the display settings; what is missing among the values is its default: every class on, switches off.

        The events that follow the sliders are wired with ``preprocess=False``, as Gradio answers HTTP 500 to a number
        that is missing or out of range: here it counts as the nearest possible one, and what is no number as missing.
        """

        settings = {
            item.method: (number(item.threshold, values), number(item.seen_penalty, values)) for item in self.cards
        }
        # `get`, because some events have no need of the switches among their inputs.
        off, edges, gate = values.get(self.off, frozenset()), bool(values.get(self.edges)), bool(values.get(self.gate))
        return DisplaySettings(settings, number(self.opacity, values), off, edges, gate)

    def predictors(self, values: Values) -> Predictors:
        """The methods of the model that is chosen; an unknown one is Gradio's error with a sentence."""
        return self.model(values[self.panel.model])

    def model(self, title: str) -> Predictors:
        """Those of the model of that title, likewise."""
        with as_error():
            return self.catalog.get(title)

    def methods(self, values: Values) -> list[str]:
        """Keys of the methods whose cards are shown: those that the page starts with, and those that were added."""
        # None where no choice was sent.
        extra = values[self.extra] if isinstance(values[self.extra], list) else []
        return [item.method for item in self.cards if METHODS[item.method].shown or item.method in extra]

    @property
    def views(self) -> list[gr.HTML]:
        """The outputs that `draw` fills."""
        return [item.view for item in self.cards]

    def draw(
        self, answer: Answer | None, display: DisplaySettings, cards: Sequence[Card] | None = None
    ) -> dict[Any, Any]:
        """Render cards from stored scores, all of them by default; a method without an answer stays as it is."""
        return {
            # A skipped card keeps its old picture, for instance of a method that was not asked this time.
            item.view: card(answer, item.method, display) if answer and item.method in answer.results else gr.skip()
            for item in (self.cards if cards is None else cards)
        }


def number(slider: gr.Slider, values: Values) -> float:
    """The value of a slider, the nearest possible one where it is out of range; its smallest where it is no number."""
    value = values[slider]  # without preprocessing it comes as the browser sent it
    if not isinstance(value, int | float) or isinstance(value, bool) or value != value:  # the last is NaN alone
        return slider.minimum
    return min(max(value, slider.minimum), slider.maximum)


def typed(value: object) -> str:
    """The text of a box; none where something else was sent."""
    return value if isinstance(value, str) else ""


def said(event: gr.EventData, key: str) -> Any:  # noqa: ANN401 - whatever was sent
    """What the browser says of an event, half characters as question marks; None where it says nothing of that name.

    Everybody may send an event of any content.
    """
    value = event._data.get(key) if isinstance(event._data, Mapping) else None
    return value.encode(errors="replace").decode() if isinstance(value, str) else value


@contextmanager
def as_error(as_html: bool = True) -> Iterator[None]:
    """Turn the sentence of a `UserError` into Gradio's error, and too little memory; anything else is a defect.

    The page renders errors as HTML, and the sentence may quote what a visitor typed; a program gets it plain.
    """
    try:
        with explain_memory_errors():
            yield
    except UserError as error:
        # Escaped as everywhere on the page, or a name with a tag in it would be one.
        sentence = str(escape(error)) if as_html else str(error)
        raise gr.Error(sentence, duration=12, print_exception=False) from error


def uploaded(photo: object) -> str | None:
    """Return the uploaded file as it came.

    The events that take a photo are wired with ``preprocess=False``: Gradio would open the picture first, and fail
    without a sentence where it cannot. A caller may then name any file of this machine, hence the check.

    Raises:
        UserError: the file is not one that was uploaded here.
    """
    if not isinstance(photo, Mapping | None):
        kind = type(photo).__name__
        raise UserError(f"A photo is uploaded first and then named as {{'path': ...}}, not by a value of type {kind}.")
    path = photo.get("path") if photo else None
    if not isinstance(path, str | None):
        raise UserError(f"The path of a photo is a text, not {type(path).__name__}: upload the photo first.")
    if path is not None and not _is_uploaded(path):
        raise UserError("This photo was not uploaded to the page: upload it first, then ask again.")
    return path


def _is_uploaded(path: str) -> bool:
    try:
        # Both sides are resolved: a link or ".." inside the upload folder must not lead out of it.
        return Path(path).resolve().is_relative_to(Path(get_upload_folder()).resolve())
    except (OSError, ValueError):  # a name that no file can have
        return False
