"""The page in a real browser, as a visitor uses it; skipped where no Chromium is installed."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.demo_server import serve, tiny_checkpoints

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
from playwright.sync_api import Browser, Page, expect  # noqa: E402

CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: install the package chromium"),
]

OpenPage = Callable[[int, int], Page]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serve(tiny_checkpoints(tmp_path_factory.mktemp("weights"))) as url:
        yield url


@pytest.fixture
def errors() -> list[str]:
    return []


@pytest.fixture
def open_page(browser: Browser, url: str, errors: list[str]) -> Iterator[OpenPage]:
    pages = []

    def open_page(width: int, height: int) -> Page:
        page = browser.new_page(viewport={"width": width, "height": height})
        pages.append(page)
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(url)
        expect(page.locator("#zs-run")).to_be_visible(timeout=30_000)
        return page

    yield open_page
    for page in pages:
        page.close()


def _upload(page: Page, path: Path) -> None:
    page.get_by_label("Remove Image").click()
    page.locator("#zs-photo input[type=file]").first.set_input_files(str(path))
    expect(page.locator("#zs-photo img")).to_be_visible(timeout=15_000)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "mine.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (60, 90, 3), dtype=np.uint8)).save(path)
    return path


def test_ask_and_see_and_move_a_slider(open_page: OpenPage, errors: list[str], photo: Path) -> None:
    page = open_page(1366, 900)
    _upload(page, photo)
    page.locator("#zs-seen textarea").fill("dog, person")
    page.locator("#zs-unseen textarea").fill("zebra; sheep")
    page.locator("#zs-run").click()
    for method in ("zegclip", "clip_rc"):
        names = page.locator(f"#zs-{method} .zs-name")
        expect(names).to_have_text(["dog", "person", "zebra", "sheep", "none of these"], timeout=60_000)
        expect(page.locator(f"#zs-{method} .zs-badge")).to_have_text(["seen", "seen", "unseen", "unseen"])
        expect(page.locator(f"#zs-{method} .zs-none .zs-area")).to_have_text("0 %")
    expect(page.locator("#zs-scores figure")).to_have_count(8)

    before = page.locator("#zs-zegclip .zs-picture img").get_attribute("src")
    threshold = page.locator("#zs-zegclip").get_by_label("number input for None of these below")
    threshold.fill("1")
    threshold.press("Enter")
    expect(page.locator("#zs-zegclip .zs-none .zs-area")).to_have_text("100.0 %", timeout=15_000)
    expect(page.locator("#zs-clip_rc .zs-none .zs-area")).to_have_text("0 %")
    assert page.locator("#zs-zegclip .zs-picture img").get_attribute("src") != before

    page.get_by_role("tab", name="Recovery").click()
    expect(page.locator("#zs-recovery")).to_contain_text("ZegCLIP has no recovery decoder")
    expect(page.locator("#zs-recovery figure")).to_have_count(5)
    assert errors == []


def test_a_mistake_gets_a_sentence_and_keeps_what_was_typed(
    open_page: OpenPage, errors: list[str], tmp_path: Path
) -> None:
    page = open_page(1366, 900)
    note = tmp_path / "note.png"
    note.write_text("not a picture")
    page.get_by_label("Remove Image").click()
    page.locator("#zs-photo input[type=file]").first.set_input_files(str(note))
    page.wait_for_timeout(1000)
    page.locator("#zs-seen textarea").fill("<i>dog</i>")
    page.locator("#zs-run").click()
    expect(page.locator(".toast-body")).to_contain_text("note.png is not a picture", timeout=30_000)
    expect(page.locator("#zs-seen textarea")).to_have_value("<i>dog</i>")
    assert [error for error in errors if "status of" not in error] == []


def test_an_example_fills_the_question(open_page: OpenPage) -> None:
    page = open_page(1366, 900)
    page.locator("#zs-examples button.gallery-item").nth(1).click()
    expect(page.locator("#zs-unseen textarea")).to_have_value("raccoon, leaves", timeout=15_000)


def test_phone_needs_no_sideways_scrolling(open_page: OpenPage, errors: list[str], tmp_path: Path) -> None:
    page = open_page(375, 812)
    page.locator("#zs-run").click()
    expect(page.locator(".zs-legend")).to_have_count(2, timeout=60_000)
    assert page.evaluate("document.documentElement.scrollWidth") <= 375
    page.screenshot(path=tmp_path / "phone.png", full_page=True)
    pixels = np.asarray(Image.open(tmp_path / "phone.png").convert("RGB"))
    assert pixels.shape[1] == 375
    assert pixels.std() > 10  # not a blank page
    assert errors == []


def test_missing_checkpoints_are_announced(browser: Browser) -> None:
    with serve({"zegclip": "gone", "clip_rc": "gone-too"}) as url:
        page = browser.new_page()
        page.goto(url)
        expect(page.get_by_role("alert")).to_contain_text("ZegCLIP cannot answer", timeout=30_000)
        expect(page.locator("#zs-run")).to_be_disabled()
        page.close()
