"""What must hold for every name, size, setting, manifest, link and label table, not only for those of examples.

Hypothesis draws the inputs, the same ones in every run.
"""

import json
import string
from urllib.parse import parse_qsl

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from zsseg.analysis.ground_truth import NO_CLASS, read_truth, score
from zsseg.analysis.label_table import parse_table
from zsseg.demo.actions import DisplaySettings
from zsseg.demo.link import MAX_LINK_TEXT, PENALTY_RANGE, read_query, write_query
from zsseg.errors import UserError
from zsseg.export import label_image, rle
from zsseg.export.manifest import Manifest, ManifestMethod, ManifestPhoto
from zsseg.files import distinct_names, safe_name, slug
from zsseg.image.load import load_image
from zsseg.image.windows import stitch, whole_boxes, window_boxes
from zsseg.segmentation import NONE, Segmentation, cells_of_pixels, margin, overlap
from zsseg.text.vocabulary import build_vocabulary, clean_name, format_names, parse_names

every = settings(max_examples=60, derandomize=True, database=None, deadline=None)

any_text = st.text(st.characters(), max_size=60)  # surrogates and control characters among them
fractions = st.floats(0, 1, width=32)
sides = st.integers(1, 40)


def a_name(text: str) -> bool:
    """Whether a text is one class name as it stands."""
    try:
        return clean_name(text) == text != "" and len(parse_names([text])[0]) == 1 and format_names([[text]]) == text
    except (UserError, IndexError):
        return False


plain = st.text(string.ascii_letters + "éß猫ÅİıΣς -_.", min_size=1, max_size=12)
class_names = plain.map(clean_name).filter(a_name)
vocabularies = st.lists(class_names, min_size=1, max_size=6, unique_by=str.casefold)


# Names


@every
@given(st.lists(any_text, max_size=5), st.sampled_from(",;\n\r"))
def test_what_is_typed_is_read_the_same_when_written_again(texts: list[str], separator: str) -> None:
    try:
        vocabulary = build_vocabulary(separator.join(texts))
    except UserError:
        return
    again = build_vocabulary(format_names(vocabulary.synonyms))
    assert again == vocabulary
    assert all(name == clean_name(name) for group in vocabulary.synonyms for name in group)


@every
@given(any_text)
def test_a_cleaned_name_is_clean(text: str) -> None:
    try:
        name = clean_name(text)
    except UserError:
        return
    assert clean_name(name) == name
    assert name == name.strip()
    assert not any(ord(character) < 32 for character in name)


@every
@given(vocabularies, vocabularies)
def test_a_class_is_seen_or_unseen_or_refused(seen: list[str], unseen: list[str]) -> None:
    both = {name.casefold() for name in seen} & {name.casefold() for name in unseen}
    if both:
        with pytest.raises(UserError, match="both"):
            build_vocabulary(seen, unseen)
        return
    vocabulary = build_vocabulary(seen, unseen)
    assert vocabulary.names == (*seen, *unseen)
    assert vocabulary.seen == (True,) * len(seen) + (False,) * len(unseen)


# Names of files


@every
@given(any_text)
def test_a_text_becomes_the_name_of_a_file(text: str) -> None:
    for make in (safe_name, slug):
        name = make(text)
        assert make(name) == name
        assert 0 < len(name.encode()) <= 120
        assert not set(name) & set('/\\:*?"<>|\x00\n')
        assert name.strip(". ") == name
        assert name.partition(".")[0].casefold() not in ("con", "prn", "aux", "nul", "com1", "lpt1")


@every
@given(st.lists(st.sampled_from("aAbBéÉ") | any_text, max_size=12))
def test_names_of_files_differ(texts: list[str]) -> None:
    names = list(distinct_names(map(safe_name, texts)))
    assert len({name.casefold() for name in names}) == len(names) == len(texts)
    assert all(safe_name(name) == name for name in names)


# Sizes


@every
@given(st.integers(0, 30), st.integers(0, 30), st.integers(0, 15), st.integers(1, 15))
def test_windows_cover_every_pixel(taller: int, wider: int, overlap_of_windows: int, stride: int) -> None:
    size = stride + overlap_of_windows
    height, width = size + taller, size + wider
    for boxes in (window_boxes(height, width, size, stride), whole_boxes(height, width)):
        visits = np.zeros((height, width), int)
        for top, left, bottom, right in boxes:
            assert 0 <= top < bottom <= height
            assert 0 <= left < right <= width
            visits[top:bottom, left:right] += 1
        assert visits.min() >= 1


@every
@given(sides, sides, fractions, st.booleans())
def test_stitching_what_is_the_same_everywhere_changes_nothing(h: int, w: int, value: float, feathered: bool) -> None:
    boxes = whole_boxes(h, w)
    rows, columns = boxes[0][2] - boxes[0][0], boxes[0][3] - boxes[0][1]
    whole = stitch(torch.full((len(boxes), 1, rows, columns), value), boxes, h, w, feathered)
    torch.testing.assert_close(whole, torch.full((1, h, w), value))


@every
@given(st.integers(1, 3000), st.integers(1, 300))
def test_every_pixel_lies_in_the_cell_of_its_centre(side: int, cells: int) -> None:
    found = cells_of_pixels(side, cells)
    centres = (np.arange(side) * 2 + 1) * cells  # in halves of a pixel, so that the comparison is exact
    assert (found * 2 * side <= centres).all()
    assert (centres < (found + 1) * 2 * side).all()


@every
@given(st.integers(1, 300), st.integers(1, 300), st.integers(1, 64))
def test_a_photo_is_shrunk_to_the_side_and_keeps_its_shape(height: int, width: int, most: int) -> None:
    rgb = load_image(np.zeros((height, width, 3), np.uint8), most)
    longest = max(height, width)
    assert max(rgb.shape[:2]) == min(longest, most)
    scale = min(1.0, most / longest)
    assert all(abs(got - max(1, side * scale)) <= 1 for got, side in zip(rgb.shape, (height, width), strict=False))


@every
@given(
    arrays.arrays(
        st.sampled_from([np.uint8, np.uint16, np.bool_, np.float32, np.int64, np.complex64]),
        arrays.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=9),
        fill=st.just(0),
    )
)
def test_any_array_is_a_photo_or_refused(array: npt.NDArray[np.generic]) -> None:
    try:
        rgb = load_image(array)
    except UserError:
        return
    assert rgb.shape == (*array.shape[:2], 3)
    assert rgb.dtype == np.uint8
    assert not np.shares_memory(rgb, array)


# Settings


@st.composite
def segmentations(draw: st.DrawFn) -> Segmentation:
    names = tuple(draw(vocabularies))
    seen = tuple(draw(st.lists(st.booleans(), min_size=len(names), max_size=len(names))))
    shape = (len(names), draw(st.integers(1, 5)), draw(st.integers(1, 5)))
    scores = draw(arrays.arrays(np.float32, shape, elements=st.sampled_from([0, 0.25, 0.5, 0.75, 1])))
    return Segmentation("zegclip", "m", names, seen, scores, 0.0, 0.0)


@every
@given(segmentations(), st.floats(), st.floats(), st.data())
def test_settings_are_applied_or_refused(
    seg: Segmentation, penalty: float, threshold: float, data: st.DataObject
) -> None:
    off = frozenset(data.draw(st.sets(st.sampled_from(seg.names))))
    if not (-1 <= penalty <= 1 and 0 <= threshold <= 1):
        with pytest.raises(UserError, match="must lie between"):
            seg.with_settings(penalty, threshold, off)
        return
    other = seg.with_settings(penalty, threshold, off)
    taken = np.where(seg.seen, np.float32(penalty), np.float32(0))[:, None, None].astype(np.float32)
    hidden = np.array([name in off for name in seg.names])[:, None, None]
    adjusted = np.where(hidden, -np.inf, seg.scores - taken)
    best = np.where(hidden, -1, seg.scores).max(0)
    expected = np.where((best < threshold) | hidden.all(), NONE, adjusted.argmax(0))
    np.testing.assert_array_equal(other.labels, expected)
    assert sum(other.area) + (other.labels == NONE).mean() == pytest.approx(1)
    assert np.shares_memory(other.scores, seg.scores)


@every
@given(segmentations(), fractions)
def test_views_of_scores_stay_in_range(seg: Segmentation, level: float) -> None:
    claims = overlap(seg, level)
    np.testing.assert_array_equal(claims, (seg.scores > level).sum(0))
    lead = margin(seg)
    assert lead.min() >= 0
    assert lead.max() <= 1


# Files of an answer


@every
@given(arrays.arrays(np.bool_, st.tuples(sides, sides)))
def test_a_run_length_is_the_mask(mask: npt.NDArray[np.bool_]) -> None:
    code = rle(mask)
    runs = [np.full(count, index % 2 == 1) for index, count in enumerate(code["counts"])]
    np.testing.assert_array_equal(np.concatenate(runs).reshape(mask.shape, order="F"), mask)
    assert all(count > 0 for count in code["counts"][1:])


@every
@given(segmentations(), fractions)
def test_a_label_map_is_its_own_ground_truth(seg: Segmentation, threshold: float) -> None:
    seg = seg.with_settings(threshold=threshold)
    size = (seg.labels.shape[0], seg.labels.shape[1])
    if (seg.labels == NONE).all():
        with pytest.raises(UserError, match="No pixel"):
            read_truth(label_image(seg), seg.names, size=size)
        return
    truth = read_truth(label_image(seg), seg.names, size=size)
    np.testing.assert_array_equal(np.where(truth.labels == NO_CLASS, NONE, truth.labels), seg.labels)
    assert truth.unmatched == {}
    assert score(truth, seg).accuracy == 1.0


# Manifests


hexadecimal = st.text("0123456789abcdef", min_size=64, max_size=64)


@st.composite
def manifests(draw: st.DrawFn) -> Manifest:
    names = draw(vocabularies)
    cut = draw(st.integers(0, len(names)))
    folders = draw(st.lists(plain.map(slug), min_size=1, max_size=3, unique=True))
    steps = tuple(
        ManifestMethod(
            folder, draw(plain), draw(plain), draw(hexadecimal | st.just("")), draw(plain), draw(hexadecimal),
            draw(st.floats(-1, 1)), draw(st.floats(0, 1)), draw(st.floats(0, 1)),
        )
        for folder in folders
    )  # fmt: skip
    file_name = draw(st.text(st.characters(exclude_categories=["Cs"]), max_size=20))
    photo = ManifestPhoto(file_name, draw(st.integers(1, 5000)), draw(sides), draw(hexadecimal))
    return Manifest(photo, tuple(names[:cut]), tuple(names[cut:]), steps, draw(plain))


@every
@given(manifests())
def test_a_manifest_is_read_as_it_was_written(manifest: Manifest) -> None:
    assert Manifest.from_json(manifest.to_json()) == manifest
    assert Manifest.from_json(manifest.to_json().encode()) == manifest


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | any_text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(any_text, inner, max_size=3),
    max_leaves=8,
)


@every
@given(manifests(), st.data())
def test_a_manifest_with_one_strange_value_is_read_or_refused(manifest: Manifest, data: st.DataObject) -> None:
    fields = json.loads(manifest.to_json())
    place = data.draw(st.sampled_from([fields, fields["photo"], fields["methods"][0]]))
    place[data.draw(st.sampled_from(sorted(place)))] = data.draw(json_values)
    try:
        read = Manifest.from_json(json.dumps(fields))
    except UserError:
        return
    assert Manifest.from_json(read.to_json()) == read


# Links


link_texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=80)


@every
@given(link_texts, link_texts, link_texts, st.floats(0, 1), st.floats(*PENALTY_RANGE), st.integers(0, 2**31))
def test_a_link_is_read_as_it_was_written(
    seen: str, unseen: str, photo: str, fraction: float, penalty: float, scene: int
) -> None:
    display, picture = DisplaySettings({"m": (fraction, penalty)}, fraction), {"photo": photo, "scene": str(scene)}
    query = write_query(seen, unseen, seen + unseen, display, picture)
    assert query.isascii()
    shared = read_query(dict(parse_qsl(query[1:], keep_blank_values=True)))
    assert (shared.seen, shared.unseen, shared.model) == (seen, unseen, seen + unseen)
    assert (shared.photo, shared.scene, shared.example) == (photo, scene, None)
    assert shared.opacity == pytest.approx(fraction, rel=1e-4)
    assert shared.thresholds["m"] == pytest.approx(fraction, rel=1e-4)
    assert shared.penalties["m"] == pytest.approx(penalty, rel=1e-4)


keys = st.sampled_from(["seen", "unseen", "model", "opacity", "scene", "threshold-m", "penalty-m", "threshold-", "x"])


@every
@given(st.dictionaries(keys, st.text(max_size=40) | st.floats().map(str) | st.just("a" * (MAX_LINK_TEXT + 1))))
def test_any_link_says_something_possible_or_nothing(fields: dict[str, str]) -> None:
    shared = read_query(fields)
    assert all(0 <= value <= 1 for value in (*shared.thresholds.values(), shared.opacity or 0.0))
    assert all(PENALTY_RANGE[0] <= value <= PENALTY_RANGE[1] for value in shared.penalties.values())
    assert shared.scene is None or shared.scene >= 0


# Label tables


@every
@given(st.dictionaries(st.integers(0, 65535), class_names, min_size=1, max_size=8))
def test_a_table_of_ids_is_read_as_it_was_written(ids: dict[int, str]) -> None:
    assume(not any(mark in name for name in ids.values() for mark in ":="))
    text = "\n".join(f"{key}: {name}" for key, name in ids.items())
    assert parse_table(text).ids == {key: (name,) for key, name in ids.items()}


@every
@given(st.dictionaries(st.integers(0, 0xFFFFFF), class_names, min_size=1, max_size=8), st.booleans())
def test_a_table_of_colours_is_read_as_it_was_written(colors: dict[int, str], is_hex: bool) -> None:
    assume(not any(mark in name for name in colors.values() for mark in ":="))
    keys = {c: f"#{c:06x}" if is_hex else f"{c >> 16},{c >> 8 & 255},{c & 255}" for c in colors}
    text = "\n".join(f"{keys[color]} = {name}" for color, name in colors.items())
    assert parse_table(text).colors == {color: (name,) for color, name in colors.items()}


@every
@given(st.text(max_size=60) | st.from_regex(r"[\d#,()a-f:= \n]{0,40}"))
def test_any_table_is_read_or_refused(text: str) -> None:
    try:
        table = parse_table(text)
    except UserError:
        return
    assert all(names and all(names) for names in (*table.ids.values(), *table.colors.values()))
