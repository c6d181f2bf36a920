"""Files, folders and patterns become photos, in order, each once, with names that never clash."""

import os
from pathlib import Path

import pytest

from zsseg.image.paths import find_photos


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in (
        "trip/b.jpg",
        "trip/a.PNG",
        "trip/notes.txt",
        "trip/deep/c.png",
        "x[1].png",
        "other/a.png",
        "empty/n.md",
    ):
        Path(name).parent.mkdir(exist_ok=True, parents=True)
        Path(name).touch()


def paths(*places: str) -> list[str]:
    return [photo.path for photo in find_photos(places) if not photo.problem]


def test_a_file_is_itself_whether_or_not_it_exists() -> None:
    assert paths("trip/notes.txt", "missing.jpg") == ["trip/notes.txt", "missing.jpg"]


def test_a_folder_is_its_pictures_by_name() -> None:
    assert paths("trip") == paths("trip/") == ["trip/a.PNG", "trip/b.jpg"]


def test_a_pattern_is_its_files_by_name() -> None:
    assert paths("trip/*") == ["trip/a.PNG", "trip/b.jpg", "trip/notes.txt"]
    assert paths("trip/[b-z].jp?") == ["trip/b.jpg"]
    assert paths("trip/**/*.png") == ["trip/deep/c.png"]


def test_what_exists_is_no_pattern() -> None:
    assert paths("x[1].png") == ["x[1].png"]


def test_each_file_once_in_the_order_named() -> None:
    assert paths("trip/b.jpg", "trip", "./trip/b.jpg", os.path.abspath("trip/b.jpg")) == ["trip/b.jpg", "trip/a.PNG"]


@pytest.mark.parametrize(("place", "words"), [("empty", "no pictures"), ("trip/*.gif", "No file matches")])
def test_what_leads_to_nothing_says_so(place: str, words: str) -> None:
    (photo,) = find_photos([place])
    assert photo.path == place
    assert words in photo.problem


def test_names_differ_in_any_case_of_letters() -> None:
    places = ["a.png", "A.jpg", "b/a.png", "a-2.png", "c/a-2.gif", "ä.png", ""]
    names = [photo.name for photo in find_photos(places)]
    assert names[:2] == ["a", "A-2"]
    assert len({name.casefold() for name in names}) == len(places)
    assert all(name and "/" not in name for name in names)


def test_names_do_not_depend_on_what_can_be_read() -> None:
    assert [photo.name for photo in find_photos(["gone/a.png", "other"])] == ["a", "a-2"]
