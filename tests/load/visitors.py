"""Visitors of the real server, each from an address of its own, who ask as a browser does and watch the queue."""

import json
import random
import re
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import httpx
import numpy as np

SEGMENT = "segment"
Turn = Callable[[], AbstractContextManager[None]]
_TIME = re.compile(r"(under )?\d+(\.\d+)?\s*s\b")


@dataclass(frozen=True)
class Question:
    """One thing to ask.

    Attributes:
        photo: content of a PNG.
        seen, unseen: texts of the boxes.
        method: key of the method.
        on_page: ask with the page's button instead of `/segment`.
    """

    photo: bytes
    seen: str
    unseen: str
    method: str
    on_page: bool = False


@dataclass
class Outcome:
    """What became of one question.

    Attributes:
        answer: all that the server answered and that must not depend on the moment; empty without an answer.
        refusal: the sentence, where the question was not taken.
        ranks: places in the queue that were shown while waiting.
        seconds: from the question to the answer.
    """

    answer: bytes = b""
    refusal: str = ""
    ranks: list[int] = field(default_factory=list)
    seconds: float = 0.0


class Page:
    """The parts of a served page's configuration that a visitor needs."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        config = httpx.get(f"{self.url}/config", timeout=60).json()
        self._components = {component["id"]: component for component in config["components"]}
        functions = config["dependencies"]
        self._segment = next(d for d in functions if d["api_name"] == SEGMENT)
        run = self._by_element("zs-run")
        self._run = next(d for d in functions if [run, "click"] in d["targets"] and d["backend_fn"])

    def _by_element(self, name: str) -> int:
        return next(i for i, part in self._components.items() if part["props"].get("elem_id") == name)

    def request(self, question: Question, photo: Mapping[str, Any]) -> dict[str, Any]:
        """Number of the function and its inputs."""
        if not question.on_page:
            data = [photo, question.seen, question.unseen, 0.05, 0.4, question.method, "", 0.0]
            return {"fn_index": self._segment["id"], "data": data}
        given = {self._by_element("zs-photo"): photo}
        given |= {self._by_element("zs-seen"): question.seen, self._by_element("zs-unseen"): question.unseen}
        data = [given.get(i, self._components[i]["props"].get("value")) for i in self._run["inputs"]]
        return {"fn_index": self._run["id"], "data": data}


class Visitor:
    """One browser tab.

    Args:
        page: what is served.
        number: 0..200; the tab's address is 127.0.1.(number + 1).
    """

    def __init__(self, page: Page, number: int) -> None:
        transport = httpx.HTTPTransport(local_address=f"127.0.1.{number + 1}")
        self._client = httpx.Client(transport=transport, timeout=httpx.Timeout(120))
        self._page, self.session = page, secrets.token_hex(8)
        self._photos: dict[bytes, dict[str, Any]] = {}

    def close(self) -> None:
        """Close the tab."""
        self._client.close()

    def ask(self, question: Question, leave_while_waiting: bool = False) -> Outcome:
        """Ask and wait for the answer, or close the connection as soon as the place in the queue is shown."""
        import time

        outcome, began = Outcome(), time.monotonic()
        request = self._page.request(question, self.upload(question.photo))
        body = {**request, "session_hash": self.session, "event_data": None, "trigger_id": None}
        reply = self._client.post(f"{self._page.url}/gradio_api/queue/join", json=body)
        if reply.status_code != 200:
            outcome.refusal = f"{reply.status_code} {reply.json()['detail']}"
            return outcome
        event = reply.json()["event_id"]
        for message in self._messages():
            # As a browser does: the answer to a question that was given up while it ran comes on the same stream.
            if message.get("event_id") != event:
                continue
            if message["msg"] == "estimation":
                outcome.ranks.append(int(message["rank"]))
                if leave_while_waiting:
                    return outcome
            if message["msg"] == "process_completed":
                self._finish(message, question, outcome)
                break
        outcome.seconds = time.monotonic() - began
        return outcome

    def _finish(self, message: Mapping[str, Any], question: Question, outcome: Outcome) -> None:
        if not message["success"]:
            outcome.refusal = f"error {message['output']}"
        elif question.on_page:
            outcome.answer = _TIME.sub("", json.dumps(message["output"]["data"])).encode()
        else:
            result, labels, scores = message["output"]["data"]
            files = [self._client.get(file["url"]).content for file in (labels, scores)]
            outcome.answer = b"|".join([json.dumps(result, sort_keys=True).encode(), *files])

    def _messages(self) -> Iterator[dict[str, Any]]:
        url = f"{self._page.url}/gradio_api/queue/data?session_hash={self.session}"
        with self._client.stream("GET", url) as stream:
            for line in stream.iter_lines():
                if line.startswith("data:"):
                    yield json.loads(line[5:])

    def upload(self, photo: bytes) -> dict[str, Any]:
        """Upload a photo once; the value of the photo's input."""
        if photo not in self._photos:
            reply = self._client.post(f"{self._page.url}/gradio_api/upload", files={"files": ("photo.png", photo)})
            reply.raise_for_status()
            self._photos[photo] = {"path": reply.json()[0], "meta": {"_type": "gradio.FileData"}}
        return self._photos[photo]


def make_questions(methods: Sequence[str], side: int = 200) -> list[Question]:
    """Questions that differ in photo, names, method and the way they are asked."""
    import io

    from PIL import Image

    photos = []
    for index in range(3):
        pixels = np.random.default_rng(index).integers(0, 256, (side + 16 * index, side, 3), dtype=np.uint8)
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "PNG")
        photos.append(file.getvalue())
    boxes = (("dog, person", "cow; sheep"), ("cat | kitten", "sofa"), ("", "sky, grass, tree"))
    asked = [Question(p, seen, unseen, m) for p in photos for seen, unseen in boxes for m in methods]
    return [*asked, *(Question(photos[0], seen, unseen, methods[0], on_page=True) for seen, unseen in boxes)]


@dataclass
class Load:
    """What many visitors at once saw.

    Attributes:
        answered, refused, left: numbers of questions with the right answer, with a refusal, and given up.
        wrong: answers that differ from the serial one.
        errors: what was refused for another reason than a full queue.
        ranks: every place in the queue that was shown.
        seconds: times of the answers.
    """

    answered: int = 0
    refused: int = 0
    left: int = 0
    wrong: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    ranks: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)


def serial_answers(page: Page, questions: Sequence[Question], turn: Turn = nullcontext) -> dict[Question, bytes]:
    """The answer to each question with nobody else there; each waits for its turn of the machine."""
    visitor = Visitor(page, 200)
    answers = {}
    for question in questions:
        with turn():
            outcome = visitor.ask(question)
        assert outcome.answer, outcome.refusal
        answers[question] = outcome.answer
    visitor.close()
    return answers


def warm_up(page: Page, questions: Sequence[Question], turn: Turn = nullcontext, tabs: int = 40) -> None:
    """Open more tabs than the page remembers answers of, so that its memory no longer grows with each new one."""
    asked = next(question for question in questions if question.on_page)
    for number in range(tabs):
        visitor = Visitor(page, number)
        with turn():
            visitor.ask(asked)
        visitor.close()


def press(
    page: Page,
    answers: Mapping[Question, bytes],
    visitors: int,
    end: threading.Event,
    pause: float = 0.1,
    turn: Turn = nullcontext,
) -> Load:
    """Let so many visitors ask one question after the other until the end; every tenth is given up while it waits.

    Args:
        page: what is served.
        answers: to each question, as `serial_answers` got them.
        visitors: how many ask at once.
        end: set when no further question is to be asked.
        pause: seconds, on average, from an answer to the same visitor's next question.
        turn: held during each question.
    """
    load, lock = Load(), threading.Lock()
    questions = list(answers)

    def visit(number: int) -> None:
        chance, visitor = random.Random(number), Visitor(page, number)
        while not end.is_set():
            if chance.random() < 0.05:  # a tab is closed, and somebody else opens one
                visitor.close()
                visitor = Visitor(page, number)
            question, leaves = chance.choice(questions), chance.random() < 0.1
            try:
                with turn():
                    outcome = visitor.ask(question, leaves)
            except Exception as error:
                outcome = Outcome(refusal=f"{type(error).__name__} {error}")
            with lock:
                _count(load, outcome, question, answers[question])
            end.wait(chance.uniform(0, 2 * pause) + (1.0 if outcome.refusal else 0.0))
        visitor.close()

    threads = [threading.Thread(target=visit, args=(number,)) for number in range(visitors)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return load


def _count(load: Load, outcome: Outcome, question: Question, expected: bytes) -> None:
    load.ranks += outcome.ranks
    if outcome.answer:
        load.answered += outcome.answer == expected
        load.wrong += (
            [] if outcome.answer == expected else [f"{question.seen}: {_difference(outcome.answer, expected)}"]
        )
        load.seconds.append(outcome.seconds)
    elif outcome.refusal:
        load.refused += 1
        load.errors += [] if "Queue is full" in outcome.refusal else [outcome.refusal]
    else:
        load.left += 1


def _difference(found: bytes, expected: bytes) -> str:
    place = next((i for i, pair in enumerate(zip(found, expected, strict=False)) if pair[0] != pair[1]), 0)
    around = slice(max(0, place - 80), place + 80)
    return f"{len(found)} and {len(expected)} bytes, first {found[around]!r} where alone it was {expected[around]!r}"
