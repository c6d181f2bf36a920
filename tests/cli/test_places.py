"""What a call reads stays as it is, a journal believes only files, and the shell's odd words get a sentence."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.cli.test_segment import photo, tree
from tests.tiny import tiny_checkpoint
from zsseg.cli.main import main
from zsseg.cli.places import Target
from zsseg.cli.terminal import say, warn
from zsseg.image.paths import find_photos

ROOT = Path(__file__).resolve().parents[2]
RNG = np.random.default_rng(7)
DOG, CAT = ["--seen", "dog"], ["--seen", "cat"]


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("weights")
    tiny_checkpoint(folder, "zegclip", name="zegclip-mini-inductive")
    tiny_checkpoint(folder, "clip_rc", name="clip_rc-mini-inductive")
    return folder


@pytest.fixture(autouse=True)
def _our_weights(weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZSSEG_WEIGHTS", str(weights))
    monkeypatch.chdir(tmp_path)


def segment(*arguments: str, out: str = "out") -> int:
    return main(["segment", *arguments, "--method", "zegclip", "--out", out])


def recipe_of(name: str, *more: str) -> str:
    assert main(["segment", name, *DOG, "--zip", "--out", "packed", *more]) == 0
    zipped = Path("packed") / f"{Path(name).stem}.zip"
    subprocess.run([sys.executable, "-m", "zipfile", "-e", str(zipped), "unpacked"], check=True)
    Path("unpacked/recipe.json").rename("recipe.json")
    return "recipe.json"


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> None:
    """The call fails with the sentence, and no file changes."""
    before = tree(".")
    capsys.readouterr()
    assert main(["segment", *words]) == 2
    assert "would overwrite" in capsys.readouterr().err
    assert tree(".") == before


def test_an_answer_never_replaces_what_it_is_made_of(capsys: pytest.CaptureFixture[str]) -> None:
    photo("zegclip/overlay.png")
    photo("a/zegclip/labels.png")
    photo("a.png")
    Path("link.png").symlink_to("zegclip/overlay.png")
    one = [*DOG, "--method", "zegclip", "--out"]
    refused(capsys, "zegclip/overlay.png", *one, ".")
    refused(capsys, "link.png", *one, ".")
    refused(capsys, "a.png", "a/zegclip/labels.png", *one, ".")
    Path("packed").mkdir()
    Path("packed/a.zip").write_bytes(Path("a.png").read_bytes())
    refused(capsys, "packed/a.zip", *one, "packed", "--zip")


def test_a_manifest_and_its_photo_stay(capsys: pytest.CaptureFixture[str]) -> None:
    recipe = recipe_of(photo("photo.png"), "--method", "zegclip")
    refused(capsys, "photo.png", "--manifest", recipe, "--out", ".")
    Path("photo.png").rename("mine.png")
    refused(capsys, "mine.png", "--manifest", recipe, "--out", ".")
    Path(recipe).rename("asked.json")
    assert main(["segment", "mine.png", "--manifest", "asked.json", "--out", "."]) == 0


def test_a_photo_of_another_name_may_lie_among_the_answers() -> None:
    for name in ("photo.png", "figure.png", "zegclip/mine.png", "trip/overlay.png"):
        content = Path(photo(name)).read_bytes()
        assert segment(name, *DOG, out=".") == 0
        assert Path(name).read_bytes() == content


@pytest.mark.parametrize("methods", [["zegclip"], ["zegclip", "clip_rc"]])
def test_the_listed_files_are_those_that_are_written(methods: list[str]) -> None:
    more = ["--method", methods[0]] if len(methods) == 1 else []
    recipe = recipe_of(photo("a.png"), *more)
    assert main(["segment", "a.png", "--manifest", recipe, "--out", "whole"]) == 0
    assert {str(path.relative_to("whole")) for path in Target(Path("whole"), None).files(methods, True)} == set(
        tree("whole")
    )
    assert main(["segment", "a.png", *DOG, *more, "--out", "main"]) == 0
    assert {str(path.relative_to("main")) for path in Target(Path("main"), None).files(methods, False)} == set(
        tree("main")
    )


def answered_again(capsys: pytest.CaptureFixture[str], *words: str) -> bool:
    capsys.readouterr()
    assert segment("a.png", *words, "--resume") == 0
    return "finished earlier" not in capsys.readouterr().out


@pytest.mark.parametrize("resume", [["--resume"], []])
@pytest.mark.parametrize("packed", [["--zip"], []])
def test_files_of_another_question_are_not_finished(
    resume: list[str], packed: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    photo("a.png")
    assert answered_again(capsys, *DOG, *packed)
    first = {name: data for name, data in tree("out").items() if name != "finished.jsonl"}
    assert segment("a.png", *CAT, *packed, *resume) == 0
    assert answered_again(capsys, *DOG, *packed)
    assert {name: data for name, data in tree("out").items() if name != "finished.jsonl"} == first
    assert not answered_again(capsys, *DOG, *packed)


@pytest.mark.parametrize("name", ["labels.png", "overlay.png", "scores.npz", "result.json"])
def test_an_answer_with_a_missing_file_is_not_finished(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    photo("a.png")
    assert answered_again(capsys, *DOG)
    Path("out/zegclip", name).unlink()
    assert answered_again(capsys, *DOG)
    assert Path("out/zegclip", name).is_file()


def test_lines_of_a_journal_that_do_not_count(capsys: pytest.CaptureFixture[str]) -> None:
    photo("a.png")
    assert answered_again(capsys, *DOG)
    journal = Path("out/finished.jsonl")
    entry = json.loads(journal.read_text())
    unreadable: list[object] = [{}, [[5, 6]], [5], None]
    for files in unreadable:
        journal.write_text(json.dumps({**entry, "files": files}) + "\n")
        assert answered_again(capsys, *DOG)
    del entry["files"]  # as earlier versions wrote it
    journal.write_text(f"{'[' * 100_000}\n{json.dumps(entry)}\n")
    assert answered_again(capsys, *DOG)
    assert not answered_again(capsys, *DOG)


@pytest.mark.parametrize("option", ["--seen", "--unseen"])
@pytest.mark.parametrize("words", [["segment", "a.png"], ["export-onnx", "zegclip-mini-inductive"]])
def test_names_that_are_no_text(option: str, words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    photo("a.png")
    assert main([*words, option, "dog, caf\udce9", "--out", "out"]) == 2
    sentence = capsys.readouterr().err
    assert f"names of {option}" in sentence
    assert "“dog, caf?”" in sentence
    assert not Path("out").exists()


def test_closed_streams_are_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    photo("a.png")
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    say("nobody")
    warn("hears")
    assert segment("a.png", *DOG) == 0
    assert segment("a.png", photo("b.png"), "none.png", *DOG, "--json") == 3
    assert segment("none.png", *DOG) == 2
    assert main(["info", "--json"]) == 0


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="a shell of Unix closes the streams")
@pytest.mark.parametrize(("words", "code"), [("a.png --seen dog", 0), ("a.png", 2), ("none.png --seen dog", 2)])
def test_a_shell_that_closes_the_streams(words: str, code: int) -> None:
    photo("a.png")
    command = f'"$0" -m zsseg segment {words} --method zegclip --out out'
    for closed, heard in ((">&-", code == 2), (">&- 2>&-", False)):
        done = subprocess.run(
            ["bash", "-c", f"{command} {closed}", sys.executable], capture_output=True, text=True, timeout=120,
            check=False, env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        assert done.returncode == code
        assert bool(done.stderr) == heard
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize("words", [["segment", "a.png", *DOG, "--out", ""], ["import-official", "a", "--out="]])
def test_an_empty_folder_name(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(words)
    assert caught.value.code == 2
    assert "The name is empty" in capsys.readouterr().err


def test_an_empty_photo_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert segment("", *DOG) == 2
    assert capsys.readouterr().err.startswith("The name of the photo is empty")


def test_a_folder_that_links_to_itself_has_each_photo_once() -> None:
    photo("trip/b.png")
    Path("trip/same.png").symlink_to("b.png")
    Path("trip/loop").symlink_to(".")
    found = [photo.path for photo in find_photos(["trip/**/*.png"])]
    assert found == ["trip/b.png", "trip/same.png"]
    assert [photo.path for photo in find_photos(["a\0b/c.png"])] == ["a\0b/c.png"]
