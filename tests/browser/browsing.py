"""What a visitor does on the page, for the browser tests and the screenshots."""

import base64
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Page

CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)
LAUNCH = [
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
]
_SERIOUS = ("serious", "critical")


_DRAW = """async ([kind, data]) => {
  const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
  const image = new Image();
  image.src = URL.createObjectURL(new Blob([bytes], {type: kind}));
  await image.decode();
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
  const context = canvas.getContext("2d");
  context.fillStyle = "white";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(image, 0, 0);
  return [canvas.height, canvas.width, Array.from(context.getImageData(0, 0, canvas.width, canvas.height).data)];
}"""


def shown_by_chromium(files: Sequence[tuple[str, bytes]]) -> list[np.ndarray]:
    """What Chromium shows of pictures over white, (H,W,3) each.

    Args:
        files: the kind, such as "png", and the content of each.
    """
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine: install the package chromium")
    with playwright.sync_playwright() as driver:
        page = driver.chromium.launch(executable_path=CHROMIUM, args=LAUNCH).new_page()
        drawn = [page.evaluate(_DRAW, [f"image/{kind}", base64.b64encode(data).decode()]) for kind, data in files]
    return [np.array(values).reshape(height, width, 4)[..., :3] for height, width, values in drawn]


def wait_until_ready(page: "Page") -> None:
    """Wait until the page's events are connected, a click before that would be lost, and it has asked by itself."""
    page.wait_for_selector("body[data-zs-ready]", timeout=60_000)


def upload(page: "Page", path: Path) -> None:
    """Replace the photo."""
    page.get_by_label("Remove Image").click()
    page.locator("#zs-photo input[type=file]").first.set_input_files(str(path))
    page.locator("#zs-photo img").wait_for(timeout=15_000)
    wait_for_answer(page)  # a new photo is answered by itself


def wait_for_answer(page: "Page") -> None:
    """Wait until the answer is of what is asked now."""
    page.wait_for_timeout(400)  # the page compares the question on a clock
    page.locator("#zs-answer:not([data-stale])").wait_for(timeout=60_000)
    page.locator("#zs-cards .zs-view").first.wait_for(timeout=60_000)


def segment(page: "Page", seen: str, unseen: str) -> None:
    """Fill both boxes, press Run and wait for both answers, not those of the question before."""
    page.locator("#zs-seen textarea").fill(seen)
    page.locator("#zs-unseen textarea").fill(unseen)
    page.evaluate("document.querySelectorAll('.zs-view').forEach((view) => { view.dataset.old = 'yes'; })")
    page.locator("#zs-run").click()
    for method in ("zegclip", "clip_rc"):
        page.locator(f"#zs-{method} .zs-view:not([data-old])").wait_for(timeout=60_000)
    wait_for_answer(page)


def wait_for_one_row(page: "Page", selectors: list[str], tolerance: int) -> None:
    """Wait until elements lie side by side: their tops differ by at most `tolerance` pixels.

    All are measured at one moment, since the page may still glide or grow.
    """
    page.wait_for_function(
        """([selectors, tolerance]) => {
            const tops = selectors.map((one) => document.querySelector(one)?.getBoundingClientRect());
            return tops.every((box) => box && box.height > 0)
                && Math.max(...tops.map((box) => box.top)) - Math.min(...tops.map((box) => box.top)) <= tolerance;
        }""",
        arg=[selectors, tolerance],
    )


def open_tab(page: "Page", name: str) -> None:
    """Open a tab; on a narrow window it may be in the menu of those that found no room."""
    tab = page.get_by_role("tab", name=name, exact=True)
    if not tab.first.is_visible():
        page.locator("#zs-tabs .overflow-menu > button").click()
        page.locator("#zs-tabs .overflow-dropdown button", has_text=name).click()
        return
    tab.first.click()


def pick_model(page: "Page", title: str) -> None:
    """Choose another model under "More"."""
    page.locator("#zs-more button").first.click()
    page.locator("#zs-model input").click()
    page.get_by_role("option", name=title).click()


def problems_of(page: "Page") -> list[str]:
    """Serious accessibility problems that axe-core finds on the page as it is now."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page).response["violations"]
    return [
        f"{violation['id']}: {node['html'][:200]}"
        for violation in found
        if violation["impact"] in _SERIOUS
        for node in violation["nodes"]
    ]
