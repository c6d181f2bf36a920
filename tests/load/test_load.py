"""Sixteen visitors at once, for a short while: right answers, places in the queue, work that ends with a tab."""

import threading
import time
from collections.abc import Iterator

import gradio as gr
import pytest

from tests.load.__main__ import growth
from tests.load.visitors import Page, Visitor, make_questions, press, serial_answers
from zsseg.demo import build_demo, catalog_of
from zsseg.demo.server import running

pytestmark = [pytest.mark.slow, pytest.mark.alone]

SECONDS = 12.0


@pytest.fixture(scope="module")
def served(checkpoints: dict[str, str]) -> Iterator[tuple[gr.Blocks, str]]:
    """The page and its address."""
    catalog = catalog_of(checkpoints)
    blocks = build_demo(catalog)
    with running(blocks, catalog.get(catalog.first), quiet=True) as url:
        yield blocks, url


def test_sixteen_visitors_get_what_each_would_get_alone(served: tuple[gr.Blocks, str]) -> None:
    page, end = Page(served[1]), threading.Event()
    answers = serial_answers(page, make_questions(("zegclip", "clip_rc"), side=80))
    assert len(set(answers.values())) == len(answers)  # else a mix-up would not show
    timer = threading.Timer(SECONDS, end.set)
    timer.start()
    load = press(page, answers, 16, end)
    timer.join()
    assert load.wrong == []
    assert load.errors == []
    assert load.answered > 16
    assert max(load.ranks) >= 4  # places in the queue were shown


def test_a_closed_tab_frees_its_place(served: tuple[gr.Blocks, str]) -> None:
    blocks, url = served
    page = Page(url)
    question = make_questions(("zegclip",), side=80)[0]
    with running_slowly(blocks) as started:
        first = threading.Thread(target=Visitor(page, 20).ask, args=(question,))
        first.start()
        assert started.wait(20)
        for number in range(21, 27):
            visitor = Visitor(page, number)
            assert visitor.ask(question, leave_while_waiting=True).ranks
            visitor.close()
        deadline = time.monotonic() + 10
        while len(blocks._queue) > 0 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert len(blocks._queue) == 0
    first.join()


class running_slowly:  # noqa: N801 - used as a function is
    """The network waits until the block ends; the value is set once the first question has reached it."""

    def __init__(self, blocks: gr.Blocks) -> None:
        self._patch = pytest.MonkeyPatch()
        self._started, self._go_on = threading.Event(), threading.Event()

    def __enter__(self) -> threading.Event:
        from zsseg.predictor import Predictor

        real = Predictor.predict

        def slow(*arguments: object, **named: object) -> object:
            self._started.set()
            self._go_on.wait(30)
            return real(*arguments, **named)  # type: ignore[arg-type]

        self._patch.setattr(Predictor, "predict", slow)
        return self._started

    def __exit__(self, *_: object) -> None:
        self._go_on.set()
        self._patch.undo()


def test_growth_is_that_after_warming_up() -> None:
    flat = [(float(second), 100.0 + min(second, 20)) for second in range(100)]
    assert growth(flat) == 1.0
    leaking = [(float(second), 100.0 + second) for second in range(100)]
    assert growth(leaking) > 1.2
