"""The Space: its list of files is all that the page needs, and it goes up to a stand-in of the Hub."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.project.test_docker import serve_until_healthy
from tests.servers.hub_server import Hub, serving_hub
from tests.weights.test_hub import REVISION, cache, in_cache  # noqa: F401  (a fixture)
from tools import space
from zsseg.errors import UserError
from zsseg.predictor import Predictor
from zsseg.weights.search import find_or_fetch_checkpoint

ROOT = Path(__file__).resolve().parents[2]
LIMIT = 10_000_000  # bytes that the Hub takes outside of its large-file storage


def call(hub: Hub | None, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The tool in a process of its own, signed in at the stand-in only."""
    environment = {**os.environ, "HF_TOKEN": "hf_stand_in", "HF_HUB_DISABLE_XET": "1", "no_proxy": "127.0.0.1"}
    environment["HF_ENDPOINT"] = hub.url if hub else "http://127.0.0.1:9"
    environment.pop("HF_HUB_OFFLINE", None)
    command = [sys.executable, "-m", "tools.space", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=300)


def staged(folder: Path) -> dict[str, Path]:
    return {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}


def test_the_list_is_what_the_page_needs_and_no_more() -> None:
    files = space.space_files(space.committed_files())
    assert {"app.py", "requirements.txt", "LICENSE", "checkpoints/LICENSE.md", "assets/LICENSE.md"} <= set(files)
    assert {name.split("/")[0] for name in files if "/" in name} == {"zsseg", "checkpoints", "assets"}
    code = {path.relative_to(ROOT).as_posix() for path in (ROOT / "zsseg").rglob("*.py")}
    assert code & set(space.committed_files()) <= set(files)
    assert not [name for name in files if "__pycache__" in name]
    without = space.space_files(space.committed_files(), has_weights=False)
    assert set(files) - set(without) == {n for n in files if n.startswith("checkpoints/") and not n.endswith(".md")}


def test_dry_run_lists_every_file_with_its_size(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert space.main(["org/name", "--dry-run"]) == 0
    printed = capsys.readouterr().out
    space.stage_space(tmp_path / "space")
    files = staged(tmp_path / "space")
    listed = dict(re.findall(r"^ *([\d,]+)  (.+)$", printed, re.MULTILINE))
    found = {
        name: int(size.replace(",", "")) for size, name in re.findall(r"^ *([\d,]+)  (.+)$", printed, re.MULTILINE)
    }
    assert found == {name: path.stat().st_size for name, path in files.items()}
    assert printed.startswith(f"org/name: {len(files)} files, {sum(found.values()):,} bytes\n")
    assert "variable" not in printed
    assert space.main(["org/name", "--dry-run", "--model", "org/weights", "--backbone", "ViT-B-16/openai"]) == 0
    printed = capsys.readouterr().out
    assert printed.endswith(
        "org/name: variable ZSSEG_WEIGHTS=org/weights\norg/name: variable ZSSEG_BACKBONE=ViT-B-16/openai\n"
    )
    assert listed
    attributes = files[".gitattributes"].read_text()
    large = [name for name, path in files.items() if path.stat().st_size > LIMIT or name.endswith((".jpg", ".png"))]
    assert large
    assert all(f"*{Path(name).suffix} filter=lfs" in attributes for name in large)


def test_every_binary_file_is_one_for_git_too() -> None:
    """Else a checkout may change its line ends, and a push to the Hub may refuse it."""
    names = [name for name in space.committed_files() if b"\0" in (ROOT / name).read_bytes()[:8192]]
    assert {Path(name).suffix for name in names} >= {".safetensors", ".jpg", ".png", ".webp", ".npz"}
    printed = subprocess.run(["git", "check-attr", "binary", "--", *names], cwd=ROOT, capture_output=True, text=True)
    assert [line for line in printed.stdout.splitlines() if not line.endswith(": binary: set")] == []


def test_only_committed_files_are_uploaded(tmp_path: Path) -> None:
    secret = ROOT / "zsseg" / ".secret-of-a-test"
    secret.write_text("token")
    try:
        assert "zsseg/.secret-of-a-test" not in space.committed_files()
    finally:
        secret.unlink()
    with pytest.raises(UserError, match="no git clone"):
        space.committed_files(tmp_path)


def test_readme_of_the_space() -> None:
    text = space.space_readme("org/weights")
    _, front, body = text.split("---\n", 2)
    fields = dict(line.split(": ", 1) for line in front.splitlines() if ": " in line)
    pins = (ROOT / "requirements.txt").read_text()
    assert f"gradio=={fields['sdk_version']}\n" in pins
    assert (fields["app_file"], fields["sdk"]) == ("app.py", "gradio")
    assert (fields["license"], fields["license_name"]) == ("other", "code-mit-weights-research-only")
    assert "models:\n  - org/weights\npreload_from_hub:\n  - org/weights\n" in front
    assert "preload_from_hub" not in space.space_readme()
    both = space.space_readme("org/weights", "ViT-B-16/openai").split("---\n")[1]
    clip = "timm/vit_base_patch16_clip_224.openai"
    assert f"models:\n  - org/weights\n  - {clip}\npreload_from_hub:\n  - org/weights\n  - {clip} open_clip_m" in both
    files = set(space.space_files(space.committed_files(), has_weights=False))
    assert {target for target in re.findall(r"\]\(([^)]+)\)", body) if "://" not in target} <= files
    assert len(fields["short_description"]) <= 60  # the Hub's limit


@pytest.mark.slow
def test_upload_of_space_and_weights(tmp_path: Path) -> None:
    with serving_hub() as hub:
        hub.files["spaces/org/name"] = {"old.py": b"x = 1", ".gitattributes": b""}
        done = call(hub, "org/name", "--model", "org/weights", "--backbone", "ViT-B-16/openai")
        assert done.returncode == 0, done.stderr
        space.stage_space(tmp_path / "space", "org/weights", "ViT-B-16/openai")
        space.stage_model(tmp_path / "model")
        for repository, folder in (("spaces/org/name", "space"), ("models/org/weights", "model")):
            expected = {name: path.read_bytes() for name, path in staged(tmp_path / folder).items()}
            assert hub.files[repository] == expected  # the old file is gone
        assert [(one.get("type", "model"), one["name"]) for one in hub.created] == [
            ("model", "weights"),
            ("space", "name"),
        ]
        assert hub.created[1]["sdk"] == "gradio"
        assert {path for path, _ in hub.variables} == {"/api/spaces/org/name/variables"}
        assert {one["key"]: one["value"] for _, one in hub.variables} == {
            "ZSSEG_WEIGHTS": "org/weights",
            "ZSSEG_BACKBONE": "ViT-B-16/openai",
        }
        card = hub.files["models/org/weights"]["README.md"].decode()
        assert card.startswith("---\nlicense: other\n")
        assert "pipeline_tag: image-segmentation" in card


@pytest.mark.slow
def test_the_space_reads_its_weights_from_the_repository(tmp_path: Path) -> None:
    """What went up is all that the page needs: its files, and the checkpoints that the variable names."""
    with serving_hub() as hub:
        done = call(hub, "org/name", "--model", "org/weights")
        assert done.returncode == 0, done.stderr
        for name, content in hub.files["spaces/org/name"].items():
            (tmp_path / "app" / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "app" / name).write_bytes(content)
        variables = {variable["key"]: variable["value"] for _, variable in hub.variables}
        variables |= {"HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "cache"), "HF_HUB_OFFLINE": "0"}
        variables |= {"HF_HUB_DISABLE_XET": "1", "no_proxy": "127.0.0.1"}
        assert serve_until_healthy([sys.executable, "app.py"], tmp_path / "app", variables) == 0
        assert {"zegclip-mini-inductive.safetensors", "mini-clip/trunks.safetensors"} <= set(hub.sent)
        assert not [name for name in hub.sent if name.endswith(".md")]


def test_a_hub_that_refuses_is_one_sentence() -> None:
    with serving_hub() as hub:
        hub.refuses = True
        done = call(hub, "org/name")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "hf auth login" in done.stderr


@pytest.mark.parametrize("name", ["name", "a/b/c", "../a", "https://huggingface.co/a/b", "a b/c"])
def test_a_name_that_is_no_repository(name: str) -> None:
    with pytest.raises(SystemExit):
        space.main([name, "--dry-run"])


@pytest.mark.parametrize("name", ["ViT-L-14/openai", "zegclip-voc-inductive"])
def test_a_backbone_that_is_none(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        space.main(["org/name", "--backbone", name, "--dry-run"])
    assert name in capsys.readouterr().err


@pytest.mark.slow
def test_the_listed_files_alone_serve_the_page(tmp_path: Path) -> None:
    space.stage_space(tmp_path / "space")
    assert serve_until_healthy([sys.executable, "app.py"], tmp_path / "space") == 0


def test_python_reads_the_uploaded_repository(tmp_path: Path, cache: Path) -> None:  # noqa: F811
    folder = in_cache(cache, "org/weights")
    head = Predictor.from_checkpoint("org/weights")
    assert head.name == "zegclip-tiny-inductive"
    snapshot = folder / "snapshots" / REVISION
    for name in ("zegclip-mini-inductive", "other"):
        shutil.copy(snapshot / "zegclip-tiny-inductive.safetensors", snapshot / f"{name}.safetensors")
    assert find_or_fetch_checkpoint("org/weights").stem == "zegclip-mini-inductive"
    assert find_or_fetch_checkpoint("org/weights/other").stem == "other"
    assert find_or_fetch_checkpoint(f"org/weights@{REVISION}/other").stem == "other"
    with pytest.raises(UserError, match="zegclip-tiny-inductive behind"):
        find_or_fetch_checkpoint("org/weights/none")
    (snapshot / "zegclip-mini-inductive.safetensors").unlink()
    with pytest.raises(UserError, match="names no checkpoint"):
        find_or_fetch_checkpoint("org/weights")
    with pytest.raises(UserError, match="HF_HUB_OFFLINE"):
        find_or_fetch_checkpoint("org/elsewhere")
    with pytest.raises(UserError, match="no checkpoint a/b.safetensors"):
        find_or_fetch_checkpoint("a/b.safetensors")
