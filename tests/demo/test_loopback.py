"""Behind an office's proxy the page still finds itself."""

import os
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from zsseg.demo.loopback import bypass_proxies

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("known", ["", "intranet, .office.example", "*"])
def test_own_addresses_are_excepted_once(known: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, known)
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    bypass_proxies("192.168.7.7")
    bypass_proxies("192.168.7.7")
    if known != "*":
        wanted = [*([name.strip() for name in known.split(",")] if known else []), "localhost", "127.0.0.1", "::1"]
        assert os.environ["no_proxy"].split(",") == os.environ["NO_PROXY"].split(",") == [*wanted, "192.168.7.7"]
    for host in ("127.0.0.1:7860", "localhost:7860", "192.168.7.7:80"):
        assert urllib.request.proxy_bypass(host)
    assert urllib.request.proxy_bypass("example.org:80") == (known == "*")


@pytest.mark.slow
def test_the_page_starts_behind_a_proxy_that_leads_nowhere(tmp_path: Path) -> None:
    program = (
        "import sys, urllib.request; from pathlib import Path\n"
        "from tests.servers.demo_server import serve, tiny_checkpoints\n"
        "with serve(tiny_checkpoints(Path(sys.argv[1]))) as url:\n"
        "    print(urllib.request.urlopen(url + 'healthz', timeout=30).status)\n"
    )
    proxies = {name: "http://127.0.0.1:9" for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY")}
    environment = {**os.environ, **proxies, "no_proxy": "", "NO_PROXY": "", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], cwd=ROOT, env=environment, capture_output=True, text=True,
        timeout=170, check=False,
    )  # fmt: skip
    assert done.stdout.strip().endswith("200"), done.stderr[-2000:]
