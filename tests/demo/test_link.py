"""A link says what the boxes and sliders say, and a broken one says nothing."""

from urllib.parse import parse_qsl

from zsseg.demo.actions import DisplaySettings
from zsseg.demo.link import MAX_LINK_TEXT, read_query, write_query


def test_what_is_written_is_read() -> None:
    display = DisplaySettings({"zegclip": (0.3, 0.025), "clip_rc": (0.325, -0.05)}, 0.6)
    query = write_query("cat | kitten, dog", "snow & ice?", "mini-clip, inductive", display)
    shared = read_query(dict(parse_qsl(query.removeprefix("?"), keep_blank_values=True)))
    assert (shared.seen, shared.unseen, shared.model) == ("cat | kitten, dog", "snow & ice?", "mini-clip, inductive")
    assert shared.thresholds == {"zegclip": 0.3, "clip_rc": 0.325}
    assert shared.penalties == {"zegclip": 0.025, "clip_rc": -0.05}
    assert shared.opacity == 0.6


def test_a_scene_is_named_by_its_number() -> None:
    query = write_query("ground", "", "m", DisplaySettings({}, 1.0), picture={"scene": str(2**31 - 1)})
    assert read_query(dict(parse_qsl(query[1:]))).scene == 2**31 - 1
    for text in ("", "-1", "1.5", "x", "²", "9" * 11):
        assert read_query({"scene": text}).scene is None


def test_a_link_names_an_example_or_the_file_of_a_photo() -> None:
    for picture in ({"example": "pizza"}, {"photo": "my holiday & co.png"}):
        query = write_query("cat", "", "m", DisplaySettings({}, 1.0), picture)
        shared = read_query(dict(parse_qsl(query[1:])))
        assert (shared.example, shared.photo) == (picture.get("example"), picture.get("photo"))


def test_an_empty_box_stays_empty() -> None:
    query = write_query("", "cow", "m", DisplaySettings({}, 1.0))
    assert read_query(dict(parse_qsl(query[1:], keep_blank_values=True))).seen == ""


def test_what_is_impossible_counts_as_not_said() -> None:
    fields = {"opacity": "2", "threshold-zegclip": "nan", "penalty-clip_rc": "x", "seen": "a" * (MAX_LINK_TEXT + 1)}
    shared = read_query(fields)
    assert (shared.seen, shared.unseen, shared.model, shared.opacity) == (None, None, None, None)
    assert not shared.thresholds
    assert not shared.penalties


def test_only_a_penalty_may_lie_below_0_as_far_as_the_slider_goes() -> None:
    shared = read_query(
        {"penalty-zegclip": "-0.1", "penalty-clip_rc": "-0.6", "threshold-zegclip": "-0.1", "opacity": "-0.1"}
    )
    assert (shared.penalties, shared.thresholds, shared.opacity) == ({"zegclip": -0.1}, {}, None)
