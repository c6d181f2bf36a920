"""SECURITY.md names a test for each threat, and the limits that the code has."""

import re
from pathlib import Path

from zsseg.demo.actions import PAGE_NAMES
from zsseg.demo.build import QUEUE_SIZE
from zsseg.demo.protection import MEGABYTE, Limits
from zsseg.demo.tabs.batch import MAX_PHOTOS
from zsseg.demo.theme import launch_options
from zsseg.image.load import MAX_PIXELS

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "SECURITY.md").read_text(encoding="utf-8")


def test_every_threat_has_its_test() -> None:
    table = TEXT.split("## Threats and their tests")[1].split("## Limits")[0]
    rows = [line.split("|") for line in table.splitlines() if line.startswith("| ") and "---" not in line][1:]
    assert len(rows) > 10
    for row in rows:
        named = re.findall(r"`(?:make )?([^`]+)`", row[3]) or re.findall(r"`make ([^`]+)`", row[2])
        assert named, row[1]
        for name in named:
            places = [ROOT / name, ROOT / "tests" / "security" / name]
            assert any(place.exists() for place in places) or f"\n{name}:" in (ROOT / "Makefile").read_text()


def test_limits_are_those_of_the_code() -> None:
    table = TEXT.split("## Limits of the page")[1].split("\n\n")[1]
    cells = {row.split("|")[1].strip(): row.split("|")[2].strip() for row in table.splitlines()[2:]}
    limits = Limits()
    assert cells["one file"] == (
        launch_options()["max_file_size"].replace("mb", " MB")
        + f"; {MAX_PIXELS // 1_000_000} megapixels after decoding"
    )
    assert cells["one upload, all files together"] == f"{limits.upload // MEGABYTE} MB"
    assert cells["any other request"].startswith(f"{limits.body // MEGABYTE} MB,")
    assert cells["uploads of one visitor"] == f"{limits.upload_hour // MEGABYTE} MB an hour"
    assert cells["requests of one visitor that change something"] == (
        f"{limits.posts} at once, then {limits.posts_second:g} a second"
    )
    assert cells["questions of one visitor in the queue"] == f"{limits.waiting} of {QUEUE_SIZE}"
    assert cells["class names of one question"] == str(PAGE_NAMES)
    assert cells["photos of one batch"] == str(MAX_PHOTOS)
