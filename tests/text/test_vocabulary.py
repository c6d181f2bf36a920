"""What a person types becomes classes, or one sentence."""

import random
import time

import pytest

from zsseg.errors import UserError
from zsseg.text.class_lists import CAMVID11, COCO80, COCO171, DATASETS, VOC20
from zsseg.text.names import clean_name
from zsseg.text.vocabulary import (
    MAX_ALL_SYNONYMS,
    MAX_ENTRIES,
    MAX_NAMES,
    MAX_SYNONYMS,
    build_vocabulary,
    format_names,
    parse_names,
    split_by_seen,
    with_templates,
)


@pytest.mark.parametrize("text", ["dog, cat", "dog;cat", "dog\ncat\n", " dog ,, cat ;", "dog\r\ncat", ["dog", "cat"]])
def test_separators(text: str | list[str]) -> None:
    assert parse_names(text) == [("dog",), ("cat",)]


@pytest.mark.parametrize(
    "typed",
    [
        *("dog，cat", "dog、cat", "dog；cat", "dog،cat", "dog\uff64cat", "dog\ua4fecat", "dog፣ cat", "dog՝ cat"),
        *("dog\tcat", "dog\vcat", "dog\x85cat", "dog\u2028cat", "dog . cat .", ". dog . cat"),
        *(
            "1. dog\n2. cat",
            "0) dog, 1) cat",
            "(1) dog\n(2) cat",
            "1.dog\n2.cat",
            "1)dog;2)cat",
            "- dog\n- cat",
            "• dog\n• cat",
            "* dog\n* cat",
        ),
        *(
            '["dog", "cat"]',
            "['dog', 'cat']",
            '{"dog", "cat"}',
            "(dog, cat)",
            "[dog, cat",
            "«dog», 「cat」",
            "[[dog], [cat]]",
        ),
        *("1、dog\n2、cat", "1\tdog\n2\tcat", "0, dog, 1, cat", "①dog\n② cat", "⑴ dog\n⑵ cat"),
        *(
            "a) dog\nb) cat",
            "(A) dog, (B) cat",
            "1- dog, 2- cat",
            "1 – dog\n2 – cat",
            "#1 dog, #2 cat",
            "١. dog\n٢. cat",
        ),
        *("[1] dog\n[2] cat", "1] dog; 2] cat", "{1} dog, {2} cat", "<1> dog, <2> cat", "No. 1 dog, No. 2 cat"),
        *(
            "1° dog\n2° cat",
            "（1）dog，（2）cat",
            "- [ ] dog\n- [x] cat",
            "> dog\n> cat",
            "## dog\n## cat",
            "→dog\n➤ cat",
        ),
        *(
            "■ dog\n■ cat",
            "•dog\n•cat",
            "**dog**, __cat__",
            "*dog*, _cat_",
            "dog, and cat",
            "dog, & cat",
            "dog, et cat",
        ),
        *("1 dog\n2 cat", "0 dog, 1 cat", "1\ufe0f\u20e3 dog\n2\ufe0f\u20e3 cat", "1\u00aa dog, 2\u00aa cat"),
        *(
            "【dog】、【cat】",
            "（dog）,（cat）",
            "［dog，cat］",
            "《dog》，〈cat〉",
            "⟨dog⟩ ; ｛cat｝",
            "〔dog〕,〖cat〗",
        ),
        *("dog\0cat", "\0dog\0cat\0"),
        *("dog\x1fcat", "dog\ufe10cat", "dog\ufe11 cat", "\u2800dog\u2800,cat"),
        *("do\u200bg, c\u00adat", "\u202edog\u202c, \ufeffcat", "d\u200dog, cat\ufe0f", "dog\u2060,\u3164,cat"),
    ],
)
def test_lists_of_other_scripts_and_programs(typed: str) -> None:
    assert parse_names(typed) == [("dog",), ("cat",)]


def test_what_only_looks_like_a_list_stays() -> None:
    for name in (
        "St. Bernard",
        "bat (animal)",
        "7. Symphony",
        "t-shirt",
        "wall-wood",
        "array[3]",
        "می\u200cخواهم",
        "3 in 1",
    ):
        assert parse_names(name) == [(name,)]
    assert parse_names("2 dogs, 3 cats") == [("2 dogs",), ("3 cats",)]
    assert parse_names("1 euro, 2 euro") == [("1 euro",), ("2 euro",)]
    assert parse_names("and, or") == [("and",), ("or",)]
    assert parse_names("and dog") == [("and dog",)]
    assert parse_names("2. Liga, 5. Liga") == [("2. Liga",), ("5. Liga",)]
    assert parse_names(["1. dog, 2. cat", "x"]) == [("1. dog, 2. cat",), ("x",)]


def test_null_is_no_name_and_other_kinds_are_a_sentence() -> None:
    assert build_vocabulary(None, "dog").names == ("dog",)
    for kind in (5, 1.5, b"dog", {"dog": 1}, True):
        with pytest.raises(UserError, match="text or a list of texts"):
            build_vocabulary(kind)  # type: ignore[arg-type]


def test_synonyms_are_bounded_as_classes_are() -> None:
    build_vocabulary("|".join(f"s{i}" for i in range(MAX_SYNONYMS)))
    with pytest.raises(UserError, match=f"“s0” are too many: give at most {MAX_SYNONYMS}"):
        build_vocabulary("|".join(f"s{i}" for i in range(MAX_SYNONYMS + 1)))
    with pytest.raises(UserError, match="in all"):
        build_vocabulary(["|".join(f"s{c} {i}" for i in range(5)) for c in range(MAX_ALL_SYNONYMS // 5 + 1)])
    with pytest.raises(UserError, match="characters are too many"):
        build_vocabulary("dog," * 300_000)


def test_synonyms() -> None:
    assert parse_names("cat | kitten|tomcat, dog|") == [("cat", "kitten", "tomcat"), ("dog",)]


@pytest.mark.parametrize(
    ("typed", "clean"),
    [("  potted \t plant ", "potted plant"), ('"dog"', "dog"), ("“dog”", "dog"), ("a\u0000b", "a b"), ("e\u0301", "é")],
)
def test_cleaning(typed: str, clean: str) -> None:
    assert clean_name(typed) == clean


def test_seen_come_first_in_the_order_typed() -> None:
    vocabulary = build_vocabulary("dog, person", ["cow"])
    assert vocabulary.names == ("dog", "person", "cow")
    assert vocabulary.seen == (True, True, False)
    assert vocabulary.synonyms == (("dog",), ("person",), ("cow",))


def test_duplicates_are_asked_once_with_all_their_synonyms() -> None:
    vocabulary = build_vocabulary("Dog, dog, DOG|puppy, cat | kitten, kitten")
    assert vocabulary.names == ("Dog", "cat")
    assert vocabulary.synonyms == (("Dog", "puppy"), ("cat", "kitten"))


@pytest.mark.parametrize(("seen", "unseen"), [("dog", "Dog"), ("cat | kitten", "kitten"), ("cat", "dog | cat")])
def test_a_name_in_both_lists(seen: str, unseen: str) -> None:
    with pytest.raises(UserError, match="both"):
        build_vocabulary(seen, unseen)


def test_a_synonym_of_two_classes() -> None:
    with pytest.raises(UserError, match="“kitten” belongs to both “cat” and “dog”"):
        build_vocabulary("cat | kitten, dog | kitten")


@pytest.mark.parametrize("text", ["", " , ;\n", [], ["", " "], "| |"])
def test_no_name(text: str | list[str]) -> None:
    with pytest.raises(UserError, match="No class name"):
        build_vocabulary(text)


def test_many_names() -> None:
    assert len(build_vocabulary([f"thing {i}" for i in range(500)]).names) == 500
    with pytest.raises(UserError, match="too many"):
        build_vocabulary([f"thing {i}" for i in range(MAX_NAMES + 1)])


def test_a_pasted_text_is_no_name() -> None:
    with pytest.raises(UserError, match="too long"):
        build_vocabulary("lorem ipsum " * 50)


def test_an_item_that_is_no_text() -> None:
    with pytest.raises(UserError, match="int"):
        build_vocabulary([1])  # type: ignore[list-item]


def test_templates_take_any_name_literally() -> None:
    assert with_templates("{x} 100%", ["a {}.", "the {}"]) == ["a {x} 100%.", "the {x} 100%"]
    with pytest.raises(ValueError, match="template"):
        with_templates("dog", ["a photo"])


def test_data_set_lists() -> None:
    assert [len(names) for names in (VOC20, COCO80, COCO171, CAMVID11)] == [20, 80, 171, 11]
    assert (COCO171[19], COCO171[94], COCO171[170]) == ("cow", "clouds", "wood")
    for seen, unseen in DATASETS.values():
        build_vocabulary(seen, unseen)
    counts = {name: (len(seen), len(unseen)) for name, (seen, unseen) in DATASETS.items()}
    assert counts == {
        "voc20": (15, 5), "voc20-papers": (15, 5), "coco171": (156, 15), "coco80": (66, 14), "camvid11": (9, 2),
    }  # fmt: skip


def test_official_coco_split_matches_its_ids() -> None:
    ids = (19, 23, 28, 29, 36, 51, 76, 88, 94, 112, 133, 136, 137, 157, 160)
    assert DATASETS["coco171"][1] == tuple(COCO171[i] for i in ids)


ODD = (
    "ab C[](){}12.. -*•·、，；\u3000｜\u200b\ufeff\u0301«」 é\u0301\u00ad\u200d\u202e\x00\t\r\n"
    ",;|'\"“”’`ßẞİıﬁΣς犬🐶\U0001f468\u200d\U0001f469{}$<&-_.日\ue000\ud800"
)


def _typed(seed: int) -> str:
    """Some text of odd characters."""
    draw = random.Random(seed)
    return "".join(draw.choices(ODD, k=draw.randint(0, 40)))


@pytest.mark.parametrize("seed", range(200))
def test_format_is_the_inverse_of_parse(seed: int) -> None:
    groups = parse_names(_typed(seed))
    assert parse_names(format_names(groups)) == groups


def test_format_is_what_a_person_would_type() -> None:
    assert format_names([("cat", "kitten"), ("dog",)]) == "cat | kitten, dog"
    assert format_names([]) == ""


@pytest.mark.parametrize("name", ["a, b", "a;b", "a|b", "a，b", "a\tb", "a . b", "a｜b"])
def test_format_never_splits_a_name(name: str) -> None:
    with pytest.raises(UserError, match="comma, semicolon or bar"):
        format_names([("dog", name)])


def test_seen_names_are_told_from_the_rest() -> None:
    groups = parse_names("Sofa, kitten | CAT, dogs, quokka, tv  monitor, STRASSE, dog")
    seen, unseen = split_by_seen(groups, ["dog", "cat", "TV monitor", "straße"])
    assert seen == [("kitten", "CAT"), ("tv monitor",), ("STRASSE",), ("dog",)]
    assert unseen == [("Sofa",), ("dogs",), ("quokka",)]


def test_synonyms_in_the_checkpoints_own_list_count() -> None:
    assert split_by_seen([("television",)], ["tv | television"]) == ([("television",)], [])


def test_nothing_typed_or_nothing_seen() -> None:
    assert split_by_seen([], ["dog"]) == ([], [])
    assert split_by_seen([("dog",)], []) == ([], [("dog",)])


@pytest.mark.parametrize("seed", range(100))
def test_a_class_is_never_on_both_sides(seed: int) -> None:
    draw = random.Random(seed)
    words = ["a", "A", "b", "c", "C", "d", "e", "f"]
    groups = [tuple(draw.choices(words, k=draw.randint(1, 3))) for _ in range(draw.randint(1, 6))]
    seen, unseen = split_by_seen(groups, draw.sample(words, 2))
    assert sorted(seen + unseen) == sorted(groups)
    folded = [{synonym.casefold() for group in side for synonym in group} for side in (seen, unseen)]
    assert not folded[0] & folded[1]


LONG = 900_000
DEEP: dict[str, str | list[str]] = {
    "brackets in brackets": "(" * LONG + "a" + ")" * LONG,
    "bullets before bullets": "- " * (LONG // 2) + "a",
    "emphasis in emphasis": "*_" * (LONG // 4) + "a" + "_*" * (LONG // 4),
    "accents": "a" + "\u0301\u0323" * (LONG // 2),
    "an item of a list": ["(" * 400_000 + "a" + ")" * 400_000],
    "a list": ["x" * 400] * 10_000,
    "synonyms": "|".join(f"s{number}" for number in range(LONG // 8)),
    "names": ",".join(f"n{number}" for number in range(LONG // 8)),
    "one name": "x" * LONG,
}


@pytest.mark.parametrize("text", DEEP.values(), ids=DEEP)
def test_long_texts_are_refused_before_the_work(text: str | list[str]) -> None:
    began = time.process_time()
    with pytest.raises(UserError) as problem:
        build_vocabulary(text)
    assert len(str(problem.value)) < 200
    assert time.process_time() - began < 60  # minutes to hours, where the work grows with the square of the length


def test_names_that_hang_together_in_a_chain_are_distinguished_quickly() -> None:
    chain = [(f"n{number}", f"n{number + 1}") for number in range(MAX_ENTRIES)][::-1]
    began = time.process_time()
    assert split_by_seen(chain, ["n0"]) == (chain, [])
    assert time.process_time() - began < 60
    with pytest.raises(UserError, match="too many"):
        parse_names(", ".join(f"n{number}" for number in range(MAX_ENTRIES + 1)))
