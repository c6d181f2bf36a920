"""The documented HTTP endpoint ``/segment``, which is also a tool of the Model Context Protocol."""

from collections.abc import Callable, Mapping
from typing import Any

import gradio as gr

from zsseg.demo import actions
from zsseg.demo.catalog import Catalog
from zsseg.demo.page import MODEL_QUEUE, as_error, uploaded


def wire_endpoint(catalog: Catalog) -> None:
    """Offer ``/segment``; unlike the page's own events it is called by the names of its parameters."""
    inputs, outputs = _components(catalog.methods)
    # Gradio offers an event to programs; this hidden button only carries it and is never pressed.
    gr.Button("segment", visible=False).click(
        _endpoint(catalog),
        inputs,
        outputs,
        api_name="segment",
        # As on the page, see `zsseg.demo.page.uploaded`: Gradio would open the photo and fail without a sentence.
        preprocess=False,
        concurrency_id=MODEL_QUEUE,
        concurrency_limit=1,
    )


def _endpoint(catalog: Catalog) -> Callable[..., tuple[dict[str, Any], str, str]]:
    """The function behind ``/segment``; Gradio shows its signature and its docstring to programs."""
    # A default in the signature, so that programs see which method answers.
    first = catalog.methods[0]

    def segment(
        photo: Mapping[str, Any],
        seen: str | None = "",
        unseen: str | None = "",
        seen_penalty: float | None = None,
        threshold: float | None = None,
        method: str | None = first,
        model: str | None = "",
        photo_gate: float = 0.0,
    ) -> tuple[dict[str, Any], str, str]:
        """Segment a photo by class names with one method.

        Returns the content of result.json, the label map as an index PNG (255 is none of these), and the scores as NPZ.
        Names longer than the context length are truncated, and "warnings" in the result say so.

        Args:
            photo: the picture, uploaded; as a tool of the Model Context Protocol a data URL
            seen: names of classes with masks in training, separated by commas; synonyms by |
            unseen: names of classes without masks in training, likewise
            seen_penalty: -1..1, subtracted from the scores of seen classes; without it the checkpoint's own
            threshold: 0..1, pixels with lower scores are none of the classes; without it the checkpoint's own
            method: key of the method that answers
            model: as in the page's list, after its colon; without it the first of the list
            photo_gate: 0..1, lowers classes that the whole photo does not speak for; 0 is off
        """
        with as_error(as_html=False):
            predictors = catalog.get(catalog.first if model in (None, "") else model)
            boxes = ["" if box is None else box for box in (seen, unseen)]
            # A program may send null for what it leaves out.
            gate, asked = 0.0 if photo_gate is None else photo_gate, first if method is None else method
            settings = (seen_penalty, threshold, gate)
            with catalog.turns:
                return actions.segment_one(predictors, uploaded(photo), (boxes[0], boxes[1]), settings, asked)

    return segment


def _components(methods: list[str]) -> tuple[list[Any], list[Any]]:
    """Inputs and outputs of its own: those of the page would show what they hold as a program's defaults."""
    # The order is that of the function's parameters.
    inputs: list[Any] = [gr.Image(type="filepath", image_mode=None, label="Photo", visible=False)]
    inputs += [gr.Textbox("", label=f"{kind} classes", visible=False) for kind in ("Seen", "Unseen")]
    inputs += [gr.Number(None, label=name, visible=False) for name in ("Seen penalty", "Threshold")]
    inputs += [gr.Radio(methods, value=methods[0], label="Method", visible=False)]
    inputs += [gr.Textbox("", label="Model", visible=False)]
    inputs += [gr.Number(0, label="Photo gate", visible=False)]
    outputs: list[Any] = [gr.JSON(visible=False, label="Result")]
    outputs += [gr.File(visible=False, label=name) for name in ("Label map", "Scores")]
    return inputs, outputs
