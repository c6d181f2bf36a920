"""The mark of a lent GPU: nothing where there is none to lend."""

import sys
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from zsseg.demo.spaces import on_gpu


def answer() -> int:
    return 42


def test_elsewhere_a_function_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "spaces", None)
    assert on_gpu(answer) is answer


def test_on_a_space_its_own_mark_is_put_on(monkeypatch: pytest.MonkeyPatch) -> None:
    marked: list[Callable[[], int]] = []

    def gpu(function: Callable[[], int]) -> Callable[[], int]:
        marked.append(function)
        return lambda: function() + 1

    monkeypatch.setitem(sys.modules, "spaces", SimpleNamespace(GPU=gpu))
    assert on_gpu(answer)() == 43
    assert marked == [answer]
