"""The cache forgets what was used least recently."""

from zsseg.cache import LRU


def test_cache_forgets_the_least_recently_used() -> None:
    made: list[str] = []

    def ask(cache: LRU[str], key: str) -> str:
        return cache.get(key, lambda: made.append(key) or key)  # type: ignore[func-returns-value]

    cache: LRU[str] = LRU(2)
    for key in "abacab":
        assert ask(cache, key) == key
    assert made == ["a", "b", "c", "b"]
