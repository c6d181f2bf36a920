"""The cache forgets what was used least recently."""

import pickle

import pytest

from zsseg.cache import LRU, Later


def test_cache_forgets_the_least_recently_used() -> None:
    made: list[str] = []

    def ask(cache: LRU[str], key: str) -> str:
        return cache.get(key, lambda: made.append(key) or key)  # type: ignore[func-returns-value]

    cache: LRU[str] = LRU(2)
    for key in "abacab":
        assert ask(cache, key) == key
    assert made == ["a", "b", "c", "b"]


def test_values_are_computed_when_the_first_is_read() -> None:
    made: list[str] = []

    def compute() -> dict[str, int]:
        made.append("all")
        return {"one": 1, "two": 2}

    later = Later(("one", "two"), compute)
    assert (len(later), list(later), "one" in later, later.get("three")) == (2, ["one", "two"], True, None)
    with pytest.raises(KeyError):
        later["three"]
    assert made == []
    assert (later["two"], dict(later)) == (2, {"one": 1, "two": 2})
    assert made == ["all"]
    assert pickle.loads(pickle.dumps(later)) == {"one": 1, "two": 2}
