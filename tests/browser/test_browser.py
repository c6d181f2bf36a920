"""The page in a real browser, as a visitor uses it; skipped where no Chromium is installed."""

import io
import json
import re
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import numpy as np
import pytest
from PIL import Image

from tests.browser.browsing import (
    CHROMIUM,
    LAUNCH,
    open_tab,
    pick_model,
    problems_of,
    segment,
    upload,
    wait_for_answer,
    wait_for_one_row,
    wait_until_ready,
)  # fmt: skip
from tests.servers.demo_server import serve
from tests.tiny import tiny_checkpoint
from zsseg.demo import build_demo, find_catalog
from zsseg.demo.server import running
from zsseg.examples import EXAMPLES
from zsseg.predictor import Predictor, default_checkpoints
from zsseg.synthetic import NAMES, held_out

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
from playwright.sync_api import Browser, Page, expect  # noqa: E402

expect.set_options(timeout=15_000)  # two busy cores may take a while

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: install the package chromium"),
]

TABS = (
    "How it works", "Scores", "Compare", "Regions", "Recovery", "Ground truth", "Batch", "Export", "Model",
)  # fmt: skip


SEEN_SHAPES = tuple(name for name in NAMES if name not in held_out())


class Visitor:
    """Pages of one browser, and what their consoles complained about."""

    def __init__(self, browser: Browser, url: str) -> None:
        self.browser, self.url = browser, url
        self.pages: list[Page] = []
        self.errors: list[str] = []

    def open(
        self, width: int = 1366, height: int = 900, query: str = "", scheme: str = "light", touch: bool = False
    ) -> Page:
        """Open the page in a window of its own, or on a phone with `touch`, and wait until it works."""
        page = self.browser.new_page(
            viewport={"width": width, "height": height}, color_scheme=scheme, has_touch=touch, is_mobile=touch
        )
        self.pages.append(page)
        page.on("console", lambda message: self.errors.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.goto(self.url + query)
        wait_until_ready(page)
        return page


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=LAUNCH)
        yield browser
        browser.close()


@pytest.fixture
def visitor(browser: Browser, url: str) -> Iterator[Visitor]:
    visitor = Visitor(browser, url)
    yield visitor
    for page in visitor.pages:
        page.close()


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "mine.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (60, 90, 3), dtype=np.uint8)).save(path)
    return path


def test_ask_and_see_and_move_a_slider(visitor: Visitor, photo: Path) -> None:
    page = visitor.open()
    upload(page, photo)
    segment(page, "dog, person", "zebra; sheep")
    for method in ("zegclip", "clip_rc"):
        names = page.locator(f"#zs-{method} .zs-name")
        expect(names).to_have_count(5)
        kinds = {"dog": "seen", "person": "seen", "zebra": "unseen", "sheep": "unseen"}
        for name, kind in kinds.items():
            expect(page.locator(f"#zs-{method} .zs-row[data-name={name}] .zs-badge")).to_have_text(kind)
        expect(names.last).to_have_text("none of these")
        shares = [text for text in page.locator(f"#zs-{method} .zs-row[data-k] .zs-area").all_text_contents()]
        areas = [0.05 if "<" in text else float(text.split()[0]) for text in shares]
        assert areas == sorted(areas, reverse=True)
        expect(page.locator(f"#zs-{method} .zs-none .zs-area")).to_have_text("0 %")

    before = page.locator("#zs-zegclip .zs-base").get_attribute("src")
    threshold = page.locator("#zs-zegclip").get_by_label("number input for Score threshold")
    threshold.fill("1")
    threshold.press("Enter")
    expect(page.locator("#zs-zegclip .zs-none .zs-area")).to_have_text("100.0 %")
    expect(page.locator("#zs-clip_rc .zs-none .zs-area")).to_have_text("0 %")
    expect(page.locator("#zs-zegclip .zs-base")).not_to_have_attribute("src", before or "")
    assert visitor.errors == []


def test_legend_isolates_and_switches_classes(visitor: Visitor, photo: Path) -> None:
    page = visitor.open()
    upload(page, photo)
    segment(page, "dog, person", "zebra, sheep")
    card = page.locator("#zs-zegclip")
    share = [card.locator(f".zs-row[data-k='{k}'] .zs-area").text_content() or "" for k in range(4)]
    largest = max(range(4), key=lambda k: float(share[k].replace("%", "").replace("<", "")))
    row, layer = card.locator(f".zs-row[data-k='{largest}']"), card.locator(f".zs-iso[data-k='{largest}']")
    row.locator(".zs-name").hover()
    expect(layer).to_have_css("opacity", "1")
    page.mouse.move(5, 5)
    expect(layer).to_have_css("opacity", "0")

    row.locator(".zs-toggle").focus()
    expect(layer).to_have_css("opacity", "1")
    page.keyboard.press("Space")
    expect(row.locator(".zs-toggle")).to_have_attribute("aria-pressed", "false")
    expect(row.locator(".zs-area")).to_have_text("0 %")
    expect(row.locator(".zs-toggle")).to_be_focused()  # the legend was drawn again; the keyboard stays where it was
    page.keyboard.press("Space")
    expect(row.locator(".zs-area")).to_have_text(share[largest])
    assert visitor.errors == []


def test_a_click_shows_every_score_of_a_pixel(visitor: Visitor, photo: Path) -> None:
    page = visitor.open()
    upload(page, photo)
    segment(page, "dog, person", "zebra, sheep")
    view = page.locator("#zs-clip_rc .zs-view")
    box = view.bounding_box()
    assert box is not None
    view.click(position={"x": box["width"] / 2, "y": box["height"] / 4})
    expect(page.locator("#zs-pixel .zs-bars li")).to_have_count(3 * 4)
    expect(page.locator("#zs-pixel")).to_contain_text(re.compile(r"Pixel \(4[45], 1[45]\)"))
    expect(page.locator("#zs-pixel")).to_contain_text("region token")
    expect(page.locator(".zs-cross:visible")).to_have_count(3)
    view.focus()
    page.keyboard.press("ArrowDown")
    expect(page.locator("#zs-pixel")).to_contain_text(re.compile(r"Pixel \(4[45], 1[67]\)"))
    assert visitor.errors == []


def test_every_tab_has_its_answer(visitor: Visitor, photo: Path) -> None:
    page = visitor.open()
    upload(page, photo)
    segment(page, "dog, person", "zebra, sheep")
    expect(page.locator("#zs-explain figure")).to_have_count(5, timeout=30_000)
    open_tab(page, "Scores")
    expect(page.locator("#zs-scores figure")).to_have_count(4 * 3)
    sigmoid = page.locator("#zs-scores img").nth(1).get_attribute("src")
    page.get_by_label("Softmax of the same logits").check()
    expect(page.locator("#zs-scores img").nth(1)).not_to_have_attribute("src", sigmoid or "")
    expect(page.locator("#zs-claims figure")).to_have_count(2 * 3)
    expect(page.locator("#zs-sums figure")).to_have_count(3)
    open_tab(page, "Compare")
    expect(page.locator("#zs-compare")).to_contain_text("of the pixels get the same answer")
    page.locator(".zs-wipe-at").fill("80")
    expect(page.locator(".zs-wipe")).to_have_css("--at", "80%")
    expect(page.locator("#zs-compare .zs-pairs figure")).to_have_count(3)  # each two of three methods
    page.locator(".zs-wipe-right").select_option("Training-free baseline")
    expect(page.locator(".zs-wipe .zs-over")).to_have_attribute("data-side", "Training-free baseline")
    expect(page.locator(".zs-wipe .zs-under")).to_have_attribute("data-side", "ZegCLIP")
    open_tab(page, "Regions")
    expect(page.locator("#zs-regions figure")).to_have_count(1 + 4 + 4 + 1)  # blocks, looks, sayings, the mask
    page.locator("#zs-region-class input").click()
    page.get_by_role("option", name="sheep").click()
    expect(page.locator("#zs-regions h3").last).to_contain_text("sheep")
    open_tab(page, "Recovery")
    expect(page.locator("#zs-recovery")).to_contain_text("ZegCLIP has no recovery decoder")
    expect(page.locator("#zs-recovery figure")).to_have_count(1 + 5)
    page.locator("#zs-recovery .zs-features img").nth(1).click(position={"x": 20, "y": 20})
    expect(page.locator("#zs-similarity figure")).to_have_count(4)
    open_tab(page, "Model")
    expect(page.locator("#zs-models")).to_contain_text("zegclip-tiny-inductive")
    assert visitor.errors == []


def test_a_true_mask_is_scored_live(visitor: Visitor, photo: Path, tmp_path: Path) -> None:
    page = visitor.open()
    upload(page, photo)
    segment(page, "dog, person", "zebra, sheep")
    mask = np.full((60, 90), 255, np.uint8)
    mask[:30], mask[30:, :40] = 0, 2
    Image.fromarray(mask).save(tmp_path / "mask.png")
    open_tab(page, "Ground truth")
    page.locator("#zs-mask input[type=file]").set_input_files(str(tmp_path / "mask.png"))
    rows = page.locator("#zs-truth tbody tr")
    expect(rows).to_have_count(4 + 4)
    expect(page.locator("#zs-verdict")).to_contain_text("on this photo: mean IoU")
    for method in ("zegclip", "clip_rc", "training-free"):
        threshold = page.locator(f"#zs-{method}").get_by_label("number input for Score threshold")
        threshold.fill("1")
        threshold.press("Enter")
    expect(rows.filter(has_text="pAcc").locator("td")).to_have_text(["0.000"] * 3)
    expect(page.locator("#zs-verdict")).to_contain_text("equally good on this photo: mean IoU 0.00")
    _replace_mask(page, _black_and_white(tmp_path))  # whether 0 is a class or the ground cannot be known
    expect(page.locator("#zs-truth .zs-warning")).to_contain_text("does not say what white is")
    expect(page.locator("#zs-verdict")).to_be_hidden()
    page.locator("#zs-meanings textarea").fill("255: dog")
    page.locator("#zs-meanings textarea").blur()
    expect(rows).to_have_count(4 + 4)
    page.locator("#zs-meanings textarea").fill("")
    page.locator("#zs-meanings textarea").blur()
    page.locator("#zs-truth").get_by_role("button", name="white is zebra").click()  # the same by a click
    expect(page.locator("#zs-meanings textarea")).to_have_value("255: zebra\n0: background")
    expect(rows).to_have_count(4 + 4)
    page.locator("#zs-meanings textarea").fill("")
    _replace_mask(page, _with_voc_ids(tmp_path))  # more ids than names
    page.locator("#zs-truth").get_by_role("button", name="voc20: 12 is dog, 15 is person").click()
    expect(page.locator("#zs-meanings textarea")).to_have_value("voc20")
    expect(rows).to_have_count(4 + 4)
    expect(page.locator("#zs-verdict")).to_be_visible()
    page.locator("#zs-meanings textarea").fill("")
    (tmp_path / "not.png").write_text("no picture")
    _replace_mask(page, tmp_path / "not.png")
    expect(page.locator("#zs-truth .zs-warning")).to_be_visible(timeout=15_000)
    expect(page.locator("#zs-verdict")).to_be_hidden()
    assert visitor.errors == []


def _black_and_white(folder: Path) -> Path:
    mask = np.zeros((60, 90), np.uint8)
    mask[20:] = 255
    Image.fromarray(mask).save(folder / "white.png")
    return folder / "white.png"


def _with_voc_ids(folder: Path) -> Path:
    mask = np.full((60, 90), 12, np.uint8)
    mask[20:40] = 15
    Image.fromarray(mask).save(folder / "voc.png")
    return folder / "voc.png"


def _replace_mask(page: Page, path: Path) -> None:
    page.locator("#zs-mask").get_by_label("Clear").click()
    page.locator("#zs-mask input[type=file]").set_input_files(str(path))


def test_the_zip_holds_what_is_shown(visitor: Visitor, photo: Path) -> None:
    page = visitor.open()
    upload(page, photo)
    segment(page, "dog, person", "zebra, sheep")
    rows = page.locator("#zs-zegclip")
    shares = [rows.locator(f".zs-row[data-k='{k}'] .zs-area").text_content() or "" for k in range(4)]
    open_tab(page, "Export")
    page.locator("#zs-make-files").click()
    link = page.locator("#zs-files a[download]").first
    expect(link).to_be_visible(timeout=30_000)
    with page.expect_download() as download:
        link.click()
    with zipfile.ZipFile(download.value.path()) as archive:
        labels = np.asarray(Image.open(io.BytesIO(archive.read("zegclip/labels.png"))))
        recipe = json.loads(archive.read("recipe.json"))
        assert len([name for name in archive.namelist() if "/masks/" in name]) == 3 * 4
    for index, share in enumerate(shares):
        assert f"{100 * (labels == index).mean():.1f} %" == share or share in ("0 %", "< 0.1 %")
    assert recipe["seen"] == ["dog", "person"]
    assert recipe["photo"]["file_name"] == "mine.png"
    assert visitor.errors == []


def test_many_photos_come_back_as_one_zip(visitor: Visitor, photo: Path, tmp_path: Path) -> None:
    page = visitor.open()
    other, broken = tmp_path / "other.png", tmp_path / "broken.jpg"
    Image.new("RGB", (70, 50), "olive").save(other)
    broken.write_text("no picture")
    page.locator("#zs-seen textarea").fill("dog")
    page.locator("#zs-unseen textarea").fill("cow")
    open_tab(page, "Batch")
    page.locator("#zs-photos input[type=file]").set_input_files([str(photo), str(other), str(broken)])
    expect(page.locator("#zs-photos")).to_contain_text("broken")
    page.locator("#zs-run-batch").click()
    link = page.locator("#zs-batch-zip a[download]").first
    expect(link).to_be_visible(timeout=60_000)
    expect(page.locator("#zs-batch-table tbody tr")).to_have_count(4)
    expect(page.locator("#zs-batch-table .zs-thumb")).to_have_count(4)
    expect(page.locator("#zs-batch-table")).to_contain_text("broken.jpg")
    with page.expect_download() as download:
        link.click()
    with zipfile.ZipFile(download.value.path()) as archive:
        assert {name.split("/")[0] for name in archive.namelist()} == {"mine", "other"}
    assert visitor.errors == []


def test_a_link_carries_names_and_sliders(visitor: Visitor) -> None:
    page = visitor.open()
    page.locator("#zs-seen textarea").fill("dog | hound, person")
    page.locator("#zs-unseen textarea").fill("snow & ice")
    threshold = page.locator("#zs-clip_rc").get_by_label("number input for Score threshold")
    threshold.fill("0.42")
    threshold.press("Enter")
    open_tab(page, "Export")
    page.locator("#zs-make-link").click()
    box = page.locator("#zs-link textarea, #zs-link input")
    expect(box).to_have_value(re.compile("^http.*clip_rc=0.42"))
    again = visitor.open(query="?" + box.input_value().split("?", 1)[1])
    expect(again.locator("#zs-seen textarea")).to_have_value("dog | hound, person")
    expect(again.locator("#zs-unseen textarea")).to_have_value("snow & ice")
    value = again.locator("#zs-clip_rc").get_by_label("number input for Score threshold")
    expect(value).to_have_value("0.42")
    assert visitor.errors == []


def test_names_are_marked_and_flipped_and_listed(visitor: Visitor) -> None:
    page = visitor.open()
    page.locator("#zs-seen textarea").fill("dog")
    page.locator("#zs-unseen textarea").fill("person, zebra")
    page.locator("#zs-unseen textarea").blur()
    person = page.locator(".zs-mark", has_text="person")
    expect(page.locator("#zs-seen textarea")).to_have_value(
        "dog, person"
    )  # the tiny model was trained with masks of it
    expect(page.locator("#zs-unseen textarea")).to_have_value("zebra")
    expect(person.locator("small")).to_have_text("seen")
    person.click()
    expect(page.locator("#zs-seen textarea")).to_have_value("dog")
    expect(page.locator("#zs-unseen textarea")).to_have_value("zebra, person")
    expect(person.locator(".zs-flag")).to_be_visible(timeout=15_000)
    expect(page.locator("#zs-names .zs-warning").first).to_contain_text("“person”: marked unseen")  # without hovering
    expect(page.locator("#zs-zegclip .zs-row", has_text="person").locator(".zs-badge")).to_have_text("unseen")
    wait_for_answer(page)  # it was asked again by itself, and the mark stays
    expect(page.locator("#zs-unseen textarea")).to_have_value("zebra, person")
    page.locator("#zs-more button").first.click()
    page.locator("#zs-preset input").click()
    page.get_by_role("option", name="Pets").click()
    expect(page.locator("#zs-seen textarea")).to_have_value("dog, person")
    expect(page.locator("#zs-unseen textarea")).to_have_value(re.compile("cat, rabbit"))
    assert visitor.errors == []


def test_a_mistake_gets_a_sentence_and_keeps_what_was_typed(visitor: Visitor, tmp_path: Path) -> None:
    page = visitor.open()
    note = tmp_path / "note.png"
    note.write_text("not a picture")
    page.get_by_label("Remove Image").click()
    page.locator("#zs-photo input[type=file]").first.set_input_files(str(note))
    page.wait_for_timeout(1000)
    page.locator("#zs-seen textarea").fill("<i>dog</i>")
    page.locator("#zs-run").click()
    expect(page.locator(".toast-body").first).to_contain_text("note.png is not a picture", timeout=30_000)
    # No model knows the name; Run puts names in order only where it answers.
    expect(page.locator("#zs-seen textarea")).to_have_value("<i>dog</i>")
    assert [error for error in visitor.errors if "status of" not in error] == []


def test_an_example_fills_the_question(visitor: Visitor) -> None:
    page = visitor.open()
    page.get_by_label("Example: A cat on a couch").click()
    expect(page.locator("#zs-unseen textarea")).to_have_value(re.compile("couch, potted plant"))
    expect(page.locator(".zs-mark", has_text="couch")).to_be_visible(timeout=15_000)
    expect(page.locator("#zs-clip_rc .zs-name", has_text="couch")).to_have_count(1)  # and it is asked at once
    page.get_by_label("Example: Flowers; finds flowers").click()
    expect(page.locator("#zs-clip_rc .zs-name", has_text="flowers")).to_have_count(1)
    open_tab(page, "Ground truth")  # its mask comes with it
    expect(page.locator("#zs-truth")).to_contain_text(re.compile("mean IoU"), timeout=30_000)
    expect(page.locator("#zs-truth figure")).to_have_count(1 + 3 + 3)  # the mask, the answers, their errors
    page.evaluate("window.scrollTo(0, 0)")
    open_tab(page, "Scores")
    page.locator("#zs-verdict").get_by_text("Mask and errors").click()  # its sentence leads there
    expect(page.locator("#zs-truth figure").first).to_be_visible()
    expect(page.locator("#zs-truth tbody tr").filter(has_text="flowers")).to_be_visible()
    page.locator("#zs-run").click()
    wait_for_answer(page)
    expect(page.locator("#zs-truth tbody tr").filter(has_text="flowers")).to_be_visible()  # it outlives a new answer


def test_the_page_opens_with_an_answer_and_a_new_photo_fades_it(visitor: Visitor, photo: Path) -> None:
    page = visitor.open(375, 812)
    expect(page.locator("#zs-clip_rc .zs-view")).to_be_visible()
    assert page.evaluate("window.scrollY") == 0  # nobody asked to be taken elsewhere
    faded = page.locator("#zs-zegclip .zs-base")
    expect(faded).to_have_css("filter", "none")
    page.locator("#zs-seen textarea").fill("dog, person")
    page.locator("#zs-unseen textarea").fill("zebra")
    expect(faded).to_have_css("filter", re.compile("grayscale"))
    expect(page.locator("#zs-tabs")).to_have_attribute("data-stale", "yes")  # and so are the tabs
    before = faded.get_attribute("src")
    upload(page, photo)
    expect(faded).not_to_have_attribute("src", before or "")  # a new photo is answered by itself
    expect(faded).to_have_css("filter", "none")
    expect(page.locator("#zs-tabs:not([data-stale])")).to_be_visible()
    page.wait_for_function("window.scrollY > 0")
    linked = visitor.open(query="?seen=zebra&photo=mine.png")
    expect(linked.locator("#zs-zegclip .zs-waiting")).to_be_visible()
    expect(linked.locator("#zs-notice")).to_contain_text("mine.png")
    assert linked.locator("#zs-photo img").count() == 0  # nobody's names over another photo
    linked.locator("#zs-photo input[type=file]").first.set_input_files(str(photo))
    expect(linked.locator("#zs-zegclip .zs-name", has_text="zebra")).to_be_visible(timeout=60_000)
    expect(linked.locator("#zs-notice")).to_be_hidden()
    assert visitor.errors == []


def test_two_visitors_do_not_see_each_other(visitor: Visitor, photo: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.png"
    Image.new("RGB", (90, 60), "olive").save(other)
    first, second = visitor.open(), visitor.open()
    for page, path in ((first, photo), (second, other)):
        upload(page, path)
    for page, names in ((first, "dog"), (second, "cat, horse")):
        page.locator("#zs-seen textarea").fill(names)
        page.locator("#zs-unseen textarea").fill("")
        page.locator("#zs-run").click()
    expect(first.locator("#zs-zegclip .zs-name")).to_have_text(["dog", "none of these"], timeout=60_000)
    expect(second.locator("#zs-zegclip .zs-name")).to_have_count(3, timeout=60_000)
    for name in ("cat", "horse", "none of these"):
        expect(second.locator("#zs-zegclip .zs-name", has_text=name)).to_have_count(1)
    for page in (first, second):
        opacity = page.locator("#zs-opacity").get_by_label("number input for Opacity of the colours")
        opacity.fill("0")
        opacity.press("Enter")
    for page, path in ((first, photo), (second, other)):
        expected = np.asarray(Image.open(path).convert("RGB")).astype(float).mean((0, 1))
        for _ in range(30):  # the slider's picture is on its way
            if np.abs(_mean_color(page) - expected).max() < 6:
                break
            page.wait_for_timeout(500)
        assert np.abs(_mean_color(page) - expected).max() < 6
    assert visitor.errors == []


def _mean_color(page: Page) -> np.ndarray:
    """Mean RGB of ZegCLIP's picture, as the browser shows it."""
    shot = page.locator("#zs-zegclip .zs-view").screenshot()
    return np.asarray(Image.open(io.BytesIO(shot)).convert("RGB"), dtype=float).mean((0, 1))


def test_phone_needs_no_sideways_scrolling(visitor: Visitor) -> None:
    page = visitor.open(375, 812)
    segment(page, "dog, person", "incomprehensibilities")
    for tab in TABS:
        open_tab(page, tab)
        page.wait_for_timeout(200)
        assert page.evaluate("document.documentElement.scrollWidth") <= 375, tab
    assert visitor.errors == []


@pytest.mark.parametrize(("width", "scheme"), [(1366, "light"), (1366, "dark"), (820, "light"), (390, "dark")])
def test_accessibility(visitor: Visitor, width: int, scheme: str) -> None:
    page = visitor.open(width, scheme=scheme)
    segment(page, "dog, person", "zebra, sheep")
    for tab in TABS:
        open_tab(page, tab)
        page.wait_for_timeout(250)
        assert problems_of(page) == [], tab


def test_missing_checkpoints_are_announced(browser: Browser) -> None:
    with serve({"zegclip": "gone", "clip_rc": "gone-too"}) as url:
        page = browser.new_page()
        page.goto(url)
        expect(page.get_by_role("alert")).to_contain_text("ZegCLIP cannot answer", timeout=30_000)
        expect(page.locator("#zs-run")).to_be_disabled()
        page.close()


def test_a_model_of_drawn_scenes_draws_them_and_scores_itself(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("zsseg.weights.search.checkpoint_folders", lambda: [])
    for method, name in default_checkpoints().items():
        tiny_checkpoint(tmp_path, method, name=name)  # type: ignore[arg-type]
        tiny_checkpoint(  # type: ignore[arg-type]
            tmp_path, method, name=f"{method}-shapes", setting="transductive", data=("shapes",), seen=SEEN_SHAPES
        )
    catalog = find_catalog(str(tmp_path))
    with running(build_demo(catalog), catalog.get(catalog.first), quiet=True) as url:
        visitor = Visitor(browser, url)
        page = visitor.open()
        expect(page.locator(".zs-example").first).to_be_visible()
        expect(page.locator("#zs-draw")).to_be_hidden()
        pick_model(page, "Drawn shapes: tiny-clip, transductive")
        expect(page.locator("#zs-drawing")).to_contain_text("drawn shapes")
        expect(page.get_by_label("Example: A drawn scene")).to_be_visible()
        expect(page.locator("#zs-seen textarea")).to_have_value(re.compile("^ground, "))  # the cat is unknown here
        expect(page.locator("#zs-zegclip .zs-name", has_text="ground")).to_have_count(1, timeout=60_000)
        open_tab(page, "Ground truth")
        for _ in range(2):
            before = page.locator("#zs-photo img").get_attribute("src") or ""
            page.locator("#zs-draw").click()
            expect(page.locator("#zs-photo img")).not_to_have_attribute("src", before)
            expect(page.locator("#zs-truth tbody")).to_have_count(0)
            expect(page.locator("#zs-truth tbody tr").filter(has_text="hIoU")).to_be_visible(timeout=60_000)
            asked = page.locator("#zs-unseen textarea").input_value().split(", ")
            for name in asked:
                expect(page.locator("#zs-truth tbody th", has_text=name)).to_be_visible()
                expect(page.locator("#zs-zegclip .zs-name").get_by_text(name, exact=True)).to_have_count(1)
        page.locator("#zs-seen textarea").fill("ground")
        upload(page, _plain_photo(tmp_path))
        page.locator("#zs-run").click()
        expect(page.locator("#zs-truth tbody")).to_have_count(0, timeout=30_000)  # the mask is of another picture
        page.locator("#zs-draw").click()
        expect(page.locator("#zs-truth tbody tr").filter(has_text="hIoU")).to_be_visible(timeout=60_000)
        page.locator("#zs-model input").click()
        page.get_by_role("option", name="Real photos: tiny-clip, inductive").click()
        wanted = [*EXAMPLES[0].seen.split(", "), *EXAMPLES[0].unseen.split(", ")]
        expect(page.locator("#zs-zegclip .zs-name", has_text=wanted[-1])).to_be_visible(timeout=60_000)
        boxes = [page.locator(f"#zs-{box} textarea").input_value() for box in ("seen", "unseen")]
        assert sorted(", ".join(filter(None, boxes)).split(", ")) == sorted(wanted)
        expect(page.locator("#zs-meanings textarea")).to_have_value(EXAMPLES[0].meanings)
        _expect_examples_switch_the_model(page)
        _expect_linked_scenes(visitor)
        assert visitor.errors == []
        page.close()


def _expect_examples_switch_the_model(page: Page) -> None:
    """One click on the drawn scene, or on a photo, brings the model that knows such pictures."""
    page.get_by_label("Example: A drawn scene").click()
    expect(page.locator("#zs-drawing")).to_be_visible()
    expect(page.locator("#zs-zegclip .zs-name", has_text="ground")).to_have_count(1, timeout=60_000)
    page.get_by_label("Example: A raccoon").click()
    expect(page.locator("#zs-zegclip .zs-name", has_text="raccoon")).to_have_count(1, timeout=60_000)
    expect(page.locator("#zs-drawing")).to_be_hidden()


def _expect_linked_scenes(visitor: Visitor) -> None:
    """A link to a model of drawn scenes brings the scene that it names, and a scene's own names if it has none."""
    fields = {"model": "tiny-clip, transductive", "unseen": "red star", "scene": "77"}
    page = visitor.open(query="?" + urlencode(fields))
    expect(page.locator("#zs-photo img")).to_have_attribute("src", re.compile(r"scene-77\.png"))
    expect(page.locator("#zs-unseen textarea")).to_have_value("red star")
    expect(page.locator("#zs-seen textarea")).to_have_value("")
    expect(page.locator("#zs-draw")).to_be_visible()
    page.locator("#zs-run").click()
    expect(page.locator("#zs-zegclip .zs-name").first).to_have_text("red star", timeout=60_000)
    open_tab(page, "Export")
    page.locator("#zs-make-link").click()
    expect(page.locator("#zs-link textarea, #zs-link input")).to_have_value(re.compile("scene=77"))
    bare = visitor.open(query="?" + urlencode({"model": fields["model"]}))
    expect(bare.locator("#zs-photo img")).to_have_attribute("src", re.compile(r"scene-\d+\.png"))
    expect(bare.locator("#zs-seen textarea")).to_have_value(re.compile("^ground, "))


def _plain_photo(folder: Path) -> Path:
    path = folder / "mine.png"
    Image.new("RGB", (128, 128), "olive").save(path)
    return path


def test_another_model_brings_its_own_settings(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("zsseg.weights.search.checkpoint_folders", lambda: [])
    for setting, threshold in (("inductive", 0.0), ("transductive", 0.25)):
        for method, name in default_checkpoints().items():
            own = name.replace("inductive", setting)
            tiny_checkpoint(tmp_path, method, name=own, setting=setting, threshold=threshold)  # type: ignore[arg-type]
    catalog = find_catalog(str(tmp_path))
    with running(build_demo(catalog), catalog.get(catalog.first), quiet=True) as url:
        visitor = Visitor(browser, url)
        page = visitor.open()
        segment(page, "dog", "cow")
        page.evaluate("document.querySelectorAll('.zs-view').forEach((view) => { view.dataset.old = 'yes'; })")
        pick_model(page, "Real photos: tiny-clip, transductive")
        for method in default_checkpoints():
            expect(page.locator(f"#zs-{method} .zs-card-title")).to_contain_text("transductive")
            number = page.locator(f"#zs-{method}").get_by_label("number input for Score threshold")
            expect(number).to_have_value("0.25")
            expect(page.locator(f"#zs-{method} .zs-view:not([data-old])")).to_be_visible()  # asked again by itself
        open_tab(page, "Model")
        expect(page.locator("#zs-models")).to_contain_text("zegclip-mini-transductive")
        expect(page.locator("#zs-seen textarea")).to_have_value("dog")
        fields = {"model": "tiny-clip, transductive", "threshold-zegclip": "0.4", "seen": "dog"}
        linked = visitor.open(query="?" + urlencode(fields))
        for method, threshold in (("zegclip", "0.4"), ("clip_rc", "0.25")):  # the link's, else the model's own
            number = linked.locator(f"#zs-{method}").get_by_label("number input for Score threshold")
            expect(number).to_have_value(threshold)
            expect(linked.locator(f"#zs-{method} .zs-card-title")).to_contain_text("transductive")
        assert visitor.errors == []
        page.close()


def test_one_field_finds_anything(visitor: Visitor) -> None:
    page = visitor.open()
    field = page.locator("#zs-find input, #zs-find textarea")
    field.fill("lantern")
    field.press("Enter")
    expect(page.locator("#zs-unseen textarea")).to_have_value(re.compile("lantern$"))
    expect(field).to_have_value("")
    expect(page.locator(".zs-mark", has_text="lantern").locator("small")).to_have_text("unseen")
    expect(page.locator("#zs-clip_rc .zs-name", has_text="lantern")).to_have_count(1, timeout=60_000)
    field.fill("dog")
    field.press("Enter")
    expect(page.locator("#zs-seen textarea")).to_have_value(re.compile("dog$"))
    page.locator("#zs-choices summary").click()
    page.locator(".zs-choice", has_text="person").click()
    expect(page.locator(".zs-mark", has_text="person").locator("small")).to_have_text("seen")
    assert visitor.errors == []


def test_boxes_complete_the_name_being_typed(visitor: Visitor) -> None:
    page = visitor.open()
    box = page.locator("#zs-unseen textarea")
    page.locator("#zs-find input, #zs-find textarea").fill("umbr")
    covered = (
        "e => { const b = e.getBoundingClientRect(); return e !== document.elementFromPoint(b.x + 30, b.y + 20); }"
    )
    assert not page.locator("#zs-find .zs-suggest button").first.evaluate(covered)  # nothing lies over the list
    box.fill("dog, umbr")
    page.locator("#zs-unseen .zs-suggest button", has_text="umbrella").click()
    expect(box).to_have_value("dog, umbrella")
    seen = page.locator("#zs-seen textarea")
    seen.fill("pers")
    seen.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(seen).to_have_value("person")
    assert visitor.errors == []


def test_a_number_out_of_range_never_leaves_its_field(visitor: Visitor) -> None:
    page = visitor.open()
    number = page.locator("#zs-zegclip").get_by_label("number input for Score threshold")
    for typed, becomes in (("7", "1"), ("0.2", "0.2"), ("", "0.2"), ("-3", "0")):
        number.focus()
        number.fill(typed)
        number.press("Enter")
        expect(number).to_have_value(becomes)
    names = {
        page.locator(f"#zs-{m}").get_by_role("slider").first.get_attribute("aria-label") for m in ("zegclip", "clip_rc")
    }
    assert len(names) == 2  # every slider has a name of its own
    assert visitor.errors == []


def test_the_pointer_shows_the_best_scores_in_all_answers_and_a_tap_keeps_a_class(
    visitor: Visitor, photo: Path
) -> None:
    page = visitor.open()
    upload(page, photo)
    segment(page, "dog, person", "zebra, sheep")
    page.locator("#zs-zegclip .zs-view").hover(position={"x": 40, "y": 40})
    for method in ("zegclip", "clip_rc", "training-free"):
        tip = page.locator(f"#zs-{method} .zs-tip")
        expect(tip).to_be_visible()
        expect(tip).to_have_text(re.compile(r"(\w+ [01]\.\d\d\n){2}\w+ [01]\.\d\d"))
    page.mouse.move(5, 5)
    expect(page.locator("#zs-clip_rc .zs-tip")).to_be_hidden()
    first = page.locator("#zs-zegclip .zs-row[data-name]").first
    name = first.get_attribute("data-name")
    first.locator(".zs-name").click()
    page.mouse.move(5, 5)
    for method in ("zegclip", "clip_rc", "training-free"):
        row = page.locator(f"#zs-{method} .zs-row[data-name={name}]")
        expect(row).to_have_class(re.compile("zs-pinned"))
    key = first.get_attribute("data-k")
    expect(page.locator(f"#zs-zegclip .zs-iso[data-k='{key}']")).to_have_css("opacity", "1")
    first.locator(".zs-name").click()
    page.mouse.move(5, 5)
    expect(page.locator(f"#zs-zegclip .zs-iso[data-k='{key}']")).to_have_css("opacity", "0")
    assert visitor.errors == []


def test_the_baseline_is_a_third_card(visitor: Visitor, photo: Path) -> None:
    page = visitor.open()
    upload(page, photo)
    expect(page.locator("#zs-training-free .zs-view")).to_be_visible()
    wait_for_one_row(page, ["#zs-zegclip", "#zs-clip_rc", "#zs-training-free"], 1)
    page.locator("#zs-extra").get_by_label("Training-free", exact=False).uncheck()
    expect(page.locator("#zs-training-free")).to_be_hidden()
    page.locator("#zs-extra").get_by_label("Training-free", exact=False).check()
    expect(page.locator("#zs-training-free .zs-view")).to_be_visible(timeout=60_000)
    assert visitor.errors == []


@pytest.mark.parametrize("width", [390, 820])
def test_every_answer_is_one_swipe_away_and_no_tab_is_hidden(visitor: Visitor, width: int) -> None:
    page = visitor.open(width, 900)
    segment(page, "dog, person", "zebra " * 3 + "z" * 400)
    wait_for_one_row(page, ["#zs-zegclip .zs-view", "#zs-clip_rc .zs-view"], 40)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for control in ("zs-opacity", "zs-edges", "zs-gate"):
        room = page.locator(f"#{control}").bounding_box()
        assert room is not None
        assert room["width"] >= 200, control
    for tab in TABS:
        expect(page.locator("#zs-tabs").get_by_role("tab", name=tab, exact=True).first).to_be_visible()
    for card in ("zegclip", "clip_rc"):
        assert page.locator(f"#zs-{card}").evaluate("e => e.scrollWidth <= e.clientWidth + 1")
    if width < 640:  # the third card is one tap away
        jump = page.locator("#zs-jump").get_by_role("button", name="Training-free baseline")
        jump.click()
        expect(jump).to_have_attribute("aria-current", "true")
    # The row glides to the card that was asked for: where it stops is what counts, not where it is on the way.
    page.wait_for_function(
        """() => {
            const box = document.querySelector("#zs-training-free .zs-view").getBoundingClientRect();
            return box.width > 0 && box.left >= -1 && box.right <= innerWidth + 1;
        }""",
        timeout=10_000,
    )
    assert visitor.errors == []


def test_a_question_in_one_field_alone_gets_an_answer(visitor: Visitor) -> None:
    page = visitor.open()
    for box in ("seen", "unseen"):
        page.locator(f"#zs-{box} textarea").fill("")
    field = page.locator("#zs-find input, #zs-find textarea")
    field.fill("lantern")
    field.press("Enter")
    expect(page.locator("#zs-zegclip .zs-name")).to_have_text(["lantern", "none of these"], timeout=60_000)
    page.locator("#zs-unseen textarea").fill("")
    page.locator("#zs-seen textarea").fill("dog")
    page.locator("#zs-seen textarea").press("Enter")
    expect(page.locator("#zs-zegclip .zs-name")).to_have_text(["dog", "none of these"], timeout=60_000)
    assert visitor.errors == []


def test_the_page_works_wherever_the_program_was_started(
    visitor: Visitor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    page = visitor.open()
    expect(page.locator("#zs-zegclip .zs-view")).to_be_visible()
    page.get_by_label("Example: A pizza").click()
    expect(page.locator("#zs-zegclip .zs-name", has_text="pizza")).to_have_count(1, timeout=60_000)
    assert visitor.errors == []


def test_a_link_to_an_example_brings_its_photo(visitor: Visitor) -> None:
    page = visitor.open()
    page.get_by_label("Example: A pizza").click()
    expect(page.locator("#zs-zegclip .zs-name", has_text="pizza")).to_have_count(1, timeout=60_000)
    wait_for_answer(page)
    open_tab(page, "Export")
    page.locator("#zs-make-link").click()
    box = page.locator("#zs-link textarea, #zs-link input")
    expect(box).to_have_value(re.compile("example=pizza"))
    again = visitor.open(query="?" + box.input_value().split("?", 1)[1])
    expect(again.locator("#zs-zegclip .zs-name", has_text="pizza")).to_have_count(1, timeout=60_000)
    expect(again.locator("#zs-photo img")).to_have_attribute("src", re.compile(r"pizza\.jpg"))
    expect(again.locator("#zs-notice")).to_be_hidden()
    assert visitor.errors == []


def test_what_is_shown_follows_the_edges_when_asked(visitor: Visitor) -> None:
    page = visitor.open()
    picture = page.locator("#zs-clip_rc .zs-base")
    before = picture.get_attribute("src") or ""
    page.locator("#zs-edges input").check()
    expect(picture).not_to_have_attribute("src", before)
    page.locator("#zs-edges input").uncheck()
    expect(picture).to_have_attribute("src", before)
    assert visitor.errors == []


def test_details_of_the_look(visitor: Visitor) -> None:
    page = visitor.open()
    segment(page, "dog, person", "z" * 400)
    for method in ("zegclip", "clip_rc", "training-free"):  # a long name stays in its card
        assert page.locator(f"#zs-{method}").evaluate("e => e.scrollWidth <= e.clientWidth + 1")
    assert page.evaluate("document.documentElement.scrollWidth") <= 1366
    page.locator("#zs-find input, #zs-find textarea").focus()
    page.keyboard.press("Tab")
    page.locator("#zs-seen textarea").focus()
    expect(page.locator("#zs-seen textarea")).to_have_css("outline-style", "solid")
    arrow = page.locator("#zs-more .label-wrap .icon")
    expect(arrow).to_have_css("transform", "matrix(0, -1, 1, 0, 0, 0)")  # closed: it points right
    page.locator("#zs-more .label-wrap").click()
    expect(arrow).to_have_css("transform", "matrix(1, 0, 0, 1, 0, 0)")
    expect(page.locator("footer .divider:visible")).to_have_count(0)
    empty = visitor.open(query="?seen=dog&photo=mine.png")
    room = empty.locator("#zs-zegclip .zs-answer").first.bounding_box()
    assert room is not None
    assert room["height"] >= 120  # where "Loading" stands
    assert visitor.errors == []


def test_the_sliders_stay_in_sight_of_the_picture(visitor: Visitor) -> None:
    page = visitor.open(1366, 900)
    segment(page, ", ".join(f"dog {index}" for index in range(12)), "")
    page.locator("#zs-zegclip .zs-view").evaluate("e => e.scrollIntoView({block: 'start'})")
    page.wait_for_function(  # once the page has stopped
        """() => [...document.querySelectorAll("#zs-zegclip input[type=range]")].every((slider) => {
            const box = slider.getBoundingClientRect();
            return box.height > 0 && box.top >= 0 && box.bottom <= innerHeight;
        })"""
    )
    assert visitor.errors == []


def test_a_finger_reaches_everything(visitor: Visitor) -> None:
    page = visitor.open(390, 844, touch=True)
    segment(page, "dog, person", "zebra, sheep")
    for target in ("#zs-zegclip .zs-row[data-k]", ".zs-mark", ".zs-example", "#zs-run"):
        box = page.locator(target).first.bounding_box()
        assert box is not None
        assert box["height"] >= 44, target
    chip = page.locator("#zs-zegclip .zs-toggle").first
    reached = """(e) => { const b = e.getBoundingClientRect(), x = b.x + b.width / 2, y = b.y + b.height / 2;
        return [[-20, 0], [20, 0], [0, -20], [0, 20]].map(([dx, dy]) =>
            document.elementFromPoint(x + dx, y + dy) === e).every(Boolean); }"""
    chip.scroll_into_view_if_needed()
    page.wait_for_function(reached, arg=chip.element_handle())  # once the page has stopped
    row = page.locator("#zs-zegclip .zs-row[data-name]").first
    name = row.get_attribute("data-name")
    row.locator(".zs-name").tap()
    for method in ("zegclip", "clip_rc", "training-free"):
        pinned = page.locator(f"#zs-{method} .zs-row[data-name={name}]")
        expect(pinned).to_have_class(re.compile("zs-pinned"))
    page.locator("#zs-zegclip .zs-card-title summary").tap()
    expect(page.locator("#zs-zegclip .zs-card-title p")).to_contain_text("no unseen class")
    page.locator(".zs-mark", has_text="zebra").tap()
    expect(page.locator(".zs-mark", has_text="zebra").locator("small")).to_have_text("seen")
    wait_for_answer(page)
    assert visitor.errors == []


def test_the_keyboard_alone_asks_and_flips(visitor: Visitor) -> None:
    page = visitor.open()
    page.locator("#zs-find input, #zs-find textarea").focus()
    page.keyboard.type("lantern")
    page.keyboard.press("Enter")
    lantern = page.locator(".zs-mark", has_text="lantern")
    expect(lantern.locator("small")).to_have_text("unseen")
    expect(page.locator("#zs-zegclip .zs-name", has_text="lantern")).to_have_count(1, timeout=60_000)
    lantern.focus()
    page.keyboard.press("Enter")
    expect(lantern.locator("small")).to_have_text("seen")
    row = page.locator("#zs-zegclip .zs-row", has_text="lantern")
    expect(row.locator(".zs-badge")).to_have_text("seen", timeout=60_000)
    page.locator("#zs-tabs").get_by_role("tab", name="How it works").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#zs-tabs").get_by_role("tab", name="Scores")).to_have_attribute("aria-selected", "true")
    assert visitor.errors == []


@pytest.mark.parametrize(("width", "height"), [(1366, 900), (820, 1180), (390, 844)])
def test_the_first_screen_says_what_is_shown(visitor: Visitor, width: int, height: int) -> None:
    page = visitor.open(width, height)
    first = EXAMPLES[0]
    group = page.locator(".zs-group").first
    expect(group.locator("h2")).to_contain_text("never trained on its masks")
    expect(group.locator(".zs-example").first).to_contain_text(f"finds {first.finds}")
    for caption in page.locator(".zs-group h2, .zs-example span").all():  # one line each
        assert caption.evaluate("e => e.getClientRects().length === 1 && e.offsetHeight < 30")
    expect(page.locator(".zs-header .zs-honest")).to_contain_text("often wrong")
    for link in ("ZegCLIP paper", "CLIP-RC paper", "model card, licences and code"):
        expect(page.locator(".zs-header").get_by_text(link)).to_be_visible()
    picture = page.locator("#zs-zegclip .zs-base").bounding_box()
    assert picture is not None
    assert picture["y"] + picture["height"] / 2 < height  # the answer is on the first screen
    page.locator(".zs-header").get_by_text("model card, licences and code").click()
    expect(page.locator("#zs-models")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert visitor.errors == []


def test_a_photo_from_the_camera_is_answered_by_itself(visitor: Visitor) -> None:
    page = visitor.open()
    page.get_by_label("Remove Image").click()
    page.locator("#zs-photo").get_by_label("Capture from camera").click()
    page.locator("#zs-photo").get_by_text("Click to Access Webcam").click()
    page.locator("#zs-photo video").wait_for()
    page.wait_for_timeout(1500)  # the fake camera warms up
    page.locator("#zs-photo").get_by_label("capture photo").click()
    expect(page.locator("#zs-photo img")).to_be_visible(timeout=30_000)
    wait_for_answer(page)
    open_tab(page, "Ground truth")
    expect(page.locator("#zs-mask input[type=file]")).to_have_count(1)  # the mask of the photo before is gone
    assert visitor.errors == []


def test_who_waits_sees_the_place_in_the_queue(visitor: Visitor, photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started, go_on, real = threading.Event(), threading.Event(), Predictor.predict
    pages = [visitor.open(), visitor.open(), visitor.open()]
    for page in pages:
        upload(page, photo)

    def slow(*arguments: object, **named: object) -> object:
        started.set()
        go_on.wait(60)
        return real(*arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(Predictor, "predict", slow)
    for place, page in enumerate(pages):
        page.locator("#zs-seen textarea").fill(f"animal {place}")
        page.locator("#zs-run").click()
        assert started.wait(60)
        if place:
            expect(page.locator("#zs-answer .progress-text").first).to_contain_text(f"queue: {place}/", timeout=30_000)
    go_on.set()
    for place, page in enumerate(pages):
        expect(page.locator("#zs-zegclip .zs-name", has_text=f"animal {place}")).to_be_visible(timeout=60_000)
    assert visitor.errors == []
