"""Take the README's pictures, and one of every tab in each face of the page: python -m tests.browser.screenshots.

The README's pictures are assets/page.png, and assets/page.webp, which shows how a word is typed and found; the others,
for looking at, go to runs/screenshots.
"""

import argparse
import io
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.browsing import CHROMIUM, LAUNCH, open_tab, segment, wait_for_answer, wait_until_ready
from zsseg.demo import build_demo, find_catalog
from zsseg.demo.server import running
from zsseg.examples import EXAMPLES, Example

FACES = {
    "desktop": (1366, 900, "light"), "dark": (1366, 900, "dark"), "tablet": (820, 1180, "light"),
    "phone": (390, 844, "light"),
}  # fmt: skip
TABS = (
    "How it works", "Scores", "Compare", "Regions", "Recovery", "Ground truth", "Batch", "Export", "Model",
)  # fmt: skip
MAX_BYTES = 1_500_000  # of the film
FILM = (1200, 780)  # its window; the film is smaller by FILM_SCALE
FILM_SCALE = 0.75


def new_page(browser: Browser, url: str, width: int, height: int, scheme: str = "light") -> Page:
    """Open the page and wait for the answer that it opens with."""
    page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
    page.goto(url)
    wait_until_ready(page)
    wait_for_answer(page)
    page.wait_for_timeout(2500)  # the sentence about the ground truth comes after the pictures
    return page


def take_face(browser: Browser, url: str, face: str, example: int, folder: Path) -> Page:
    """Open the page in one of its faces, save what a visitor sees first, and ask about an example."""
    page = new_page(browser, url, *FACES[face])
    page.screenshot(path=folder / f"{face}-start.png")
    if example:
        page.locator(".zs-example").nth(example).click()
        wait_for_answer(page)
        page.wait_for_timeout(2500)
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


def take_film(browser: Browser, url: str, example: Example, path: Path) -> None:
    """Film how the unseen word of the opening example is typed, found, and shown alone.

    Raises:
        ValueError: the film is larger than MAX_BYTES at every quality.
    """
    page = new_page(browser, url, *FILM)
    others = [name for name in example.unseen.split(", ") if name != example.finds]
    segment(page, example.seen, ", ".join(others))
    page.evaluate("window.scrollTo(0, 0)")
    page.wait_for_timeout(1500)
    frames: list[tuple[Image.Image, int]] = []

    def shoot(milliseconds: int) -> None:
        frames.append((Image.open(io.BytesIO(page.screenshot())).convert("RGB"), milliseconds))

    shoot(1500)
    page.locator("#zs-find input, #zs-find textarea").focus()
    for letter in example.finds:
        page.keyboard.type(letter)
        shoot(140)
    page.keyboard.press("Enter")
    page.wait_for_timeout(500)
    shoot(600)
    wait_for_answer(page)
    page.wait_for_timeout(2500)
    shoot(2500)
    page.locator("#zs-zegclip .zs-row", has_text=example.finds).locator(".zs-name").hover()
    page.wait_for_timeout(400)
    shoot(2500)
    page.close()
    save_film(frames, path)


def save_film(frames: list[tuple[Image.Image, int]], path: Path) -> None:
    """Write frames, each with its milliseconds, as an animated WebP of the best quality that is small enough."""
    size = tuple(round(side * FILM_SCALE) for side in frames[0][0].size)
    small = [frame.resize(size, Image.Resampling.LANCZOS) for frame, _ in frames]
    durations = [milliseconds for _, milliseconds in frames]
    for quality in (85, 70, 55, 40):
        small[0].save(
            path, save_all=True, append_images=small[1:], duration=durations, loop=0, quality=quality, method=6
        )
        if path.stat().st_size <= MAX_BYTES:
            return
    raise ValueError(f"{path} has {path.stat().st_size} bytes at the lowest quality: film fewer frames")


def main() -> None:
    """Serve the page on the shipped checkpoints and take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--picture", type=Path, default=Path("assets/page.png"), help="the README's picture")
    parser.add_argument("--film", type=Path, default=Path("assets/page.webp"), help="the README's film")
    parser.add_argument("--folder", type=Path, default=Path("runs/screenshots"), help="where the others go")
    parser.add_argument("--face", action="append", choices=FACES, help="only this one; may be repeated")
    parser.add_argument("--example", type=int, default=0, help="number of the example photo")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    catalog = find_catalog()
    with running(build_demo(catalog), catalog.get(catalog.first), quiet=True) as url, sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=LAUNCH)
        for face in arguments.face or FACES:
            page = take_face(browser, url, face, arguments.example, arguments.folder)
            if face == "desktop":
                page.screenshot(path=arguments.picture)
            take_tabs(page, arguments.folder, face)
            page.close()
        take_film(browser, url, EXAMPLES[arguments.example], arguments.film)
        browser.close()


if __name__ == "__main__":
    main()
