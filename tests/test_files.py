"""Names for files: whatever the text, one plain name that every system takes, and never the same one twice."""

import re
import unicodedata
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from zsseg.errors import UserError
from zsseg.files import MAX_NAME_BYTES, atomic_path, distinct_names, safe_name, slug
from zsseg.image.paths import find_photos
from zsseg.weights.released.official import import_official

# Pieces that break names somewhere: separators, dots, devices, controls, directions, long letters, half characters.
PIECES = (
    *(
        "/",
        "\\",
        ".",
        "..",
        "...",
        " ",
        "\t",
        "\n",
        "\0",
        ":",
        "*",
        "?",
        '"',
        "<",
        ">",
        "|",
        "~",
        "-",
        "_",
        "con",
        "NUL",
    ),
    *("com1", "LPT¹", "CONIN$", "a", "Z", "9", "é", "e\u0301", "猫", "Ä", "ß", "İ", "ﬁ", "\u202e", "\u200b", "\u200d"),
    *("\ufeff", "\ud800", "\udce9", "🐈", "👩\u200d👧", "\u0645\u06cc\u200c", "\u3164", "x" * 300, "猫" * 100, ".jpg"),
    *("．", "／", "＼", "：", "…", "\u2024", "ＣＯＮ", "℀", "﹡"),
)


def hostile(count: int) -> list[str]:
    rng = np.random.default_rng(0)
    return ["".join(rng.choice(PIECES, rng.integers(0, 7))) for _ in range(count)]


@pytest.mark.parametrize("make", [safe_name, slug])
def test_any_text_becomes_one_harmless_name_once_and_for_all(make: Callable[[str], str]) -> None:
    for text in hostile(4000):
        name = make(text)
        assert 0 < len(name.encode()) <= MAX_NAME_BYTES, text
        assert not re.search(r'[<>:"/\\|?*\x00-\x1f\x7f]', name), text
        assert name == name.strip(". "), text
        assert Path(name).name == name, text
        assert not re.fullmatch(r"(?i)(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])(\..*)?", name), text
        assert make(name) == name, text
        assert not re.search(r'[<>:"/\\|?*]', unicodedata.normalize("NFKC", name)), text
        assert unicodedata.normalize("NFKC", name).strip(". ") == unicodedata.normalize("NFKC", name), text
        assert not {"\u202e", "\u200b", "\ufeff", "\u3164"} & set(name), text


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("IMG 0042", "IMG 0042"),
        ("Café", "Café"),
        ("Cafe\u0301", "Café"),
        ("猫", "猫"),
        ("Кот на крыше", "Кот на крыше"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("c\u200bat\ufeff", "cat"),
        ("..", "unnamed"),
        (".", "unnamed"),
        (".bashrc", "bashrc"),
        ("a/../b", "a-..-b"),
        ("CON", "_CON"),
        ("nul.tar", "_nul.tar"),
        ("console", "console"),
        ("trailing. . ", "trailing"),
        ("．．", "unnamed"),
        ("‥／etc", "-etc"),
        ("ＮＵＬ", "_ＮＵＬ"),
        ("100％ ｶﾀｶﾅ", "100％ ｶﾀｶﾅ"),
        ("caf\udce9", "caf-"),
    ],
)
def test_letters_stay_and_traps_go(text: str, name: str) -> None:
    assert safe_name(text) == name


def test_a_long_name_is_cut_between_letters() -> None:
    assert safe_name("猫" * 300) == "猫" * (MAX_NAME_BYTES // 3)
    assert safe_name("abcdef", max_bytes=4) == "abcd"


def test_distinct_names_differ_on_systems_that_ignore_case_and_stay_short() -> None:
    names = list(distinct_names(map(safe_name, [*hostile(500), *["猫" * 300] * 20, "é", "É", "e\u0301"])))
    assert len({unicodedata.normalize("NFC", name.casefold()) for name in names}) == len(names)
    assert max(len(name.encode()) for name in names) <= MAX_NAME_BYTES
    assert list(distinct_names(["a", "A", "a-2", "a"])) == ["a", "A-2", "a-2-2", "a-3"]


def test_photos_named_by_dots_get_a_name_of_their_own() -> None:
    # The stems are "." and "..": a folder of that name lies outside the one for the results.
    names = [photo.name for photo in find_photos(["..jpg", "...jpg", "b.jpg", "猫.png"])]
    assert names == ["photo", "photo-2", "b", "猫"]


def test_a_long_name_can_be_written(tmp_path: Path) -> None:
    path = tmp_path / ("猫" * 80 + ".zip")  # 244 bytes; the temporary name beside it must be shorter
    with atomic_path(path) as partial:
        partial.write_bytes(b"x")
    assert path.read_bytes() == b"x"


@pytest.mark.parametrize("name", ["../up", "..", "a/b", "con", ""])
def test_an_imported_checkpoint_cannot_be_named_into_another_folder(name: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be the name of a file"):
        import_official(tmp_path / "released.pth", tmp_path / "out", name=name)
    assert list(tmp_path.iterdir()) == []
