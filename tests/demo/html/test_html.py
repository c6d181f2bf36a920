"""The HTML of the page: right numbers, and harmless whatever a visitor typed."""

import base64
import json
import re
from dataclasses import replace

import numpy as np
import pytest

from zsseg.analysis.ground_truth import Truth
from zsseg.demo.actions import Answer, DisplaySettings
from zsseg.demo.answer import banner, card, pixel_scores
from zsseg.demo.catalog import Predictors, shown, working
from zsseg.demo.html import parts
from zsseg.demo.question import names
from zsseg.demo.tabs import compare, ground_truth, how_it_works, model, recovery
from zsseg.demo.tabs import scores as score_maps
from zsseg.errors import UserError
from zsseg.predictor import Predictor
from zsseg.segmentation import Segmentation
from zsseg.text.vocabulary import build_vocabulary
from zsseg.weights.released.published_scores import PUBLISHED

NASTY = "<img src=x onerror=alert(1)>{{7*7}}${7*7}`\"'&"


def _segmentation(method: str = "zegclip", names: tuple[str, ...] = ("cat", "cow")) -> Segmentation:
    scores = np.zeros((len(names), 4, 5), dtype=np.float32)
    scores[0, :2], scores[1, 2] = 0.9, 0.8
    features = {}
    if method == "clip_rc":
        features = {key: np.random.default_rng(1).random((2, 3, 8), dtype=np.float32) for key, _ in recovery.STEPS}
        features["recovery_cosine"] = np.full((2, 3), 0.25, dtype=np.float32)
    return Segmentation(method, "tiny", names, (True,) + (False,) * (len(names) - 1), scores, 0.0, 0.5, features, 0.01)


def _answer(*names: str) -> Answer:
    results = {method: _segmentation(method, names or ("cat", "cow")) for method in ("zegclip", "clip_rc")}
    vocabulary = build_vocabulary(names[:1] or ("cat",), names[1:] or ("cow",))
    return Answer(np.zeros((4, 5, 3), np.uint8), "photo.png", vocabulary, results)


DISPLAY = DisplaySettings({"zegclip": (0.5, 0.0), "clip_rc": (0.5, 0.0)}, 0.6)


def test_legend_says_what_to_do_when_nothing_is_sure() -> None:
    sure = _segmentation()
    assert "zs-unsure" not in card.legend(sure)
    assert "zs-unsure" in card.legend(sure.with_settings(threshold=1.0))


def test_an_answer_says_which_name_was_cut_and_quotes_it_harmlessly(predictors: Predictors) -> None:
    for predictor in working(shown(predictors)).values():
        seg = predictor.predict(np.zeros((40, 50, 3), np.uint8), "dog", NASTY + " word" * 20)
        answer = Answer(
            np.zeros((40, 50, 3), np.uint8), "photo.png", build_vocabulary("dog", "cow"), {predictor.method: seg}
        )
        text = card.card(answer, predictor.method, DISPLAY)
        assert 'class="zs-warning"' in text
        assert "is not read" in text
        assert "<img src=x" not in text


def test_legend_says_name_kind_and_share() -> None:
    text = card.legend(_segmentation())
    rows = [re.sub(r"<[^>]+>", " ", row).split() for row in text.split("</li>")[:-1]]
    assert rows == [
        ["cat", "seen", "50.0", "%"],
        ["cow", "unseen", "25.0", "%"],
        ["none", "of", "these", "25.0", "%"],
    ]


def test_typed_text_is_harmless() -> None:
    answer = _answer(NASTY, "cow")
    pages = [card.legend(answer.results["zegclip"]), score_maps.score_grid(answer)]
    pages.append(banner.banner({"zegclip": UserError(NASTY)}))
    for page in pages:
        assert "<img src=x" not in page
        assert not re.search(r"\{\{|\$\{|`", page)


def test_score_grid_has_a_map_per_class_and_method() -> None:
    page = score_maps.score_grid(_answer())
    assert page.count("<figure>") == 4
    assert "ZegCLIP, largest 0.90" in page
    assert "CLIP-RC: score map of cow" in page


def test_recovery_shows_clip_rc_and_says_zegclip_has_none() -> None:
    page = recovery.recovery(_answer(), DISPLAY)
    assert "ZegCLIP has no recovery decoder" in page
    assert page.count("<figure>") == 1 + 5  # beside the photo
    assert "mean cosine 0.25" in page


def test_features_follow_the_photo_to_its_edges() -> None:
    photo = np.full((60, 80, 3), 30, np.uint8)
    photo[:, 40:] = 220
    patches = np.zeros((3, 4, 3), np.uint8)
    patches[:, 2:] = 255
    answer = replace(_answer(), photo=photo)
    picture = recovery.on_photo(patches, answer)
    assert picture.shape == photo.shape
    assert int(picture[30, 40, 0]) - int(picture[30, 38, 0]) > 50  # linear enlargement alone has 26 there


def test_banner_is_empty_unless_something_is_wrong(predictors: Predictors) -> None:
    assert banner.banner(predictors) == ""
    provenance = model.models(predictors)
    for fact in ("zegclip-tiny-inductive", "clip_rc-tiny-inductive", "untrained", "dog, person"):
        assert fact in provenance
    broken = {**predictors, "clip_rc": UserError("The file is gone.")}
    assert "CLIP-RC cannot answer" in banner.banner(broken)
    assert "The file is gone." in model.models(broken)
    assert "not available" in card.title("clip_rc", broken)


def test_card_has_a_layer_for_every_class_that_is_painted_and_a_switch_for_all() -> None:
    page = card.card(_answer(), "zegclip", DISPLAY)
    assert page.count('class="zs-iso"') == 2
    assert page.count('aria-pressed="true"') == 2
    without = card.card(_answer(), "zegclip", DisplaySettings(DISPLAY.settings, 0.6, frozenset({"cat"})))
    assert without.count('class="zs-iso"') == 1
    assert without.count('aria-pressed="false"') == 1
    assert "Show cat" in without


def test_softmax_grid_differs_and_claims_count_by_the_level() -> None:
    answer = _answer()
    assert score_maps.score_grid(answer, score_maps.SOFTMAX) != score_maps.score_grid(answer, score_maps.SIGMOID)
    assert "0% claimed by several, 25% by none" in score_maps.claims(answer, DISPLAY, 0.5)
    assert "100% by none" in score_maps.claims(answer, DISPLAY, 0.95)
    off = replace(DISPLAY, off=frozenset(answer.vocabulary.names))
    assert "100% by none" in score_maps.claims(answer, off, 0.5)


def test_a_class_claims_a_pixel_where_it_would_be_painted() -> None:
    assert score_maps.own_level(0.325) == 0.325
    assert score_maps.own_level(0.7) == score_maps.own_level(0.0) == score_maps.LEVEL
    timid = DisplaySettings({"zegclip": (0.85, 0.0), "clip_rc": (0.85, 0.0)}, 0.6)
    assert "brighter is more" in how_it_works.explain(_answer(), timid, {})


def test_classes_without_a_value_are_counted_not_listed() -> None:
    page = parts.class_table(("class", "IoU"), ("cat", "dog", "cow"), (0.5, None, None))
    assert re.findall(r'scope="row">(\w+)', page) == ["cat"]
    assert "2 classes without a pixel" in page
    assert "1 class without" in parts.class_table(("class", "IoU"), ("cat", "dog"), (0.5, None))
    assert "<table" not in parts.class_table(("class", "IoU"), ("cat",), (None,))
    assert "without a pixel" not in parts.class_table(("class", "IoU"), ("cat",), (0.0,))


def test_comparison_says_how_far_the_methods_agree(predictors: Predictors) -> None:
    page = compare.comparison(_answer(), DISPLAY, predictors)
    assert "100.0%" in page
    apart = compare.comparison(
        _answer(), DisplaySettings({"zegclip": (0.5, 0.0), "clip_rc": (1.0, 0.0)}, 0.6), predictors
    )
    assert "25.0%" in apart  # only what is none of these for both
    third = _answer()
    third = replace(third, results={**third.results, "training-free": _segmentation("training-free")})
    settings = {**DISPLAY.settings, "training-free": (1.0, 0.0)}
    page = compare.comparison(third, DisplaySettings(settings, 0.6), predictors)
    assert "<b>25.0%</b> of the pixels get the same answer from all 3" in page
    assert "ZegCLIP and CLIP-RC: the same for 100.0%" in page
    assert "CLIP-RC and Training-free baseline: the same for 25.0%" in page
    alone = Answer(_answer().photo, "p", _answer().vocabulary, {"zegclip": _segmentation()})
    assert compare.comparison(alone, DISPLAY, predictors) == compare.ALONE


def test_the_published_rows_are_those_of_the_checkpoints_setting(predictors: Predictors) -> None:
    for (method, data, setting), scores in PUBLISHED.items():
        able = working(predictors)[method]
        shown = Predictor(able.model, replace(able.metadata, setting=setting))
        page = re.sub(r"<[^>]+>", " ", compare.comparison(_answer(), DISPLAY, {**predictors, method: shown}))
        name = {"voc": "PASCAL VOC", "coco": "COCO-Stuff"}[data]
        title = {"zegclip": "ZegCLIP", "clip_rc": "CLIP-RC"}[method]
        assert re.search(rf"{title}, {setting}\s+paper: {name}\s+" + r"\s+".join(map(str, scores)), page)


def test_own_scores_stand_beside_those_of_the_paper(predictors: Predictors) -> None:
    able = working(predictors)["zegclip"]
    own = Predictor(able.model, replace(able.metadata, scores={"voc2012 val hIoU": 0.668, "voc2012 val pAcc": 0.9}))
    page = re.sub(r"<[^>]+>", " ", compare.comparison(_answer(), DISPLAY, {**predictors, "zegclip": own}))
    assert re.search(r"here: voc2012 val\s+90\.0\s+–\s+–\s+66\.8", page)
    assert re.search(r"ZegCLIP, inductive\s+paper: PASCAL VOC\s+94\.6\s+91\.9\s+77\.8\s+84\.3", page)


def test_the_verdict_ranks_any_number_of_methods() -> None:
    truth = Truth(("cat", "cow"), np.array([[0] * 5, [0] * 5, [1] * 5, [-1] * 5], dtype=np.int16), {})
    answer, settings = _answer(), {**DISPLAY.settings, "training-free": (0.85, 0.0)}
    both = ground_truth.verdict(answer, DISPLAY, truth)
    assert both == "ZegCLIP and CLIP-RC are equally good on this photo: mean IoU 1.00 over its classes."
    partly = replace(truth, unmatched={"58 (plant)": 0.2, "3": 0.05})
    assert (
        ground_truth.verdict(answer, DISPLAY, partly)
        == f"{both} Not counted: 5% of the photo, whose true classes are not named."
    )
    bottom = np.zeros((4, 5), dtype=np.bool_)
    bottom[3] = True
    others = replace(truth, unmatched={"58 (plant)": 0.25}, others=bottom)
    painting = DisplaySettings({**DISPLAY.settings, "zegclip": (0.0, 0.0)}, 0.6)  # ZegCLIP says cat there
    assert ground_truth.verdict(answer, painting, others) == (
        "CLIP-RC is best on this photo: mean IoU 1.00 over its classes, better than ZegCLIP by 0.17 (0.83). "
        "On 25% of the photo the truth is none of these classes."
    )
    page = ground_truth.truth_view(answer, DISPLAY, replace(others, unmatched={"58 (plant)": 0.25, "7": 0.01}))
    assert "Not asked, so that “none of these” is right: 58 (plant) (25.0%)." in page
    assert "Ignored (no class is named): 7 (1.0%)." in page
    answer = replace(answer, results={**answer.results, "training-free": _segmentation("training-free")})
    third = ground_truth.verdict(answer, DisplaySettings(settings, 0.6), truth)  # its cow is below the threshold
    assert third.endswith("mean IoU 1.00 over its classes, better than Training-free baseline by 0.50 (0.50).")
    alone = replace(answer, results={"zegclip": answer.results["zegclip"]})
    assert ground_truth.verdict(alone, DISPLAY, truth).startswith("ZegCLIP has a mean IoU of 1.00")
    assert ground_truth.verdict(_answer("cat", "dog"), DISPLAY, truth) == ""  # of other names


def test_pixel_panel_lists_the_scores_at_the_point_the_winner_marked() -> None:
    page = pixel_scores.pixel_panel(_answer(), DISPLAY, {}, (0.5, 0.1))
    assert "Pixel (2, 0)" in page
    assert re.findall(r'class="zs-wins".*?zs-name">(\w+)<', page, re.S) == ["cat", "cat"]
    assert "0.90" in page
    assert "painted: none of these" in pixel_scores.pixel_panel(_answer(), DISPLAY, {}, (0.99, 0.99))


@pytest.mark.parametrize(("penalty", "mark"), [(-0.5, "1.0000"), (0.5, "0.4000"), (1.0, "0.0000")])
def test_the_mark_of_the_penalty_stays_on_its_bar(penalty: float, mark: str) -> None:
    page = pixel_scores.pixel_panel(
        _answer(), DisplaySettings({"zegclip": (0.5, penalty), "clip_rc": (0.5, penalty)}, 0.6), {}, (0.5, 0.1)
    )
    assert re.findall(r"--s: 0.9000; --a: ([0-9.]+)", page) == [mark, mark]


def test_explain_has_five_steps_before_and_a_picture_in_each_after(predictors: Predictors) -> None:
    assert how_it_works.explain(None, None, predictors).count("<h3>") == 5
    page = how_it_works.explain(_answer(), DISPLAY, predictors)
    assert page.count("<figure>") == 5
    assert page.count("<img") == 4  # the relationship descriptor is shown by bars


def test_marks_tell_how_each_name_is_marked_and_what_surprises(predictors: Predictors) -> None:
    page = names.marks("dog", "person, zebra", predictors)
    chips = re.findall(r'class="zs-mark zs-(\w+)" data-name="(\w+)" title="([^"]+)"', page)
    assert [(kind, name) for kind, name, _ in chips] == [("seen", "dog"), ("unseen", "person"), ("unseen", "zebra")]
    assert "trained with masks" in chips[1][2]  # the tiny model has seen dog and person
    assert "zs-warning" in names.marks("dog", "dog", predictors)
    assert names.marks("", " , ", predictors) == ""
    assert "<img" not in names.marks(NASTY.replace(",", ""), "", predictors)


def test_many_warnings_do_not_bury_the_button(predictors: Predictors) -> None:
    page = names.marks(", ".join(f"{letter * 5}xqz" for letter in "abcdefgh"), "", predictors)
    before, _, after = page.partition("<details>")
    assert before.count("zs-warning") <= 2
    assert after.count("zs-warning") <= 3  # similar warnings share one sentence
    assert "and 2 more" in page
    assert "<details>" not in names.marks("dog", "dgo", predictors)


def test_more_names_than_the_page_takes_get_one_sentence(predictors: Predictors) -> None:
    page = names.marks(", ".join(f"word {number}" for number in range(300)), "", predictors)
    assert page.count("zs-warning") == 1
    assert "300 class names are too many" in page


def test_an_exclamation_mark_is_explained_without_a_pointer(predictors: Predictors) -> None:
    page = re.sub(r"<[^>]+>", "", names.marks("zebra", "person", predictors))
    assert "“person”: marked unseen, but this model was trained with masks of it" in page
    assert "“zebra”: marked seen, but training had no masks of it" in page


def test_names_go_where_the_models_lists_put_them(predictors: Predictors) -> None:
    assert names.route("dog,zebra", "person", predictors) == ("dog, person", "zebra")
    assert names.route("dog;  person", "zebra", predictors) == ("dog;  person", "zebra")  # as typed where nothing moves
    assert names.route("dog", "person", predictors, frozenset({"person"})) == ("dog", "person")
    assert names.route("dog, person", "", predictors, frozenset({"person"})) == ("dog", "person")
    assert names.route("dog", "dog", predictors) == ("dog", "")
    assert names.route("dog", "x" * 600, predictors) == ("dog", "x" * 600)
    assert names.add("person, zebra", "dog", "cow", predictors) == ("dog, person", "cow, zebra")
    assert names.add("Dog", "dog", "cow", predictors) == ("dog", "cow")
    assert names.flipped_names("dog, cow", "person", predictors) == {"cow", "person"}


def test_seen_names_are_offered_by_set(predictors: Predictors) -> None:
    page = names.choices(predictors)
    assert re.findall(r'class="zs-choice" data-name="(\w+)"', page) == ["dog", "person"]
    assert "PASCAL VOC" in page


def test_flip_moves_a_class_with_its_synonyms_and_sorting_marks_all(predictors: Predictors) -> None:
    assert names.flip("dog | hound, cat", "cow", "Dog") == ("cat", "cow, dog | hound", frozenset({"dog"}))
    assert names.flip("cat", "cow", "cow", frozenset({"cow"})) == ("cat, cow", "", frozenset())
    assert names.flip("cat", "cow", "gone") == ("cat", "cow", frozenset())
    assert names.route("zebra", "hound | dog, cow", predictors) == ("hound | dog", "zebra, cow")
    seen, unseen = names.preset("Pets", predictors)
    assert seen == "dog, person"
    assert "cat" in unseen
    with pytest.raises(UserError, match="no preset"):
        names.preset("Nothing", predictors)


def test_a_long_legend_folds_away_what_was_not_found_and_draws_the_highest_maps() -> None:
    names = tuple(f"name {index}" for index in range(60))
    scores = np.full((60, 2, 2), 0.1, dtype=np.float32)
    scores[50] = 0.9
    seg = Segmentation("zegclip", "tiny", names, (False,) * 60, scores, 0.0, 0.0)
    page = card.legend(seg)
    assert "59 classes without a pixel" in page
    legend = card.legend(seg)
    assert legend.index('data-k="50"') < legend.index("<details") < legend.index('data-k="0"')
    answer = Answer(np.zeros((2, 2, 3), np.uint8), "p.png", build_vocabulary((), names), {"zegclip": seg})
    grid = score_maps.score_grid(answer)
    assert grid.count("<figure>") == score_maps.MOST_MAPS
    assert "score map of name 50" in grid
    assert "24 more classes" in grid


def test_the_legend_begins_with_the_largest_class() -> None:
    seg = _segmentation(names=("cat", "cow", "dog"))
    seg.scores[0, 1] = 0.0
    seg.scores[1, 1:] = 0.8
    page = card.legend(seg)
    assert re.findall(r'data-k="(\d)" data-name', page) == ["1", "0", "2"]


def test_with_every_class_off_the_legend_says_so() -> None:
    seg = _segmentation().with_settings(off=frozenset({"cat", "cow"}))
    assert "Every class is switched off" in card.legend(seg)
    assert "zs-unsure" not in card.legend(seg)


def test_the_best_scores_of_a_point_are_those_of_the_classes_that_compete_there() -> None:
    seg = _segmentation(names=("cat", "cow", "dog", "sheep"))
    top = json.loads(card.top_scores(seg.with_settings(off=frozenset({"cow"}))))
    assert (top["rows"], top["cols"], top["best"]) == (4, 5, 3)
    values = np.frombuffer(base64.b64decode(top["data"]), np.uint8).reshape(4, 5, 3, 2)
    assert top["names"][values[0, 0, 0, 0]] == "cat"
    assert values[0, 0, 0, 1] == 230  # 0.9 of 255
    assert 1 not in values[..., 0]
