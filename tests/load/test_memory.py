"""Answers that nobody fetches are forgotten, and free memory goes back to the system."""

import asyncio
import os
import platform
import time
from collections.abc import Iterator
from types import SimpleNamespace

import gradio as gr
import httpx
import pytest

from tests.load.__main__ import resident
from tests.load.visitors import Page, Visitor, make_questions
from zsseg.demo import build_demo, catalog_of
from zsseg.demo import server as serving
from zsseg.demo.server import MAX_UNREAD, Messages, give_back_memory, running


@pytest.fixture
def served(checkpoints: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[gr.Blocks, str]]:
    """The page, which keeps three unread answers, and its address."""
    monkeypatch.setattr(serving, "MAX_UNREAD", 3)
    catalog = catalog_of(checkpoints)
    blocks = build_demo(catalog)
    with running(blocks, catalog.get(catalog.first), quiet=True) as url:
        yield blocks, url


def test_answers_that_nobody_fetches_are_forgotten(served: tuple[gr.Blocks, str]) -> None:
    blocks, url = served
    page, question = Page(url), make_questions(("zegclip",), side=60)[-1]
    visitor = Visitor(page, 30)
    first = visitor.ask(question)
    assert first.answer
    request = page.request(question, visitor.upload(question.photo)) | {"event_data": None, "trigger_id": None}
    sessions = [f"never-read-{number}" for number in range(8)]
    for session in sessions:
        reply = httpx.post(f"{page.url}/gradio_api/queue/join", json=request | {"session_hash": session}, timeout=60)
        assert reply.status_code == 200
    deadline = time.monotonic() + 120
    while blocks._queue.event_ids_to_events and time.monotonic() < deadline:
        time.sleep(0.1)
    assert visitor.ask(question).answer == first.answer  # who reads is answered, whatever is forgotten
    kept = [session for session in sessions if session in blocks._queue.pending_messages_per_session]
    assert kept in (sessions[-2:], sessions[-3:])
    assert len(blocks._queue.pending_event_ids_session) <= 5
    visitor.close()


def test_who_waits_is_not_forgotten() -> None:
    queue = SimpleNamespace(pending_event_ids_session={}, event_ids_to_events={})
    messages = Messages(queue)
    for number in range(10 * MAX_UNREAD):
        messages[f"s{number}"] = asyncio.Queue()
        queue.pending_event_ids_session[f"s{number}"] = {f"e{number}"}
        if number in (0, 500):
            queue.event_ids_to_events[f"e{number}"] = None
    assert {"s0", "s500", "s999", "s950"} <= messages.keys()
    assert len(messages) == len(queue.pending_event_ids_session) == MAX_UNREAD + 3  # two wait, and one has just come
    del queue.event_ids_to_events["e0"]
    messages["last"] = asyncio.Queue()
    assert "s0" not in messages
    assert "s500" in messages


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc keeps what was freed in the middle")
def test_free_memory_goes_back_to_the_system() -> None:
    parts = [bytearray(60_000) for _ in range(3000)]  # 180 MB, each too small for a mapping of its own
    for part in parts:
        part[:] = b"x" * len(part)
    kept = parts[::300]
    del parts[:], part
    held = resident(os.getpid())
    give_back_memory()
    assert held - resident(os.getpid()) > 90  # MB
    assert len(kept) == 10


def test_the_server_gives_memory_back_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[float] = []
    monkeypatch.setattr(serving, "CLEAN_EVERY_SECONDS", 0.05)
    monkeypatch.setattr(serving, "give_back_memory", lambda: calls.append(time.monotonic()))
    with serving._cleaning():
        deadline = time.monotonic() + 60
        while len(calls) < 2 and time.monotonic() < deadline:
            time.sleep(0.05)
    assert len(calls) >= 2
