"""The lists a visitor can start from."""

import pytest

from training.data.splits import class_names
from zsseg.text.presets import PRESETS
from zsseg.text.vocabulary import build_vocabulary, format_names, parse_names


def test_titles_and_sizes() -> None:
    sizes = {title: len(names) for title, names in PRESETS.items()}
    assert {title: sizes[title] for title in ("VOC-20", "COCO-80", "COCO-Stuff-171", "CamVid", "Garments")} == {
        "VOC-20": 20, "COCO-80": 80, "COCO-Stuff-171": 171, "CamVid": 11, "Garments": 58,
    }  # fmt: skip
    assert 8 <= sizes["Street"] <= 12
    assert 8 <= sizes["Pets"] <= 12


@pytest.mark.parametrize("title", PRESETS)
def test_a_list_is_a_question_as_it_stands(title: str) -> None:
    names = PRESETS[title]
    assert build_vocabulary(names).names == names
    assert parse_names(format_names([(name,) for name in names])) == [(name,) for name in names]


def test_garments_are_those_of_the_data_set() -> None:
    # Four names have no labelled pixel in it: training does not ask them, a visitor may.
    asked = [name for name in class_names("ccp") if name]
    assert [name for name in PRESETS["Garments"] if name in asked] == asked
    assert set(PRESETS["Garments"]) - set(asked) == {"clogs", "intimate", "panties", "swimwear"}
