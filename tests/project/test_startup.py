"""Starting: heavy packages are imported with their first use, and no import needs a POSIX system."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.tiny import tiny_checkpoint

ROOT = Path(__file__).resolve().parents[2]
HEAVY = {"PIL", "cv2", "gradio", "matplotlib", "numpy", "open_clip", "pandas", "safetensors", "timm", "torch"} | {
    "torchvision", "transformers", "huggingface_hub", "pydantic", "starlette",
}  # fmt: skip
# What a program starts with, and the heavy packages that may come with it.
STARTS = {
    "import zsseg": set(),
    "from zsseg import UserError, build_vocabulary": set(),
    "from zsseg.cli.main import main; main(['--help'])": set(),
    "from zsseg.cli.main import main; main(['--version'])": set(),
    "from zsseg.cli.main import main; main(['info'])": {"numpy", "pydantic", "safetensors"},
    "from zsseg.cli.main import main; main(['info', '--json'])": {"numpy", "pydantic", "safetensors"},
    "from zsseg.cli.main import main; main(['segment', 'no.jpg', '--seen', 'dog', '--out', 'o', '--zip'])": {
        "PIL", "cv2", "numpy",
    },
    "import zsseg.models; zsseg.models.ModelConfig": set(),
    "from zsseg import Predictor": {"PIL", "cv2", "numpy", "safetensors", "torch"},
}  # fmt: skip

_LOADED = "import atexit, sys; atexit.register(lambda: print('\\nloaded', *sys.modules))\n"

# Third parties look for these themselves and do without; the program must not need them.
_WITHOUT_POSIX = """
import importlib, os, pkgutil, signal, sys
import torch, numpy, cv2, PIL.Image, matplotlib.pyplot, safetensors.torch, huggingface_hub
import gradio, mcp, pandas, starlette.routing
from zsseg.open_clip_compat import import_timm
import_timm()
for name in ("fcntl", "resource", "pwd", "grp", "termios", "tty", "pty", "syslog", "posix", "curses", "readline"):
    sys.modules[name] = None
for module, names in {
    os: ["fork", "forkpty", "getuid", "geteuid", "getgid", "getloadavg", "killpg", "mkfifo", "nice", "setsid", "uname",
         "sched_getaffinity", "sched_setaffinity", "chown", "statvfs"],
    signal: ["SIGALRM", "SIGHUP", "SIGKILL", "SIGUSR1", "SIGUSR2", "SIGCHLD", "SIGPIPE", "alarm", "pause", "setitimer"],
}.items():
    for name in names:
        if hasattr(module, name):
            delattr(module, name)
import app, training, zsseg
for package in (zsseg, training):
    for found in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if found.name != "zsseg.__main__":
            importlib.import_module(found.name)
"""


def run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("start", STARTS)
def test_heavy_packages_wait_for_their_first_use(start: str) -> None:
    output = run(_LOADED + start).stdout
    loaded = set(output.rpartition("\nloaded ")[2].split())
    assert "zsseg" in loaded
    assert loaded & HEAVY == STARTS[start]


@pytest.mark.slow
def test_open_clip_comes_without_the_compiler_which_works_later() -> None:
    code = """
import sys
from zsseg.open_clip_compat import import_open_clip
import_open_clip()
print("torch._dynamo" in sys.modules, "torch._dynamo.utils" in sys.modules)
import torch
from torchvision.ops import roi_align
print(sys.modules["torchvision.ops.roi_align"].is_compile_supported("cpu") in (True, False))
print(torch.compile(lambda x: x + 1, backend="eager")(torch.ones(2)).tolist())
"""
    assert run(code).stdout.splitlines() == ["False False", "True", "[2.0, 2.0]"]


def test_info_reads_headers_only(tmp_path: Path) -> None:
    path = tiny_checkpoint(tmp_path, "zegclip", name="mine")
    command = f"from zsseg.cli.main import main; main(['info', '--weights', {str(tmp_path)!r}])"
    result = run(_LOADED + command)
    assert str(path) in result.stdout
    assert "torch" not in result.stdout.rpartition("\nloaded ")[2].split()


@pytest.mark.slow
def test_no_module_needs_posix_when_it_is_imported() -> None:
    result = run(_WITHOUT_POSIX)
    assert result.returncode == 0, result.stderr
