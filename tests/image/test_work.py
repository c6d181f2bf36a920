"""Small files that would keep a core busy for minutes are refused from their headers."""

import time

import numpy as np
import pytest
from PIL import Image

from tests.image.test_load import encoded
from zsseg.errors import UserError
from zsseg.image import work
from zsseg.image.load import load_image


def with_scans(image: Image.Image, scans: int) -> bytes:
    """A progressive JPEG that repeats its last scan."""
    data = encoded(image, "JPEG", progressive=True)
    last = data[data.rindex(b"\xff\xda") : -2]
    return data[:-2] + last * scans + data[-2:]


@pytest.mark.alone
def test_a_jpeg_of_very_many_scans_is_refused_at_once() -> None:
    data = with_scans(Image.new("RGB", (8000, 8000)), 500)
    assert len(data) < 1_000_000
    began = time.monotonic()
    with pytest.raises(UserError, match="very many scans"):
        load_image(data)
    assert time.monotonic() - began < 5  # it took more than a minute


def test_usual_progressive_jpegs_are_read() -> None:
    assert load_image(with_scans(Image.new("RGB", (400, 300), "red"), 30)).shape == (300, 400, 3)
    large = Image.new("RGB", (9000, 7000), "red")
    assert large.width * large.height * encoded(large, "JPEG", progressive=True).count(b"\xff\xda") < work.MAX_SCANNED


@pytest.mark.parametrize(("kind", "limit"), [("JPEG2000", 8), ("AVIF", 32), ("WEBP", 40)])
def test_slow_decoders_have_limits_of_their_own(kind: str, limit: int, monkeypatch: pytest.MonkeyPatch) -> None:
    assert work._LIMITS[kind][0] == limit * 1_000_000
    monkeypatch.setattr(work, "_LIMITS", {kind: (40 * 30, 10**6)})
    assert load_image(encoded(Image.new("RGB", (40, 30)), kind)).shape == (30, 40, 3)
    with pytest.raises(UserError, match=f"too long to decode for a {kind}"):
        load_image(encoded(Image.new("RGB", (41, 30)), kind))
    monkeypatch.setattr(work, "_LIMITS", {kind: (10**6, 100)})
    noise = np.random.default_rng(0).integers(0, 256, (30, 40, 3), dtype=np.uint8)
    with pytest.raises(UserError, match="too long"):
        load_image(encoded(Image.fromarray(noise), kind))


def test_a_picture_inside_another_is_measured_too() -> None:
    inside = encoded(Image.new("1", (9000, 8000)))
    directory = (
        b"\0\0\1\0\1\0"
        + bytes([16, 16, 0, 0, 1, 0, 32, 0])
        + len(inside).to_bytes(4, "little")
        + (22).to_bytes(4, "little")
    )
    with pytest.raises(UserError, match=r"too large|damaged|not a picture"):
        load_image(directory + inside)
