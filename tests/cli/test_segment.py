"""Batch, ZIPs, manifests and JSON from the shell: files, exit codes, and what goes to which stream."""

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import zsseg.cli.segment
from tests.tiny import tiny_checkpoint
from zsseg.cli.main import main
from zsseg.image.paths import PhotoPath
from zsseg.predictor import Predictor

FILES = ["labels.png", "overlay.png", "result.json", "scores.npz"]
WORDS = ["--seen", "dog | puppy, person", "--unseen", "cow"]
RNG = np.random.default_rng(5)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tiny models under the names of the embedded ones."""
    folder = tmp_path_factory.mktemp("weights")
    tiny_checkpoint(folder, "zegclip", name="zegclip-mini-inductive")
    tiny_checkpoint(folder, "clip_rc", name="clip_rc-mini-inductive")
    return folder


@pytest.fixture(autouse=True)
def _our_weights(weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZSSEG_WEIGHTS", str(weights))
    monkeypatch.chdir(tmp_path)


def photo(path: str) -> str:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(RNG.integers(0, 256, (20, 30, 3), dtype=np.uint8)).save(path)
    return path


def segment(*arguments: str, method: str | None = "zegclip", out: str = "out") -> int:
    return main(["segment", *arguments, "--out", out, *(["--method", method] if method else [])])


def tree(folder: str) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(Path(folder).rglob("*")) if p.is_file()}


def test_more_photos_get_a_folder_each() -> None:
    for name in ("a.png", "trip/a.png", "trip/b.png"):
        photo(name)
    assert segment("a.png", "trip", *WORDS, method=None) == 0
    expected = {
        f"{name}/{method}/{file}" for name in ("a", "a-2", "b") for method in ("zegclip", "clip_rc") for file in FILES
    }
    assert set(tree("out")) == expected


def test_each_photo_is_answered_as_if_it_were_alone() -> None:
    names = [photo(f"{letter}.png") for letter in "abc"]
    assert segment("?.png", *WORDS) == 0
    together = tree("out")
    for name in names:
        assert segment(name, *WORDS, out=f"alone-{name}") == 0
        for file, content in tree(f"alone-{name}").items():
            assert together[f"{Path(name).stem}/{file}"] == content


def test_a_folder_with_one_picture_is_one_photo() -> None:
    photo("trip/a.png")
    assert segment("trip", *WORDS) == 0
    assert sorted(tree("out")) == [f"zegclip/{file}" for file in FILES]


def test_models_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[object] = []
    original = Predictor.from_checkpoint.__func__  # type: ignore[attr-defined]

    def counted(cls: type[Predictor], name: str, **options: Any) -> Predictor:  # noqa: ANN401
        read.append(name)
        return original(cls, name, **options)  # type: ignore[no-any-return]

    monkeypatch.setattr(Predictor, "from_checkpoint", classmethod(counted))
    for letter in "abc":
        photo(f"{letter}.png")
    assert segment("*.png", *WORDS, method=None) == 0
    assert [Path(str(name)).stem for name in read] == ["zegclip-mini-inductive", "clip_rc-mini-inductive"]


def test_some_bad_photos_do_not_stop_the_others(capsys: pytest.CaptureFixture[str]) -> None:
    photo("a.png")
    photo("z.png")
    Path("bad.png").write_bytes(b"junk")
    assert segment("missing.png", "a.png", "bad.png", "none/*.png", "z.png", *WORDS) == 3
    written = capsys.readouterr()
    lines = written.err.splitlines()
    assert [line.split(":")[0] for line in lines] == ["missing.png", "bad.png", "none/*.png"]
    assert sorted({path.split("/")[0] for path in tree("out")}) == ["a", "z"]
    assert len(written.out.splitlines()) == 4


def test_nothing_but_bad_photos(capsys: pytest.CaptureFixture[str]) -> None:
    Path("empty").mkdir()
    assert segment("missing.png", "empty", *WORDS) == 2
    assert len(capsys.readouterr().err.splitlines()) == 2
    assert not Path("out").exists()


def test_a_bad_question_is_told_once_and_before_any_photo(capsys: pytest.CaptureFixture[str]) -> None:
    photo("a.png")
    photo("b.png")
    for slip in (["--seen", ","], [*WORDS, "--opacity", "1.5"], [*WORDS, "--force"], [*WORDS, "--threshold", "nan"]):
        assert segment("a.png", "b.png", *slip) == 2
        assert len(capsys.readouterr().err.splitlines()) == 1
    assert segment("a.png", "b.png", *WORDS, "--checkpoint", "none", method=None) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_place_that_cannot_be_written_to(capsys: pytest.CaptureFixture[str]) -> None:
    photo("a.png")
    Path("file").touch()
    assert segment("a.png", *WORDS, out="file") == 2
    assert "cannot be written" in capsys.readouterr().err


def test_json_is_all_there_is_on_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    photo("a.png")
    assert segment("a.png", "missing.png", *WORDS, "--json", method=None) == 3
    written = capsys.readouterr()
    document = json.loads(written.out)
    assert [row["method"] for row in document["results"]] == ["zegclip", "clip_rc"]
    for row in document["results"]:
        assert (row["photo"], row["zip"]) == ("a.png", None)
        result = json.loads((Path(row["folder"]) / "result.json").read_text(encoding="utf-8"))
        assert {key: row[key] for key in result} == result
        assert row["seconds"] > 0
        assert "seconds" not in result
    (error,) = document["errors"]
    assert error["photo"] == "missing.png"
    assert error["error"] in written.err


def test_json_also_says_that_nothing_could_be_done(capsys: pytest.CaptureFixture[str]) -> None:
    photo("a.png")
    assert segment("a.png", "--json") == 2
    document = json.loads(capsys.readouterr().out)
    assert document["results"] == []
    assert document["errors"][0]["photo"] is None
    assert "No class name" in document["errors"][0]["error"]


def test_progress_is_for_people_at_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    photo("a.png")
    photo("b.png")
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    assert segment("a.png", "b.png", *WORDS) == 0
    assert capsys.readouterr().err == "1/2 a.png\n2/2 b.png\n"
    assert segment("a.png", *WORDS) == 0
    assert capsys.readouterr().err == ""


def test_ctrl_c_is_no_traceback(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    photo("a.png")
    monkeypatch.setattr(Predictor, "predict", stop)
    assert segment("a.png", *WORDS) == 130
    assert capsys.readouterr().err == "Stopped.\n"


def test_zips_instead_of_folders(capsys: pytest.CaptureFixture[str]) -> None:
    photo("a.png")
    photo("b/a.png")
    assert segment("a.png", "b", *WORDS, "--zip", "--json") == 0
    assert sorted(tree("out")) == ["a-2.zip", "a.zip"]
    rows = json.loads(capsys.readouterr().out)["results"]
    assert [(row["folder"], row["zip"]) for row in rows] == [("zegclip", "out/a.zip"), ("zegclip", "out/a-2.zip")]
    for row in rows:
        with zipfile.ZipFile(row["zip"]) as archive:
            result = json.loads(archive.read(f"{row['folder']}/result.json"))
            assert result["classes"] == row["classes"]


def answered(*more: str, method: str | None = None) -> None:
    """a.png, its answer as out/a.zip, and that unpacked in `unpacked`."""
    photo("a.png")
    assert segment("a.png", *WORDS, "--zip", *more, method=method) == 0
    with zipfile.ZipFile("out/a.zip") as archive:
        archive.extractall("unpacked")


def follow(*more: str, out: str = "again") -> int:
    return main(["segment", *more, "--manifest", "unpacked/recipe.json", "--out", out])


def test_a_manifest_makes_the_same_files_to_the_last_byte(capsys: pytest.CaptureFixture[str]) -> None:
    answered("--seen-penalty", "0.2", "--threshold", "0.3", "--opacity", "1")
    Path("a.png").rename("renamed.png")
    capsys.readouterr()
    assert follow("renamed.png") == 0
    assert capsys.readouterr().err == ""
    assert len(tree("again")) == 2 * 10 + 3
    assert tree("again") == tree("unpacked")
    assert follow("renamed.png", "--zip") == 0
    assert Path("again/renamed.zip").read_bytes() == Path("out/a.zip").read_bytes()
    assert follow("unpacked/photo.png", out="from-photo") == 0  # the ZIP alone is enough
    assert tree("from-photo") == tree("unpacked")


def test_a_manifest_with_own_settings_for_each_method() -> None:
    answered()
    data = json.loads(Path("unpacked/recipe.json").read_text(encoding="utf-8"))
    data["methods"][0].update(threshold=0.9, seen_penalty=0.5, opacity=0.1, folder="mine")
    Path("unpacked/recipe.json").write_text(json.dumps(data), encoding="utf-8")
    assert follow("a.png") == 0
    assert json.loads(Path("again/recipe.json").read_text(encoding="utf-8")) == data
    result = json.loads(Path("again/mine/result.json").read_text(encoding="utf-8"))
    assert result["settings"] == {"seen_penalty": 0.5, "threshold": 0.9, "photo_gate": 0.0}


def test_another_photo_is_an_error_unless_forced(capsys: pytest.CaptureFixture[str]) -> None:
    answered(method="zegclip")
    photo("other.png")
    capsys.readouterr()
    assert follow("other.png") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "not the photo" in line
    assert "--force" in line
    assert not Path("again").exists()
    assert follow("other.png", "--force") == 0
    assert capsys.readouterr().err.startswith("Warning: other.png is not the photo")
    made = json.loads(Path("again/recipe.json").read_text(encoding="utf-8"))
    assert made["photo"]["file_name"] == "other.png"  # what was done, not what the old manifest says
    assert made["photo"]["pixels_sha256"] not in Path("unpacked/recipe.json").read_text(encoding="utf-8")


def test_another_checkpoint_is_an_error_unless_forced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answered(method="zegclip")
    (tmp_path / "new").mkdir()
    tiny_checkpoint(tmp_path / "new", "zegclip", name="zegclip-mini-inductive", threshold=0.2)
    monkeypatch.setenv("ZSSEG_WEIGHTS", str(tmp_path / "new"))
    capsys.readouterr()
    assert follow("a.png") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "sha256 differs" in line
    assert follow("a.png", "--force") == 0
    assert capsys.readouterr().err.startswith("Warning: The checkpoint zegclip-mini-inductive is not")
    made, old = (json.loads(Path(f"{p}/recipe.json").read_text())["methods"][0] for p in ("again", "unpacked"))
    assert made["sha256"] != old["sha256"]
    assert (made["threshold"], made["backbone_sha256"]) == (old["threshold"], old["backbone_sha256"])


def test_a_checkpoint_is_found_by_its_content(weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answered(method="zegclip")
    (tmp_path / "moved").mkdir()
    (tmp_path / "moved" / "tiny-clip").symlink_to(weights / "tiny-clip")
    content = (weights / "zegclip-mini-inductive.safetensors").read_bytes()
    (tmp_path / "moved" / "best.safetensors").write_bytes(content)
    monkeypatch.setenv("ZSSEG_WEIGHTS", str(tmp_path / "moved"))
    assert follow("a.png") == 0
    assert tree("again") == tree("unpacked")


def test_another_version_is_only_a_warning(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    answered(method="zegclip")
    text = Path("unpacked/recipe.json").read_text(encoding="utf-8")
    Path("unpacked/recipe.json").write_text(text.replace('"version": "0', '"version": "99', 1), encoding="utf-8")
    capsys.readouterr()
    assert follow("a.png") == 0
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("Warning: the manifest is of zsseg 99")
    assert Path("again/recipe.json").read_text(encoding="utf-8") == text  # by this version


def test_a_manifest_leaves_no_other_choice(capsys: pytest.CaptureFixture[str]) -> None:
    answered(method="zegclip")
    photo("b.png")
    capsys.readouterr()
    for arguments, words in (
        (["a.png", "--seen", "cat"], "leave out --seen."),
        (["a.png", "--threshold", "0", "--opacity", "0"], "leave out --threshold and --opacity."),
        (["a.png", "b.png"], "one photo"),
    ):
        assert follow(*arguments) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert words in line
    Path("unpacked/recipe.json").write_text("{}")
    assert follow("a.png") == 2
    assert "manifest cannot be read" in capsys.readouterr().err
    with pytest.raises(SystemExit) as caught:
        follow("a.png", "--method", "zegclip")
    assert caught.value.code == 2


def test_help_says_the_exit_codes_and_the_files(capsys: pytest.CaptureFixture[str]) -> None:
    for command in (["--help"], ["segment", "--help"]):
        with pytest.raises(SystemExit):
            main(command)
        text = capsys.readouterr().out
        assert all(f" {code} " in text for code in (0, 2, 3, 130))
    assert "OUT/PHOTO.zip" in text


def test_a_name_that_is_cut_is_told_once_and_the_rest_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    photo("a.png")
    photo("b.png")
    names = ["--seen", "dog", "--unseen", "word " * 20]
    assert segment("a.png", "b.png", *names, "--json", method=None) == 0
    written = capsys.readouterr()
    assert [line for line in written.err.splitlines() if "is not read" in line] == written.err.splitlines()
    assert written.err.count("\n") == 1
    results = json.loads(written.out)["results"]
    assert len(results) == 4
    for row in results:
        assert len(row["warnings"]) == 1
        assert f"Warning: {row['warnings'][0]}\n" == written.err
        saved = json.loads((Path(row["folder"]) / "result.json").read_text(encoding="utf-8"))
        assert saved["warnings"] == row["warnings"]


def photos_of_a_trip() -> list[str]:
    return [photo(f"trip/{name}.png") for name in "abcde"]


@pytest.mark.parametrize("packed", [False, True])
def test_shards_share_a_job_and_write_its_files(packed: bool) -> None:
    photos_of_a_trip()
    extra = ["--zip"] if packed else []
    assert segment("trip", *WORDS, *extra, out="whole") == 0
    for index in (1, 2, 3):
        assert segment("trip", *WORDS, *extra, "--shard", f"{index}/3", out="shards") == 0
    assert tree("shards") == tree("whole")


def test_shards_do_not_overlap_and_may_be_empty(capsys: pytest.CaptureFixture[str]) -> None:
    photos_of_a_trip()
    found = []
    for index in range(1, 8):
        assert segment("trip", *WORDS, "--json", "--shard", f"{index}/7") == 0
        found += [row["photo"] for row in json.loads(capsys.readouterr().out)["results"]]
    assert found == [str(Path("trip") / f"{name}.png") for name in "abcde"]


@pytest.mark.parametrize("shard", ["0/2", "3/2", "1", "1/0", "a/b", "-1/2", "1/2/3", "1 / 2", "٣/٤"])
def test_a_shard_that_is_none(shard: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert segment(photo("a.png"), *WORDS, f"--shard={shard}") == 2
    assert "is no shard" in capsys.readouterr().err


def count_answers(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A list that grows with every photo that a model sees."""
    seen: list[str] = []
    write = zsseg.cli.segment._answers

    def answers(asked: PhotoPath, *rest: Any) -> Any:  # noqa: ANN401
        seen.append(asked.name)
        return write(asked, *rest)

    monkeypatch.setattr(zsseg.cli.segment, "_answers", answers)
    return seen


@pytest.mark.parametrize("packed", [False, True])
def test_a_stopped_job_goes_on_where_it_was(
    packed: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    photos_of_a_trip()
    extra = [*WORDS, "--resume", "--json", *(["--zip"] if packed else [])]
    assert segment("trip", *extra, out="whole") == 0
    whole = json.loads(capsys.readouterr().out)
    seen = count_answers(monkeypatch)
    answers = zsseg.cli.segment._answers

    def stop(asked: PhotoPath, *rest: Any) -> Any:  # noqa: ANN401
        if asked.name == "d":
            raise KeyboardInterrupt
        return answers(asked, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(zsseg.cli.segment, "_answers", stop)
        assert segment("trip", *extra, out="parts") == 130
    journal = Path("parts/finished.jsonl")
    journal.write_text(journal.read_text() + journal.read_text()[:40])  # and as if it had been killed while it wrote
    capsys.readouterr()
    assert segment("trip", *extra, out="parts") == 0
    assert seen == ["a", "b", "c", "d", "e"]
    parts = json.loads(capsys.readouterr().out)
    for row in (*whole["results"], *parts["results"]):
        for key in ("seconds", "folder", "zip"):
            row.pop(key)
    assert parts == whole
    files = [{name: data for name, data in tree(out).items() if "finished" not in name} for out in ("parts", "whole")]
    assert files[0] == files[1]
    assert segment("trip", *extra, out="parts") == 0
    assert len(seen) == 5


@pytest.mark.parametrize("change", ["names", "threshold", "photo", "file", "method"])
def test_a_photo_is_done_again_if_anything_differs(change: str, monkeypatch: pytest.MonkeyPatch) -> None:
    photos_of_a_trip()
    asked = [*WORDS, "--resume"]
    assert segment("trip", *asked) == 0
    seen = count_answers(monkeypatch)
    assert segment("trip", *asked) == 0
    assert seen == []
    method, again = "zegclip", ["a", "b", "c", "d", "e"]
    if change == "names":
        asked = ["--seen", "dog", "--unseen", "zebra", "--resume"]
    if change == "threshold":
        asked += ["--threshold", "0.3"]
    if change == "method":
        method = "clip_rc"
    if change == "photo":
        photo("trip/b.png")
        again = ["b"]
    if change == "file":
        Path("out/c/zegclip/result.json").unlink()
        again = ["c"]
    assert segment("trip", *asked, method=method) == 0
    assert seen == again
