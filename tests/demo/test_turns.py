"""One visitor's many photos let the single questions of others pass between."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from gradio_client import Client, handle_file
from PIL import Image

from tests.servers.demo_server import tiny_checkpoints
from zsseg.demo import build_demo, catalog_of
from zsseg.demo.server import running
from zsseg.demo.turns import Turns
from zsseg.predictor import Predictor

PHOTOS, SECONDS = 12, 0.3


def test_turns_go_in_the_order_of_asking() -> None:
    turns, order = Turns(), []

    def ask(number: int) -> None:
        with turns:
            order.append(number)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(20)]
    with turns:
        for thread in threads:
            thread.start()
            time.sleep(0.01)  # so that the order of asking is known
    for thread in threads:
        thread.join()
    assert order == list(range(20))


def test_a_turn_ends_with_an_error_too() -> None:
    turns = Turns()
    with pytest.raises(KeyError), turns:
        raise KeyError
    with turns:
        pass


def test_who_comes_at_once_again_waits_behind_the_others() -> None:
    turns, order, started = Turns(), [], threading.Event()

    def other() -> None:
        started.set()
        with turns:
            order.append("other")

    thread = threading.Thread(target=other)
    for number in range(6):
        with turns:
            order.append("batch")
            if number == 2:
                thread.start()
                started.wait()
                time.sleep(0.1)
    thread.join()
    assert order.index("other") == 3


@contextmanager
def slow_networks() -> Iterator[None]:
    patch, real = pytest.MonkeyPatch(), Predictor.predict

    def slow(*arguments: object, **named: object) -> object:
        time.sleep(SECONDS)
        return real(*arguments, **named)  # type: ignore[arg-type]

    patch.setattr(Predictor, "predict", slow)
    yield
    patch.undo()


@pytest.mark.slow
def test_a_question_does_not_wait_for_the_photos_of_another_visitor(tmp_path: Path) -> None:
    photos = [tmp_path / f"{number}.png" for number in range(PHOTOS)]
    rng = np.random.default_rng(0)
    for path in photos:
        Image.fromarray(rng.integers(0, 256, (40, 60, 3), dtype=np.uint8)).save(path)
    catalog = catalog_of(tiny_checkpoints(tmp_path))
    page = build_demo(catalog)
    batch = next(number for number, event in page.fns.items() if event.concurrency_id == "batch")
    with running(page, catalog.get(catalog.first), quiet=True) as url, slow_networks():
        client = Client(url, verbose=False)
        inputs = {block._id: getattr(block, "value", None) for block in page.fns[batch].inputs}
        seen = next(block._id for block in page.fns[batch].inputs if block.elem_id == "zs-seen")
        files = next(block._id for block in page.fns[batch].inputs if type(block).__name__ == "File")
        inputs |= {seen: "dog", files: [str(path) for path in photos]}
        done: list[float] = []
        many = threading.Thread(target=_press, args=(page, batch, inputs, done))
        many.start()
        time.sleep(2 * SECONDS)
        began = time.monotonic()
        client.predict(photo=handle_file(photos[0]), seen="dog", unseen="", api_name="/segment")
        waited = time.monotonic() - began
        assert not done, "the photos were answered first"
        many.join()
        client.close()
    # At most the photo that runs, with both methods, and then its own answer; not twelve photos.
    assert waited < PHOTOS * SECONDS


def _press(page: object, number: int, inputs: dict[int, object], done: list[float]) -> None:
    function = page.fns[number].fn  # type: ignore[attr-defined]
    function({block: inputs[block._id] for block in page.fns[number].inputs})  # type: ignore[attr-defined]
    done.append(time.monotonic())
