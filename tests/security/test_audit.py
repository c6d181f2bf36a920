"""`make audit` passes only where every package was looked up, and says in a sentence why it did not."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
OFFLINE = """Traceback (most recent call last):
  File "pip_audit/_service/pypi.py", line 67, in query
requests.exceptions.ConnectionError: no route to host
"""
FOUND = "Found 1 known vulnerability in 1 package"


def audit(folder: Path, says: str, code: int) -> subprocess.CompletedProcess[str]:
    """Run the target with a pip-audit that writes a text to stderr and ends with a code."""
    tool = folder / "audit" / "bin" / "pip-audit"
    (folder / "venv" / "bin").mkdir(parents=True)
    tool.parent.mkdir(parents=True)
    (folder / "venv" / "bin" / "python").symlink_to(sys.executable)
    tool.write_text(f"#!{sys.executable}\nimport sys\nsys.stderr.write({says!r})\nsys.exit({code})\n")
    tool.chmod(0o755)
    for stamp in ("venv/.demo-installed", "audit/.installed"):
        (folder / stamp).touch()
        os.utime(folder / stamp, (time.time() + 60,) * 2)  # newer than the pins, so that make installs nothing
    command = ["make", "audit", f"VENV={folder}/venv", f"AUDIT={folder}/audit"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.skipif(shutil.which("make") is None, reason="there is no make here")
@pytest.mark.parametrize(
    ("says", "code", "sentence"),
    [
        (OFFLINE, 1, "Nothing was audited, the lists"),
        (FOUND, 1, FOUND),
        ("No known vulnerabilities found", 0, "No known"),
    ],
)
def test_an_audit_that_did_not_pass_says_why(tmp_path: Path, says: str, code: int, sentence: str) -> None:
    done = audit(tmp_path, says, code)
    assert (done.returncode == 0) == (code == 0)
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
    assert ("no route to host" in done.stderr) == (says == OFFLINE)
