"""Take the README's picture of the page: python -m tests.screenshots FILE.png [--all]; --all adds its other faces."""

import argparse
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from tests.demo_server import serve
from tests.test_browser import ARGUMENTS, CHROMIUM
from zsseg.predictor import DEFAULT_CHECKPOINTS

FACES = {"": (1366, 900, "light"), "-dark": (1366, 900, "dark"), "-phone": (375, 812, "light")}
TABS = ("Recovery", "Files", "Model")


def take(browser: Browser, url: str, path: Path, face: str, example: int) -> None:
    """Ask the page about one example and save what it shows, from top to bottom; --all saves each tab too."""
    width, height, scheme = FACES[face]
    page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
    page.goto(url)
    page.locator("#zs-examples button.gallery-item").nth(example).click()
    page.wait_for_timeout(1500)
    page.locator("#zs-run").click()
    page.wait_for_selector(".zs-legend", timeout=120_000)
    page.wait_for_timeout(2000)
    page.evaluate("window.scrollTo(0, 0)")
    page.screenshot(path=path.with_stem(path.stem + face), full_page=face != "")
    if face:
        for tab in TABS:
            page.get_by_role("tab", name=tab).click()
            page.wait_for_timeout(500)
            page.screenshot(path=path.with_stem(f"{path.stem}{face}-{tab.lower()}"), full_page=True)
    page.close()


def main() -> None:
    """Serve the page on the shipped checkpoints and take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--all", action="store_true", help="also the dark and phone faces, and each tab of them")
    parser.add_argument("--example", type=int, default=0, help="number of the example photo")
    arguments = parser.parse_args()
    with serve(DEFAULT_CHECKPOINTS) as url, sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        for face in FACES if arguments.all else ("",):
            take(browser, url, arguments.file, face, arguments.example)
        browser.close()


if __name__ == "__main__":
    main()
