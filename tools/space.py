"""Upload the page as a Hugging Face Space, and on request the checkpoints to a model repository.

    python -m tools.space org/name --dry-run                # what would be uploaded, with sizes
    python -m tools.space org/name                          # create or update the Space
    python -m tools.space org/name --model org/weights      # the checkpoints to a repository of their own
    python -m tools.space org/name --backbone ViT-B-16/openai   # the page brings CLIP, and opens with it

A plain git push is refused by the Hub, because large binary files must go to its large-file storage;
`huggingface_hub.upload_folder` sends them there. Sign in first with `hf auth login`. Only committed files are uploaded.
"""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from zsseg.cli.demo import BACKBONE_VARIABLE
from zsseg.errors import UserError, reason_of
from zsseg.weights.released.listing import CLIP_FILES, released_backbone
from zsseg.weights.search import CONFIG_FILE, WEIGHTS_VARIABLE

ROOT = Path(__file__).resolve().parents[1]

_PAGE = ("app.py", "requirements.txt", "LICENSE", "zsseg/", "assets/examples/", "assets/LICENSE.md", "assets/README.md")
_CHECKPOINTS = "checkpoints/"
_LICENCES = ("checkpoints/LICENSE.md", "checkpoints/README.md")
_REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)
_LARGE = ("*.safetensors", "*.jpg", "*.png")

_SPACE_TEXT = """
# ZegCLIP and CLIP-RC: zero-shot segmentation

Name any class, and two methods find it in a photo. Training showed them masks of the *seen* classes only; they know the
*unseen* ones from their names alone. The page explains each step of both methods on your own photo.

**Licences.** The code is under the [MIT licence](LICENSE). The weights are for non-commercial research, see
[checkpoints/LICENSE.md](checkpoints/LICENSE.md). The example photos are in the public domain or CC0, see
[assets/LICENSE.md](assets/LICENSE.md).
"""
_MODEL_CARD = """---
license: other
license_name: weights-research-only
license_link: LICENSE.md
library_name: zsseg
pipeline_tag: image-segmentation
tags:
  - zero-shot
  - semantic-segmentation
  - open-vocabulary
  - clip
---

"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point. Returns 0, or 2 after one sentence on stderr."""
    args = _parser().parse_args(arguments)
    try:
        with tempfile.TemporaryDirectory(prefix="zsseg-space-") as folder:
            space, model = Path(folder) / "space", Path(folder) / "model"
            stage_space(space, args.model, args.backbone)
            if args.model:
                stage_model(model)
            if args.dry_run:
                print(listing(args.space, space) + (listing(args.model, model) if args.model else ""), end="")
                for name, value in variables(args).items():
                    print(f"{args.space}: variable {name}={value}")
                return 0
            upload(args, space, model)
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tools.space", description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("space", type=_repository, metavar="ORG/NAME", help="the Space; made if need be")
    parser.add_argument("--model", type=_repository, metavar="ORG/NAME", help="repository for the checkpoints")
    parser.add_argument("--backbone", type=_backbone, metavar="NAME", help="bring it at the start: ViT-B-16/openai")
    parser.add_argument("--private", action="store_true", help="only members of ORG see what is made")
    parser.add_argument("--dry-run", action="store_true", help="list files and sizes, upload nothing")
    parser.add_argument("--endpoint", help="address of the Hub (HF_ENDPOINT, else huggingface.co)")
    return parser


def _repository(text: str) -> str:
    if not _REPOSITORY.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text} is no repository: write it ORG/NAME")
    return text


def _backbone(text: str) -> str:
    try:
        released_backbone(text)
    except UserError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return text


def committed_files(root: Path = ROOT) -> list[str]:
    """The files of the repository, relative, as git knows them; so no private or half-finished file is uploaded.

    Raises:
        UserError: this is no clone.
    """
    done = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise UserError(f"{root} is no git clone, so it is not known which files belong to it: clone the repository.")
    return sorted(name for name in done.stdout.split("\0") if (root / name).is_file())


def space_files(files: Iterable[str], has_weights: bool = True) -> list[str]:
    """Which of the repository's files the page needs; without weights, of the checkpoints' folder only its texts."""
    wanted = (*_PAGE, *((_CHECKPOINTS,) if has_weights else _LICENCES))
    return [
        name for name in files if any(name == part or (part[-1] == "/" and name.startswith(part)) for part in wanted)
    ]


def stage_space(folder: Path, model: str | None = None, backbone: str | None = None) -> None:
    """Collect the Space's files in a folder: the page's files, its own README.md and .gitattributes.

    Args:
        folder: made here.
        model: repository that has the checkpoints; without it they are part of the Space.
        backbone: that the page brings at its start.

    Raises:
        UserError: this is no clone.
    """
    _copy(space_files(committed_files(), has_weights=model is None), folder, prefix="")
    (folder / "README.md").write_text(space_readme(model, backbone), encoding="utf-8")
    _write_attributes(folder)


def stage_model(folder: Path) -> None:
    """Collect the model repository's files: the checkpoints, and their model card as README.md.

    Raises:
        UserError: this is no clone.
    """
    files = [name for name in committed_files() if name.startswith(_CHECKPOINTS)]
    _copy(files, folder, prefix=_CHECKPOINTS)
    card = (folder / "README.md").read_text(encoding="utf-8")
    (folder / "README.md").write_text(_MODEL_CARD + card, encoding="utf-8")
    _write_attributes(folder)


def _copy(files: Iterable[str], folder: Path, prefix: str) -> None:
    for name in files:
        target = folder / name.removeprefix(prefix)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, target)


def _write_attributes(folder: Path) -> None:
    """The Hub keeps these files in its large-file storage; the repository itself has no such filter."""
    lines = [f"{pattern} filter=lfs diff=lfs merge=lfs -text" for pattern in _LARGE]
    (folder / ".gitattributes").write_text("\n".join(lines) + "\n", encoding="utf-8")


def space_readme(model: str | None = None, backbone: str | None = None) -> str:
    """The Space's README.md: the front matter of the repository's own, and a text for visitors.

    What the page downloads is named there, and fetched while the Space is built.

    Args:
        model: repository that has the checkpoints.
        backbone: that the page brings at its start.
    """
    front = (ROOT / "README.md").read_text(encoding="utf-8").split("---\n")[1]
    wanted = [(model, "")] if model else []
    if backbone:
        # Only the files that are read: the repository has the same weights several times.
        files = f" {CLIP_FILES[0]},{CONFIG_FILE}"
        wanted += [(place.address, files) for place in released_backbone(backbone).places if place.kind == "hub"]
    if wanted:
        front += "models:\n" + "".join(f"  - {name}\n" for name, _ in wanted)
        front += "preload_from_hub:\n" + "".join(f"  - {name}{files}\n" for name, files in wanted)
    return f"---\n{front}---\n{_SPACE_TEXT}"


def listing(name: str, folder: Path) -> str:
    """Every file that goes to a repository, with its size, and the sum."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    lines = [f"{path.stat().st_size:>12,}  {path.relative_to(folder).as_posix()}" for path in files]
    total = sum(path.stat().st_size for path in files)
    return "\n".join([f"{name}: {len(files)} files, {total:,} bytes", *lines]) + "\n"


def variables(args: argparse.Namespace) -> dict[str, str]:
    """The variables that the Space needs, by name."""
    wanted = {WEIGHTS_VARIABLE: args.model, BACKBONE_VARIABLE: args.backbone}
    return {name: value for name, value in wanted.items() if value}


def upload(args: argparse.Namespace, space: Path, model: Path) -> None:
    """Create what is missing on the Hub and upload the folders; files that are no longer part of it are deleted.

    Raises:
        UserError: the Hub refuses, or cannot be reached.
    """
    from huggingface_hub import HfApi

    api = HfApi(endpoint=args.endpoint)
    try:
        if args.model:
            api.create_repo(args.model, private=args.private, exist_ok=True)
            done = api.upload_folder(
                repo_id=args.model, folder_path=model, commit_message="Checkpoints", delete_patterns="*"
            )
            print(f"{args.model}: {done}")
        api.create_repo(args.space, repo_type="space", space_sdk="gradio", private=args.private, exist_ok=True)
        for name, value in variables(args).items():
            api.add_space_variable(args.space, name, value)
        done = api.upload_folder(
            repo_id=args.space, repo_type="space", folder_path=space, commit_message="The page", delete_patterns="*"
        )
        print(f"{args.space}: {done}")
    except Exception as error:  # the Hub's own kinds, HTTP's and the system's
        raise UserError(
            f"The upload failed ({reason_of(error)}): check the name and the network, and sign in with `hf auth login`."
        ) from error


if __name__ == "__main__":
    raise SystemExit(main())
