"""Hostile inputs made of good ones: the same seed gives the same inputs."""

import json
import random
from collections.abc import Callable, Sequence
from typing import Any

MAX_BYTES = 4_000_000
"""Of a mutated input: larger ones only take longer."""

_NUMBERS = (0, 1, 2, 7, 8, 16, 127, 128, 255, 256, 1023, 32767, 32768, 65535, 65536, 2**31 - 1, 2**31, 2**32 - 1)
_TOKENS = (
    b"", b"\x00", b"\xff", b"\x00" * 64, b"\xff" * 64, b"..", b"../", b"/", b"\\", b"%00", b"%", b"{}", b"[]",
    b"[" * 400, b'"', b"null", b"NaN", b"-Infinity", b"1e999", b"-0", b"9" * 400, b"true", b"\xed\xa0\x80",
    b"\xef\xbb\xbf", b"\xf0\x9f\x90\x88", b"\xe2\x80\xae", b"\xe2\x80\x8b", b"|", b",", b";", b":", b"=", b"#",
    b"&", b"\n", b"\r\n", b"\t", b"<b>", b"__class__",
)  # fmt: skip
_VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2, 1.5, -0.0, 2**31, 2**63, 2**64, 10**400, 1e308, float("nan"), float("inf"), "",
    "\x00", "../..", "a" * 5000, "\ud800", "\u202e", "猫", "0" * 64, [], {}, [[]], [None], ["a", "a"], {"": None},
    [[[[[[]]]]]],
)  # fmt: skip


def mutations(seeds: Sequence[bytes], seed: int) -> Callable[[], bytes]:
    """A source of mutated inputs.

    Args:
        seeds: good inputs, not empty.
        seed: of the random numbers.
    """
    chance = random.Random(seed)

    def make() -> bytes:
        data = chance.choice(seeds)
        if data[:1] in (b"{", b"[") and chance.random() < 0.7:
            data = _mutate_json(data, chance)
        for _ in range(1 << chance.randrange(4)):
            data = chance.choice(_STEPS)(data, chance, seeds)[:MAX_BYTES]
        return data

    return make


def _place(data: bytes, chance: random.Random) -> int:
    """Headers and tables decide more than bodies, and lie at the beginning or at the end."""
    where = chance.random()
    if where < 0.2:
        return max(0, len(data) - chance.randrange(600))
    return chance.randrange((len(data) if where < 0.6 else min(len(data), chance.choice((96, 4096)))) + 1)


def _flip(data: bytes, chance: random.Random, _: Sequence[bytes]) -> bytes:
    changed = bytearray(data or b"\x00")
    changed[_place(changed[:-1], chance)] ^= 1 << chance.randrange(8)
    return bytes(changed)


def _byte(data: bytes, chance: random.Random, _: Sequence[bytes]) -> bytes:
    changed = bytearray(data or b"\x00")
    changed[_place(changed[:-1], chance)] = chance.randrange(256)
    return bytes(changed)


def _number(data: bytes, chance: random.Random, _: Sequence[bytes]) -> bytes:
    """A number at an edge, of 1 to 8 bytes and either order, as sizes and offsets are stored."""
    size, place = chance.choice((1, 2, 4, 8)), _place(data, chance)
    value = (chance.choice(_NUMBERS) + chance.choice((-1, 0, 0, 1))) % (1 << 8 * size)
    return data[:place] + value.to_bytes(size, chance.choice(("little", "big"))) + data[place + size :]


def _token(data: bytes, chance: random.Random, _: Sequence[bytes]) -> bytes:
    place = _place(data, chance)
    return data[:place] + chance.choice(_TOKENS) + data[place + chance.choice((0, 0, 1, 4)) :]


def _cut(data: bytes, chance: random.Random, _: Sequence[bytes]) -> bytes:
    return data[: _place(data, chance)]


def _delete(data: bytes, chance: random.Random, _: Sequence[bytes]) -> bytes:
    place = _place(data, chance)
    return data[:place] + data[place + chance.choice((1, 2, 4, 16, 64)) :]


def _repeat(data: bytes, chance: random.Random, _: Sequence[bytes]) -> bytes:
    place = _place(data, chance)
    return (
        data[:place] + data[place : place + chance.choice((1, 4, 32, 256))] * chance.choice((2, 3, 50)) + data[place:]
    )


def _splice(data: bytes, chance: random.Random, seeds: Sequence[bytes]) -> bytes:
    other = chance.choice(seeds)
    return data[: _place(data, chance)] + other[_place(other, chance) :]


_STEPS = (_flip, _flip, _byte, _byte, _number, _number, _token, _token, _cut, _delete, _repeat, _splice)


def _mutate_json(data: bytes, chance: random.Random) -> bytes:
    """A document that still parses: a value exchanged, a field gone, or one more."""
    try:
        document = json.loads(data)
    except ValueError:
        return data
    for _ in range(chance.choice((1, 1, 2, 3))):
        document = _changed(document, chance)
    return json.dumps(document).encode("utf-8", "surrogatepass")


def _changed(value: Any, chance: random.Random) -> Any:  # noqa: ANN401
    if not value or not isinstance(value, dict | list) or chance.random() < 0.2:
        return chance.choice(_VALUES)
    keys = list(value) if isinstance(value, dict) else list(range(len(value)))
    key, copy = chance.choice(keys), (dict(value) if isinstance(value, dict) else list(value))
    step = chance.random()
    if step < 0.7:
        copy[key] = _changed(copy[key], chance)
    elif step < 0.85:
        del copy[key]
    elif isinstance(copy, dict):
        copy[chance.choice(("extra", "__class__", "", str(key) + " "))] = chance.choice(_VALUES)
    else:
        copy.append(copy[key])
    return copy
