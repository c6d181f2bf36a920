"""The page behind a reverse proxy, below a path, and in a frame there, as README.md describes it."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from gradio_client import Client, handle_file

from tests.browser.browsing import CHROMIUM, LAUNCH, wait_for_answer, wait_until_ready
from tests.servers.demo_server import serve, tiny_checkpoints
from tests.servers.reverse_proxy import FRAME, proxying
from zsseg import Predictor, examples

PATH = "/tools/zsseg"


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Address of a site that has the page below a path; every request has to stay below it."""
    monkeypatch.setenv("GRADIO_ROOT_PATH", PATH)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with serve(tiny_checkpoints(tmp_path)) as url, proxying(url, PATH) as proxy:
        yield f"http://127.0.0.1:{proxy.server_port}"
        assert [path for path in proxy.outside if path != "/favicon.ico"] == []


def test_a_program_asks_through_the_proxy(site: str, tmp_path: Path) -> None:
    photo = examples.EXAMPLES[0].path
    client = Client(f"{site}{PATH}/", verbose=False)
    try:
        asked = {"photo": handle_file(photo), "seen": "dog", "unseen": "cow", "method": "clip_rc"}
        _, _, scores = client.predict(**asked, api_name="/segment")
    finally:
        client.close()
    predictor = Predictor.from_checkpoint(tmp_path / "clip_rc-tiny-inductive.safetensors")
    with np.load(scores) as found:
        np.testing.assert_array_equal(found["scores"], predictor.predict(photo, "dog", "cow").scores)


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: install the package chromium")
def test_a_visitor_is_answered_in_a_frame_of_the_same_site(site: str) -> None:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=LAUNCH)
        page = browser.new_page(viewport={"width": 1400, "height": 950})
        page.goto(site + FRAME)
        frame = page.frame_locator("iframe")
        frame.locator("body[data-zs-ready]").wait_for(timeout=60_000)
        frame.locator("#zs-cards .zs-view img").first.wait_for(timeout=60_000)
        # Without the frame, too.
        page.goto(f"{site}{PATH}/")
        wait_until_ready(page)
        wait_for_answer(page)
        assert page.locator("#zs-cards .zs-view").count() >= 2
        browser.close()
