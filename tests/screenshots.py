"""Take the README's picture, and one of every tab in each face of the page: python -m tests.screenshots.

The README's picture is assets/page.png; the others, for looking at, go to runs/screenshots.
"""

import argparse
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from tests.browsing import CHROMIUM, LAUNCH, open_tab, wait_until_ready
from zsseg.demo import build_demo, find_catalog
from zsseg.demo.server import running

FACES = {"desktop": (1366, 900, "light"), "dark": (1366, 900, "dark"), "phone": (375, 812, "light")}
TABS = (
    "How it works", "Scores", "Compare", "Regions", "Recovery", "Ground truth", "Batch", "Export", "Model",
)  # fmt: skip


def segment(browser: Browser, url: str, face: str, example: int, folder: Path) -> Page:
    """Open the page in one of its faces, save what a visitor sees first, and ask about an example."""
    width, height, scheme = FACES[face]
    page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
    page.goto(url)
    wait_until_ready(page)
    page.wait_for_timeout(1500)
    page.screenshot(path=folder / f"{face}-start.png")
    page.locator(".zs-example").nth(example).click()
    page.wait_for_timeout(6000)
    page.evaluate("window.scrollTo(0, 0)")
    return page


def take_tabs(page: Page, folder: Path, face: str) -> None:
    """Save the first screen and every tab."""
    page.locator("#zs-zegclip .zs-view").click()
    page.wait_for_timeout(800)
    page.screenshot(path=folder / f"{face}-first.png", full_page=face == "phone")
    for tab in TABS:
        open_tab(page, tab)
        page.wait_for_timeout(500)
        page.locator("#zs-tabs").screenshot(path=folder / f"{face}-{tab.lower().replace(' ', '-')}.png")


def main() -> None:
    """Serve the page on the shipped checkpoints and take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--picture", type=Path, default=Path("assets/page.png"), help="the README's picture")
    parser.add_argument("--folder", type=Path, default=Path("runs/screenshots"), help="where the others go")
    parser.add_argument("--face", action="append", choices=FACES, help="only this one; may be repeated")
    parser.add_argument("--example", type=int, default=0, help="number of the example photo")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    catalog = find_catalog()
    with running(build_demo(catalog), catalog.get(catalog.first), quiet=True) as url, sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=LAUNCH)
        for face in arguments.face or FACES:
            page = segment(browser, url, face, arguments.example, arguments.folder)
            if face == "desktop":
                page.screenshot(path=arguments.picture)
            take_tabs(page, arguments.folder, face)
            page.close()
        browser.close()


if __name__ == "__main__":
    main()
