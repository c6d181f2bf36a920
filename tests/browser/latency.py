"""Measure the page on the shipped checkpoints in a headless browser: python -m tests.browser.latency

Prints the seconds from starting app.py to a good /healthz, and from opening the page until it works; and the medians of
pressing Run, moving a slider, pointing at a pixel and clicking it, each until the browser shows the result.
"""

import json
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from tests.browser.browsing import CHROMIUM, LAUNCH, wait_until_ready

PORT, TRIES = 7931, 9
ROOT = Path(__file__).resolve().parents[2]

# Resolves with the milliseconds until `selector`'s attribute, or its computed style, differs from what it was.
_UNTIL = """([selector, attribute, act]) => new Promise((resolve) => {
  const element = () => document.querySelector(selector);
  const read = () => attribute === "opacity" ? getComputedStyle(element()).opacity : element()?.[attribute];
  const before = read(), start = performance.now();
  const look = () => (read() !== before ? resolve(performance.now() - start) : requestAnimationFrame(look));
  eval(act);
  look();
})"""


@contextmanager
def running_app() -> Iterator[tuple[str, float]]:
    """Start app.py; give its address and the seconds until it was healthy."""
    began = time.monotonic()
    with subprocess.Popen([sys.executable, "app.py", "--port", str(PORT)], cwd=ROOT, stdout=subprocess.DEVNULL) as app:
        url = f"http://127.0.0.1:{PORT}/"
        while True:
            try:
                with urllib.request.urlopen(f"{url}healthz") as reply:
                    assert json.load(reply)["status"] == "ok"
                break
            except OSError:
                assert app.poll() is None, "app.py ended"
                time.sleep(0.05)
        yield url, time.monotonic() - began
        app.terminate()


def milliseconds(page: Page, selector: str, attribute: str, act: Callable[[int], str]) -> list[float]:
    """Act several times in the page and time each until the element shows it."""
    times = []
    for number in range(TRIES):
        times.append(float(page.evaluate(_UNTIL, [selector, attribute, act(number)])))
        page.wait_for_timeout(1200)
    return times


def tell(what: str, times: list[float]) -> None:
    """Print one line."""
    sys.stdout.write(f"{what:34s}{statistics.median(times):7.0f} ms  ({min(times):.0f} to {max(times):.0f})\n")


def slide(number: int) -> str:
    """Script that moves the opacity."""
    return (
        "const s = document.querySelector('#zs-opacity input[type=range]');"
        f"s.value = {0.2 + 0.05 * number}; s.dispatchEvent(new Event('input', {{bubbles: true}}));"
    )


def threshold(number: int) -> str:
    """Script that moves ZegCLIP's threshold."""
    return (
        "const s = document.querySelector('#zs-zegclip input[type=range]');"
        f"s.value = {0.2 + 0.02 * number}; s.dispatchEvent(new Event('input', {{bubbles: true}}));"
    )


def click(number: int) -> str:
    """Script that clicks the painted photo."""
    return (
        "const view = document.querySelector('#zs-zegclip .zs-view'), box = view.getBoundingClientRect();"
        f"view.dispatchEvent(new MouseEvent('click', {{bubbles: true, clientX: box.left + {20 + 30 * number},"
        " clientY: box.top + 60}));"
    )


def hover(number: int) -> str:
    """Script that moves the pointer over the painted photo."""
    return (
        "const view = document.querySelector('#zs-zegclip .zs-view'), box = view.getBoundingClientRect();"
        f"view.dispatchEvent(new PointerEvent('pointermove', {{bubbles: true, clientX: box.left + {20 + 30 * number},"
        f" clientY: box.top + {20 + 20 * number}}}));"
    )


def main() -> None:
    """Measure and print."""
    with running_app() as (url, healthy), sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=LAUNCH)
        page = browser.new_page(viewport={"width": 1366, "height": 900})
        began = time.monotonic()
        page.goto(url)
        wait_until_ready(page)
        sys.stdout.write(
            f"app.py to /healthz {healthy:.1f} s, page open to first answer {time.monotonic() - began:.1f} s\n"
        )
        page.locator("#zs-seen textarea").fill("cat, person, car")
        run = "document.querySelector('#zs-run').click()"
        tell("Run, same photo, other names", [float(page.evaluate(_UNTIL, ["#zs-clip_rc .zs-base", "src", run]))])
        page.wait_for_timeout(5000)
        base = "#zs-zegclip .zs-base"
        tell("threshold slider to new picture", milliseconds(page, base, "src", threshold))
        tell("opacity slider to new picture", milliseconds(page, base, "opacity", slide))
        tell("pointer to scores in all cards", milliseconds(page, "#zs-training-free .zs-tip", "innerText", hover))
        tell("pixel click to bars", milliseconds(page, "#zs-pixel .zs-pixel", "innerText", click))
        browser.close()


if __name__ == "__main__":
    main()
