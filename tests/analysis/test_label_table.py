"""Tables as people write them."""

import pytest

from zsseg.analysis.label_table import MAX_TABLE_TEXT, parse_table
from zsseg.errors import UserError
from zsseg.text.class_lists import COCO171, VOC20


@pytest.mark.parametrize(
    "text",
    [
        "1: cat\n#ff0000: dog",
        "\ufeff1:cat\r\n\r\n  255,0,0 = dog  \n",
        "1 = cat\n(255, 0, 0): dog\n#FF0000: Dog",
        "01: cat\n255 0 0: dog",
        "１：cat\n255，0，0＝dog",
        '{"1": "cat", "#ff0000": "dog"}',
        '{"1": "cat", "255,0,0": "dog"}',
    ],
)
def test_one_table_in_many_ways(text: str) -> None:
    table = parse_table(text)
    assert table.ids == {1: ("cat",)}
    assert table.colors == {0xFF0000: ("dog",)}


def test_synonyms_colons_and_several_ids() -> None:
    table = parse_table("7: cat ｜ kitten\n8: cat\n9: sign: stop")
    assert table.ids == {7: ("cat", "kitten"), 8: ("cat",), 9: ("sign: stop",)}


@pytest.mark.parametrize("text", ["background\ncat\n\ndog", '["background", "cat", "dog"]'])
def test_names_alone_count_from_zero(text: str) -> None:
    assert parse_table(text).ids == {0: ("background",), 1: ("cat",), 2: ("dog",)}


def test_data_sets_by_name() -> None:
    assert {number: names[0] for number, names in parse_table(" VOC20 ").ids.items()} == dict(
        enumerate(["background", *VOC20])
    )
    assert parse_table("coco171").ids[170] == (COCO171[170],)
    assert parse_table("camvid11").ids[0] == ("sky",)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1: cat\ndog", "“dog” of the colour table names no id"),
        ("cat: 1", "“cat” in the colour table is neither"),
        ("70000: cat", "“70000” in the colour table is neither"),
        ("256,0,0: cat", "neither an id nor a colour"),
        ("#ff00: cat", "neither an id nor a colour"),
        ("1:", "no class name"),
        ('{"1": 2}', "no class name"),
        ('{"1": ["cat"]}', "no class name"),
        ("[[1]]", "no class name"),
        ("1: cat\n1: dog", "both “cat” and “dog”"),
        ('{"1": "cat", "1": "dog"}', "both “cat” and “dog”"),
        ("#ff0000: cat\n255,0,0: dog", "both “cat” and “dog”"),
        ('{"1": "cat"', "begins like JSON"),
        ("[" * 90_000, "begins like JSON"),
        ("1: cat\n" * MAX_TABLE_TEXT, "at most"),
        ("1: " + "c" * 600, "too long"),
    ],
)
def test_what_cannot_be_read(text: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        parse_table(text)
