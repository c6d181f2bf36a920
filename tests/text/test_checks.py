"""Warnings about names: which are given, which are not, with the embedded tokenizer and text encoder."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from zsseg.models import Backbone
from zsseg.text.checks import (
    NEAR_DUPLICATE,
    VocabularyWarning,
    about_truncated_names,
    check_vocabulary,
    lists_read_as_one,
)
from zsseg.text.presets import PRESETS
from zsseg.text.vocabulary import Vocabulary, build_vocabulary
from zsseg.weights.backbone import load_backbone

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def backbone() -> Backbone:
    return load_backbone(ROOT / "checkpoints" / "mini-clip")


def check(
    vocabulary: Vocabulary,
    vectors: np.ndarray | None = None,
    counts: list[int] | None = None,
    pieces: Callable[[str], int] = lambda _word: 1,
    **more: object,
) -> list[VocabularyWarning]:
    synonyms = sum(map(len, vocabulary.synonyms))
    vectors = np.eye(synonyms) if vectors is None else vectors
    return check_vocabulary(vocabulary, vectors, counts or [5] * synonyms, 16, pieces, **more)


def angles(*degrees: float) -> np.ndarray:
    """Unit vectors (len(degrees), 2)."""
    radians = np.deg2rad(degrees)
    return np.stack([np.cos(radians), np.sin(radians)], axis=1)


def test_nothing_to_say() -> None:
    assert check(build_vocabulary("cat | kitten, dog"), angles(0, 1, 90)) == []


def test_near_duplicates_come_closest_first_and_once() -> None:
    vocabulary = build_vocabulary("sofa | settee, dog", "couch, puppy")
    warnings = check(vocabulary, angles(0, 12, 90, 15, 91))
    assert [(warning.kind, warning.names) for warning in warnings] == [
        ("near-duplicates", ("dog", "puppy")), ("near-duplicates", ("sofa", "couch")),
    ]  # fmt: skip
    assert "“dog | puppy”" in warnings[0].sentence


def test_synonyms_of_one_class_may_be_alike() -> None:
    assert check(build_vocabulary("sofa | couch"), angles(0, 0)) == []


def test_threshold_of_near_duplicates() -> None:
    vocabulary, vectors = build_vocabulary("a, b"), angles(0, 60)
    assert len(check(vocabulary, vectors, near_duplicate=0.49)) == 1
    assert check(vocabulary, vectors, near_duplicate=0.51) == []


def test_too_long_names_are_told() -> None:
    vocabulary = build_vocabulary("dog, cat | a very long way to say cat")
    warnings = check(vocabulary, None, [5, 16, 17])
    assert [(warning.kind, warning.names) for warning in warnings] == [("too long", ("cat",))]
    assert "17 tokens" in warnings[0].sentence
    assert "reads 16" in warnings[0].sentence
    assert "“a very long way to say cat”" in warnings[0].sentence


def test_an_answer_is_told_which_names_were_cut_and_what_they_now_equal() -> None:
    vocabulary = build_vocabulary("sofa, couch, a long name that ends in this, a long name that ends in that")
    warnings = check(vocabulary, angles(0, 1, 90, 90), [5, 5, 17, 17], pieces=lambda word: 3 if word == "sofa" else 1)
    assert [warning.kind for warning in warnings] == ["too long"] * 2 + ["unknown word"] + ["near-duplicates"] * 2
    sentences = about_truncated_names(warnings)
    assert list(sentences) == [warning.sentence for warning in (*warnings[:2], warnings[3])]
    assert about_truncated_names(warnings[2:]) == ()


@pytest.mark.parametrize(
    "name",
    [
        "cat and dog",
        "cat/dog",
        "cat. dog",
        "cat & dog",
        "cat - dog",
        "1. cat",
        "cat: dog",
        "cat・dog",
        "cat 和 dog",
        "cat dog",
        *(
            "a. cat",
            "a) cat b) dog",
            "ii. cat",
            "-cat",
            "cat- dog",
            "12",
            "etc.",
            "...",
            "cat… dog",
            "cat (dog) (bird)",
        ),
        *(
            "cat—dog",
            "cat→dog",
            "cat ¦ dog",
            "cat।dog",
            "cat۔ dog",
            "cat։dog",
            "cat．dog",
            "cat‧dog",
            "①cat ②dog",
            "cat ● dog",
        ),
        *(
            "cat~dog",
            "cat⁄dog",
            "cat＋dog",
            "cat＆dog",
            "cat^dog",
            "cat.dog",
            "cat _ dog",
            "cat و dog",
            "（１）猫（２）犬",
            *("1.cat 2.dog 3.cow", "(a) cat (b) dog", "猫 犬", "猫和狗", "猫と犬", "ネコやイヌ"),
        ),
    ],
)
def test_several_names_in_one_are_told_but_not_split(name: str) -> None:
    (warning,) = check(build_vocabulary([name]), known_words=("cat", "dog"))
    assert (warning.kind, warning.names) == ("one class", (name,))
    assert "separate them by commas" in warning.sentence
    assert check(build_vocabulary([name]), known_words=("cat", "dog", name)) == []


def test_no_class_of_a_known_list_looks_like_several() -> None:
    for names in PRESETS.values():
        assert lists_read_as_one(build_vocabulary(names), names) == []
        assert [w for w in lists_read_as_one(build_vocabulary(names), ()) if " " not in w.names[0]] == []
    for name in (
        *(
            "St. Bernard",
            "bat (animal)",
            "brown dog",
            "3 in 1",
            "t-shirt",
            "U.S. flag",
            "traffic_light",
            "Côte d’Ivoire",
        ),
        *("🐈", "🐈‍⬛ 🐕", "100% cotton", "猫", "قطة", "5 € note"),
    ):
        assert lists_read_as_one(build_vocabulary([name]), ("dog", "bat")) == []


def test_synonyms_that_are_classes_of_the_model_are_told() -> None:
    (warning,) = lists_read_as_one(build_vocabulary("| cat | dog |, sofa | couch"), ("cat", "dog", "sofa"))
    assert warning.names == ("cat",)
    assert "“cat | dog” is read as one class" in warning.sentence


def test_a_very_long_name_is_shown_by_its_beginning() -> None:
    warnings = check(build_vocabulary("word " * 60), None, [62])
    assert len(warnings[0].sentence) < 200
    assert "word word…”" in warnings[0].sentence


@pytest.mark.parametrize(
    ("word", "pieces", "doubted"),
    [("skyscraper", 3, False), ("sfoa", 3, True), ("dog", 1, False), ("zbra", 2, False), ("犬", 3, True)],
)
def test_unknown_words(word: str, pieces: int, doubted: bool) -> None:
    assert bool(check(build_vocabulary(word), pieces=lambda _word: pieces)) is doubted


def test_unknown_words_are_judged_one_by_one_and_told_once() -> None:
    vocabulary = build_vocabulary("red qwxz, qwxz-dog | qwxz, 4x4")
    warnings = check(vocabulary, pieces=lambda word: 3 if word == "qwxz" else 1)
    assert [(warning.kind, warning.names) for warning in warnings] == [("unknown word", ("red qwxz", "qwxz-dog"))]
    assert "“qwxz”" in warnings[0].sentence


def test_known_words_are_never_doubted() -> None:
    assert check(build_vocabulary("Qwxz"), pieces=lambda _word: 9, known_words=["my qwxz"]) == []


@pytest.mark.parametrize("counts", [[5], [5, 5, 5]])
def test_lengths_must_fit(counts: list[int]) -> None:
    with pytest.raises(ValueError, match="2 synonyms"):
        check(build_vocabulary("cat, dog"), None, counts)
    with pytest.raises(ValueError, match="2 synonyms"):
        check(build_vocabulary("cat, dog"), angles(*counts))


@pytest.mark.parametrize("title", PRESETS)
def test_no_word_of_the_lists_is_doubted(backbone: Backbone, title: str) -> None:
    assert check(build_vocabulary(PRESETS[title]), pieces=backbone.piece_count) == []


def test_slips_of_the_keys_are_doubted(backbone: Backbone) -> None:
    slips = ("sfoa", "elefant", "fjdksl", "собака", "猫")
    warnings = check(build_vocabulary(slips), pieces=backbone.piece_count)
    assert [warning.names for warning in warnings] == [(word,) for word in slips]


def test_measured_cosines_lie_on_the_sides_that_the_threshold_was_chosen_for(backbone: Backbone) -> None:
    def cosine(one: str, other: str) -> float:
        first, second = backbone.encode_text([f"a photo of a {one}", f"a photo of a {other}"]).numpy()
        return float(first @ second)

    for one, other in [("sofa", "couch"), ("tv", "television"), ("motorbike", "motorcycle"), ("aeroplane", "airplane")]:
        assert cosine(one, other) > NEAR_DUPLICATE
    for one, other in [("man", "woman"), ("cup", "mug"), ("cat", "dog"), ("bus", "train"), ("cow", "sheep")]:
        assert cosine(one, other) < NEAR_DUPLICATE - 0.02


def test_importing_it_loads_no_network() -> None:
    program = "import sys, zsseg.text.checks; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT).returncode == 0
