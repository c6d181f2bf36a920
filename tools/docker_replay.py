"""Replay the Dockerfile step by step in a clean root, where there is no container engine: same files, user, commands.

    python -m tools.docker_replay --base $(python3.11 -c 'import sys; print(sys.prefix)')

Needs Linux, root, and `unshare` and `chroot`. The base image is imitated by this system's programs, read-only, and by a
Python that is copied from --base without its packages; everything else starts empty. Every instruction then runs as in
the Dockerfile, the page is started, the health check is called, and the page is stopped by SIGTERM.
"""

import argparse
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
_SYSTEM = ("bin", "sbin", "lib", "lib32", "lib64")
_PASSED = ("PIP_", "SSL_", "REQUESTS_", "HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "no_proxy")
# The library of the copied Python comes first: the system has one of the same name, with other folders for packages.
_BASE = {
    "PATH": "/opt/python/bin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LD_LIBRARY_PATH": "/opt/python/lib",
    "LANG": "C.UTF-8",
}
_STARTS, _PAUSE = 120, 1.0  # health checks before the page counts as not started, and seconds between them


def instructions() -> list[tuple[str, str]]:
    """Each instruction of the Dockerfile and its arguments; continued lines joined, comments gone."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [(word, rest.strip()) for word, rest in (line.split(maxsplit=1) for line in lines)]


def every(word: str) -> list[str]:
    """The arguments of all instructions of one kind."""
    return [rest for name, rest in instructions() if name == word]


def is_sent_to_build(name: str) -> bool:
    """Whether .dockerignore lets a path through; the last rule that fits decides, as Docker has it."""
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    kept = True
    for rule in (line for line in lines if line and not line.startswith("#")):
        parents = [str(parent.as_posix()) for parent in (Path(name), *Path(name).parents)][:-1]
        if any(fnmatch(path, rule.removeprefix("!").replace("**/", "*")) for path in parents):
            kept = rule.startswith("!")
    return kept


def copy(rest: str, folder: Path) -> None:
    """What `COPY SOURCE TARGET` does below a working directory."""
    source, target = rest.split()
    for path in [ROOT / source, *(ROOT / source).rglob("*")]:
        name = path.relative_to(ROOT).as_posix()
        if path.is_file() and "__pycache__" not in name and is_sent_to_build(name):
            inside = folder / target / path.relative_to(ROOT / source)
            inside = folder / target / path.name if target.endswith("/") else inside
            inside.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, inside)


@dataclass
class Image:
    """State of a build.

    Attributes:
        root: its file system.
        environment: of every command.
        folder: working directory inside.
        user: name of the user who runs commands.
    """

    root: Path
    environment: dict[str, str]
    folder: str = "/"
    user: str = "root"
    commands: dict[str, list[str]] = field(default_factory=dict)

    def command(self, words: list[str]) -> list[str]:
        """The words that run a command inside, as the user, in the working directory."""
        inside = f"cd {shlex.quote(self.folder)} && exec {shlex.join(words)}"
        return ["chroot", f"--userspec={self.user}:{self.user}", str(self.root), "/bin/sh", "-c", inside]

    def run(self, words: list[str], check: bool = True) -> int:
        """Run a command inside and return its exit status."""
        return subprocess.run(self.command(words), env=self.environment, check=check).returncode

    def apply(self, word: str, rest: str) -> None:
        """Execute one instruction.

        Raises:
            ValueError: an instruction that is not known here.
        """
        inside = self.root / self.folder.lstrip("/")
        if word == "RUN":
            self.run(["/bin/sh", "-c", rest])
        elif word == "COPY":
            copy(rest, inside)
        elif word == "WORKDIR":
            self.folder = rest
            (self.root / rest.lstrip("/")).mkdir(parents=True, exist_ok=True)
        else:
            self._set(word, rest)

    def _set(self, word: str, rest: str) -> None:
        """Store a setting for later commands."""
        if word == "USER":
            self.user = rest
        elif word in ("ENV", "ARG"):
            for pair in shlex.split(rest):
                name, _, value = pair.partition("=")
                self.environment[name] = os.environ.get(name, value) if word == "ARG" else value
        elif word in ("CMD", "HEALTHCHECK"):
            self.commands[word] = json.loads(rest.partition("CMD ")[2] or rest)
        elif word not in ("FROM", "EXPOSE"):
            raise ValueError(f"{word} is not known to the replay: add it")


def make_base(root: Path, base: Path, binds: list[Path]) -> None:
    """Make the files of the base image; must run in a mount namespace of its own."""
    for name in ("usr", "proc", "dev", "tmp", "home", "root", "run", "var/tmp", "opt/python"):
        (root / name).mkdir(parents=True)
    (root / "tmp").chmod(0o1777)
    for name in _SYSTEM:
        if Path("/", name).is_symlink():
            (root / name).symlink_to(Path("/", name).readlink())
    subprocess.run(["cp", "-a", "/etc", str(root / "etc")], check=True)  # a user is added to it
    _remove_users(root / "etc")
    local = root.parent / "local"
    shutil.copytree(base, local, symlinks=True, ignore=shutil.ignore_patterns("site-packages", "__pycache__", "test"))
    _mount("/usr", root / "usr", read_only=True)
    for source, target in ((local, root / "opt/python"), (Path("/dev"), root / "dev")):
        subprocess.run(["mount", "--rbind", str(source), str(target)], check=True)
    subprocess.run(["mount", "-t", "proc", "proc", str(root / "proc")], check=True)
    for path in binds:
        target = root / path.relative_to("/")
        target.mkdir(parents=True, exist_ok=True)
        _mount(str(path), target, read_only=True)


def _remove_users(etc: Path) -> None:
    """Keep the system's accounts only, as in an image."""
    people = set()
    for name in ("passwd", "group", "shadow", "gshadow"):
        kept = []
        for line in (etc / name).read_text(encoding="utf-8").splitlines():
            account, _, number, *_ = line.split(":")
            if name in ("passwd", "group") and 1000 <= int(number) < 65000:
                people.add(account)
            if account not in people:
                kept.append(line)
        (etc / name).write_text("\n".join(kept) + "\n", encoding="utf-8")


def _mount(source: str, target: Path, read_only: bool) -> None:
    subprocess.run(["mount", "--bind", source, str(target)], check=True)
    if read_only:
        subprocess.run(["mount", "-o", "remount,bind,ro", str(target)], check=True)


def install_pip(image: Image) -> None:
    """Put `python` and `pip` where the official image has them."""
    image.run(["/opt/python/bin/python3.11", "-m", "ensurepip", "--upgrade"])
    for name, words in (("python", "python3.11"), ("pip", "python3.11 -m pip")):
        path = image.root / "opt/python/bin" / name
        path.unlink(missing_ok=True)
        path.write_text(f'#!/bin/sh\nexec /opt/python/bin/{words} "$@"\n')
        path.chmod(0o755)


def serve(image: Image) -> bool:
    """Start the page, wait for its health check, stop it, and say whether all went well."""
    process = subprocess.Popen(image.command(image.commands["CMD"]), env=image.environment)
    healthy = False
    for _ in range(_STARTS):
        time.sleep(_PAUSE)
        if process.poll() is not None or image.run(image.commands["HEALTHCHECK"], check=False) == 0:
            healthy = process.poll() is None
            break
    process.send_signal(signal.SIGTERM)
    try:
        status = process.wait(timeout=30)
    except subprocess.TimeoutExpired:
        process.kill()
        status = process.wait()
    print(f"== healthy: {healthy}; exit status after SIGTERM: {status}", flush=True)
    return healthy and status == 0


def main() -> int:
    """Entry point: enter namespaces of its own first, then build and serve. Returns 0 if all went well."""
    parser = argparse.ArgumentParser(
        prog="tools.docker_replay", description=__doc__.split("\n")[0] if __doc__ else None
    )
    parser.add_argument(
        "--base", type=Path, required=True, help="prefix of a Python 3.11 that stands for the base image"
    )
    parser.add_argument("--bind", type=Path, action="append", default=[], help="show this folder inside, read-only")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if not args.inside:
        own = ["unshare", "--mount", "--pid", "--fork", "--kill-child", sys.executable, "-m", "tools.docker_replay"]
        return subprocess.run([*own, *sys.argv[1:], "--inside"], cwd=ROOT, check=False).returncode
    passed = {name: value for name, value in os.environ.items() if name.startswith(_PASSED)}
    with tempfile.TemporaryDirectory(prefix="zsseg-docker-") as folder:
        image = Image(Path(folder) / "root", {**passed, **_BASE})
        try:
            make_base(image.root, args.base, args.bind)
            install_pip(image)
            for word, rest in instructions():
                print(f"== {word} {rest}", flush=True)
                image.apply(word, rest)
            return 0 if serve(image) else 1
        finally:
            # Nothing below may be deleted through a mount.
            for name in ("usr", "dev", "proc", "opt/python", *(str(path.relative_to("/")) for path in args.bind)):
                subprocess.run(["umount", "--recursive", "--lazy", str(image.root / name)], check=False)


if __name__ == "__main__":
    raise SystemExit(main())
