"""What happens when a visitor does something; the work itself is in callbacks."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import gradio as gr
from gradio.utils import get_upload_folder

from zsseg.demo import callbacks, figures, views
from zsseg.demo.callbacks import TITLES, Answer, Predictors
from zsseg.demo.layout import Card, Details, Question
from zsseg.errors import UserError

MODEL_QUEUE = "model"

# On a phone the answer lies below the button; take the visitor there.
_SHOW_ANSWER = """() => {
  if (window.innerWidth < 800) document.getElementById("zs-answer")?.scrollIntoView({behavior: "smooth"});
}"""


def wire_run(
    predictors: Predictors,
    question: Question,
    cards: list[Card],
    opacity: gr.Slider,
    details: Details,
    answer: gr.State,
) -> None:
    """Run both methods on the button; one question at a time touches the networks."""

    def run(
        photo: Mapping[str, Any] | None, seen: str, unseen: str, *rest: float, progress: gr.Progress = gr.Progress()
    ) -> list[Any]:
        with _as_error():
            found = callbacks.ask(predictors, _path(photo), seen, unseen, progress)
        return [found, figures.score_grid(found), figures.recovery(found), *_show_all(cards, found, rest)]

    pictures = [card.picture for card in cards]
    gr.on(
        [question.run.click],
        run,
        [question.photo, question.seen, question.unseen, *_settings(cards, opacity)],
        [answer, details.scores, details.recovery, *_shown(cards)],
        show_progress_on=pictures,
        preprocess=False,
        concurrency_id=MODEL_QUEUE,
        concurrency_limit=1,
        api_visibility="private",
    ).success(None, js=_SHOW_ANSWER, api_visibility="private")


def wire_sliders(cards: list[Card], opacity: gr.Slider, answer: gr.State) -> None:
    """Render again from stored scores while a slider moves; the network does not run."""

    def redraw(found: Answer | None, *rest: float) -> list[Any]:
        return [gr.skip()] * len(_shown(cards)) if found is None else _show_all(cards, found, rest)

    gr.on(
        [slider.change for slider in _settings(cards, opacity)],
        redraw,
        [answer, *_settings(cards, opacity)],
        _shown(cards),
        show_progress="hidden",
        trigger_mode="always_last",
        concurrency_limit=None,
        api_visibility="private",
    )


def wire_files(cards: list[Card], details: Details, answer: gr.State) -> None:
    """Write the files of what is shown when asked to."""

    def make(found: Answer | None, *values: float) -> list[str]:
        with _as_error():
            if found is None:
                raise UserError("There is nothing to save yet: press Run first.")
            return callbacks.write_files(found, _pairs(cards, values))

    inputs = [answer, *_settings(cards)]
    details.make_files.click(make, inputs, details.files, concurrency_limit=2, api_visibility="private")


def wire_endpoint(predictors: Predictors, question: Question) -> None:
    """Offer the documented HTTP endpoint ``/segment``."""

    def segment(
        photo: Mapping[str, Any],
        seen: str = "",
        unseen: str = "",
        seen_penalty: float | None = None,
        threshold: float | None = None,
        method: Literal["zegclip", "clip_rc"] = "zegclip",
    ) -> tuple[dict[str, Any], str, str]:
        """Segment a photo by class names with one method.

        Give names separated by commas. Without a seen penalty or threshold the checkpoint's own are used. Returns
        the content of result.json, the label map as an index PNG (255 is none of these), and the scores as NPZ.
        """
        with _as_error(html=False):
            return callbacks.segment_one(predictors, _path(photo), (seen, unseen), (seen_penalty, threshold), method)

    penalty = gr.Number(None, label="Seen penalty", visible=False)
    threshold = gr.Number(None, label="Threshold", visible=False)
    method = gr.Radio(list(TITLES), value="zegclip", label="Method", visible=False)
    outputs: list[Any] = [gr.JSON(visible=False, label="Result")]
    outputs += [gr.File(visible=False, label=name) for name in ("Label map", "Scores")]
    gr.Button("segment", visible=False).click(
        segment,
        [question.photo, question.seen, question.unseen, penalty, threshold, method],
        outputs,
        api_name="segment",
        preprocess=False,
        concurrency_id=MODEL_QUEUE,
        concurrency_limit=1,
    )


def _settings(cards: list[Card], opacity: gr.Slider | None = None) -> list[gr.Slider]:
    """List the sliders in the order that `_pairs` reads: two per card, then the opacity."""
    sliders = [slider for card in cards for slider in (card.threshold, card.seen_penalty)]
    return sliders if opacity is None else [*sliders, opacity]


def _pairs(cards: list[Card], values: Sequence[float]) -> Mapping[str, tuple[float, float]]:
    return {card.method: (values[2 * i], values[2 * i + 1]) for i, card in enumerate(cards)}


def _shown(cards: list[Card]) -> list[Any]:
    return [component for card in cards for component in (card.picture, card.legend)]


def _show_all(cards: list[Card], found: Answer, values: Sequence[float]) -> list[Any]:
    """Render every card from stored scores; a method without an answer stays as it is."""
    settings, opacity = _pairs(cards, values), values[-1]
    shown: list[Any] = []
    for card in cards:
        if card.method in found.results:
            picture, segmentation = callbacks.card(found, card.method, *settings[card.method], opacity)
            shown += [picture, views.legend(segmentation)]
        else:
            shown += [gr.skip(), gr.skip()]
    return shown


def _path(photo: Mapping[str, Any] | None) -> str | None:
    """Return the uploaded file as it came.

    The events that take a photo are wired with ``preprocess=False``: Gradio would open the picture first, and fail
    without a sentence where it cannot. A caller may then name any file of this machine, hence the check.

    Raises:
        UserError: the file is not one that was uploaded here.
    """
    path = photo.get("path") if photo else None
    if path is not None and not Path(path).resolve().is_relative_to(Path(get_upload_folder()).resolve()):
        raise UserError("This photo was not uploaded to the page: upload it first, then ask again.")
    return path


@contextmanager
def _as_error(html: bool = True) -> Iterator[None]:
    """Turn the sentence of a `UserError` into Gradio's error; anything else is a defect and stays one.

    The page renders errors as HTML, and the sentence may quote what a visitor typed; a program gets it plain.
    """
    try:
        yield
    except UserError as error:
        sentence = views.escape(error) if html else str(error)
        raise gr.Error(sentence, duration=12, print_exception=False) from error
