"""A manifest says everything, reads back as it was, and refuses whatever could not be followed."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.test_segmentation import drawn
from zsseg import __version__
from zsseg.errors import UserError
from zsseg.export.manifest import Manifest, manifest_of, read_manifest
from zsseg.segmentation import Segmentation
from zsseg.text.vocabulary import Vocabulary, build_vocabulary

PHOTO = np.arange(4 * 4 * 3, dtype=np.uint8).reshape(4, 4, 3)
WORDS = build_vocabulary("dog | puppy", "cow")
ORIGIN = {"sha256": "a" * 64, "setting": "inductive", "backbone": "tiny-clip", "backbone_sha256": "b" * 64}


def answer(penalty: float = 0.06, threshold: float = 0.3) -> Segmentation:
    return replace(drawn(penalty, threshold), provenance=ORIGIN)


def manifest() -> Manifest:
    results = {"zegclip": answer(), "other": answer(0.0, 1)}
    return manifest_of(PHOTO, "trip/beach.jpg", WORDS, results, 0.25)


def test_it_says_everything() -> None:
    made = manifest()
    assert (made.photo.file_name, made.photo.height, made.photo.width) == ("beach.jpg", 4, 4)
    assert (made.seen, made.unseen, made.version) == (("dog | puppy",), ("cow",), __version__)
    first, second = made.methods
    assert (first.folder, first.method, first.checkpoint, first.sha256) == ("zegclip", "zegclip", "drawn", "a" * 64)
    assert (first.backbone, first.backbone_sha256) == ("tiny-clip", "b" * 64)
    assert (first.seen_penalty, first.threshold, first.opacity) == (0.06, 0.3, 0.25)
    assert (second.folder, second.threshold) == ("other", 1.0)


def test_round_trip() -> None:
    made = manifest()
    assert Manifest.from_json(made.to_json()) == made
    assert Manifest.from_json(made.to_json().encode()).to_json() == made.to_json()


@pytest.mark.parametrize(
    "words",
    [
        build_vocabulary(["bowl, small", "Dog | dog | hound"], ["犬 | \N{PILE OF POO}"]),
        build_vocabulary('"dog", cat|kitten', ""),
        build_vocabulary("", "a; b\nc | d"),
        build_vocabulary("dog | puppy, cat, dog | hound", "cow"),
    ],
)
def test_words_read_back_as_the_same_question(words: Vocabulary) -> None:
    scores = np.zeros((len(words.names), 2, 2), dtype=np.float32)
    made = manifest_of(PHOTO, "a", words, {"m": Segmentation("m", "n", words.names, words.seen, scores, 0.0, 0.0)})
    read = Manifest.from_json(made.to_json())
    assert build_vocabulary(read.seen, read.unseen) == words


def test_pixels_decide_and_not_their_layout_in_memory() -> None:
    same, other = np.asfortranarray(PHOTO), PHOTO.copy()
    other[3, 3, 2] += 1
    shas = [manifest_of(p, "a", WORDS, {"m": answer()}).photo.pixels_sha256 for p in (PHOTO, same, other)]
    assert shas[0] == shas[1] != shas[2]
    turned = manifest_of(PHOTO.reshape(2, 8, 3), "a", WORDS, {"m": answer()}).photo
    assert turned != manifest().photo


@pytest.mark.parametrize("name", ["a/b.jpg", r"C:\a\b.jpg", "b.jpg"])
def test_no_folder_gets_into_a_manifest(name: str) -> None:
    assert manifest_of(PHOTO, name, WORDS, {"m": answer()}).photo.file_name == "b.jpg"


def test_a_file_name_that_is_no_text() -> None:
    made = manifest_of(PHOTO, "caf\udce9.jpg", WORDS, {"m": answer()})
    assert Manifest.from_json(made.to_json().encode()) == made


def test_an_opacity_for_each() -> None:
    made = manifest_of(PHOTO, "a", WORDS, {"m": answer(), "n": answer()}, {"m": 0.1, "n": 1})
    assert [step.opacity for step in made.methods] == [0.1, 1.0]


def test_answers_to_another_question_are_a_defect() -> None:
    with pytest.raises(ValueError, match="different questions"):
        manifest_of(PHOTO, "a", build_vocabulary("dog, cow"), {"m": answer()})
    for folder in ("../up", "Upper", "", "a/b"):
        with pytest.raises(ValueError, match="folder"):
            manifest_of(PHOTO, "a", WORDS, {folder: answer()})


def _step(key: str, value: object) -> Callable[[dict[str, Any]], object]:
    return lambda data: data["methods"][0].update({key: value})


def _photo(key: str, value: object) -> Callable[[dict[str, Any]], object]:
    return lambda data: data["photo"].update({key: value})


def _top(key: str, value: object) -> Callable[[dict[str, Any]], object]:
    return lambda data: data.update({key: value})


@pytest.mark.parametrize(
    "spoil",
    [
        *(_top("format_version", value) for value in (2, "1", True, None)),
        *(_top(key, value) for key in ("photo", "seen", "unseen", "methods", "version") for value in (None, 7)),
        *(_top("seen", value) for value in ("dog", [1], ["cow"], ["\ud800"])),
        *(_top("methods", value) for value in ([], [1], {})),
        lambda data: data.update(seen=[], unseen=[]),
        lambda data: data.pop("seen"),
        lambda data: data.update(extra=1),
        lambda data: data["methods"].append(data["methods"][0]),
        lambda data: data["methods"][0].pop("sha256"),
        *(_step("folder", value) for value in ("../up", "/etc", "", ".", "A", "a/b", "a\n", 3)),
        *(_step("threshold", value) for value in (2, -0.1, float("nan"), "0.5", True, None, 10**400)),
        *(_step(key, "0.5") for key in ("seen_penalty", "opacity", "sha256", "backbone_sha256")),
        *(_photo(key, value) for key in ("height", "width") for value in (0, 1.5, "4", True)),
        _photo("pixels_sha256", "A" * 64),
    ],
)
def test_a_spoiled_manifest_is_one_sentence(spoil: Callable[[dict[str, Any]], object]) -> None:
    data = json.loads(manifest().to_json())
    spoil(data)
    with pytest.raises(UserError, match=r"^The manifest cannot be read \(.+\): .+\.$") as caught:
        Manifest.from_json(json.dumps(data))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "{", "[]", "7", "null", b"\xff\xfe\x00", "[" * 100_000, "9" * 5000])
def test_what_is_no_manifest_at_all(text: str | bytes) -> None:
    with pytest.raises(UserError, match="manifest cannot be read"):
        Manifest.from_json(text)


def test_a_whole_number_is_a_fine_fraction() -> None:
    data = json.loads(manifest().to_json())
    _step("opacity", 1)(data)
    assert Manifest.from_json(json.dumps(data)).methods[0].opacity == 1.0


def test_files(tmp_path: Path) -> None:
    (tmp_path / "recipe.json").write_text(manifest().to_json(), encoding="utf-8")
    assert read_manifest(tmp_path / "recipe.json") == manifest()
    for path in (tmp_path, tmp_path / "missing.json"):
        with pytest.raises(UserError, match="cannot be opened"):
            read_manifest(path)
