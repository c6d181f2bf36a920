"""What a visitor can choose between, and when it is loaded."""

from pathlib import Path

import pytest

from tests.tiny import tiny_checkpoint
from zsseg import Predictor, UserError
from zsseg.demo import find_catalog
from zsseg.demo.catalog import problems, working
from zsseg.predictor import default_checkpoints


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("zsseg.weights.search.checkpoint_folders", lambda: [])
    return tmp_path


def _both(folder: Path, setting: str) -> None:
    for method, name in default_checkpoints().items():
        tiny_checkpoint(folder, method, name=name.replace("inductive", setting), setting=setting)  # type: ignore[arg-type]


def test_one_entry_per_setting_the_default_first_the_rest_when_asked(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _both(folder, "transductive")
    _both(folder, "inductive")
    loaded: list[str] = []
    load = Predictor.from_checkpoint

    def note(name: str, **rest: object) -> Predictor:
        loaded.append(Path(name).stem)
        return load(name, **rest)  # type: ignore[arg-type]

    monkeypatch.setattr(Predictor, "from_checkpoint", note)
    catalog = find_catalog(str(folder))
    assert catalog.titles == ["tiny-clip, inductive", "tiny-clip, transductive"]
    assert loaded == list(default_checkpoints().values())
    other = catalog.get("tiny-clip, transductive")
    assert [predictor.metadata.setting for predictor in working(other).values()] == [
        *("transductive", "transductive", "training-free")
    ]
    assert catalog.get("tiny-clip, transductive") is other  # once
    assert len(loaded) == 4


def test_a_method_that_is_missing_in_an_entry_is_told(folder: Path) -> None:
    _both(folder, "inductive")
    tiny_checkpoint(folder, "zegclip", name="more", setting="transductive")
    catalog = find_catalog(str(folder))
    half = catalog.get("tiny-clip, transductive")
    assert list(working(half)) == ["zegclip", "training-free"]
    assert "no CLIP-RC checkpoint for tiny-clip, transductive" in problems(half)["clip_rc"]


def test_each_entry_says_what_kind_of_pictures_it_knows(folder: Path) -> None:
    _both(folder, "inductive")
    for method in default_checkpoints():
        tiny_checkpoint(folder, method, name=f"{method}-drawn", setting="transductive", data=("shapes",))  # type: ignore[arg-type]
    catalog = find_catalog(str(folder))
    assert catalog.domains == ["Real photos", "Drawn shapes"]
    assert catalog.options == [
        ("Real photos: tiny-clip, inductive", "tiny-clip, inductive"),
        ("Drawn shapes: tiny-clip, transductive", "tiny-clip, transductive"),
    ]


def test_two_of_one_kind_are_both_offered(folder: Path) -> None:
    _both(folder, "inductive")
    tiny_checkpoint(folder, "zegclip", name="zegclip-other")
    assert find_catalog(str(folder)).titles == ["tiny-clip, inductive", "tiny-clip, inductive (zegclip-other)"]


def test_a_place_that_cannot_be_searched_is_told_and_the_page_still_starts(tmp_path: Path) -> None:
    catalog = find_catalog(str(tmp_path / "nowhere"))
    assert set(problems(catalog.get(catalog.first))) == {*default_checkpoints(), "training-free"}
    with pytest.raises(UserError, match="no model “x”"):
        catalog.get("x")
