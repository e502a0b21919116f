import itertools

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from har.predictions import (
    ActivitySmoother,
    ActivitySpan,
    Prediction,
    activity_spans,
    decode_prediction,
    encode_prediction,
)

CLASSES = ("sit", "stand", "walk")


def said(second: int, activity: str, *, confidence: float = 0.8, session: str = "s") -> Prediction:
    rest = (1 - confidence) / (len(CLASSES) - 1)
    probabilities = {name: confidence if name == activity else rest for name in CLASSES}
    start = second * 1_000_000
    return Prediction("d", session, start, start + 4_000_000, activity, confidence, probabilities, "r", start)


def shown(answers: str) -> list[str]:
    names = {"i": "sit", "t": "stand", "w": "walk"}
    smoother = ActivitySmoother()
    return [smoother.update(said(second, names[answer])).activity[1] for second, answer in enumerate(answers)]


def test_a_prediction_survives_the_wire():
    prediction = said(7, "walk", confidence=1 / 3)
    assert decode_prediction(encode_prediction(prediction)) == prediction
    assert prediction.key == ("d", "s", 7_000_000)


@pytest.mark.parametrize("message", [b"", b"{}", b"[1]", b'{"device": 3}'])
def test_what_is_no_prediction_is_an_error(message):
    with pytest.raises(msgspec.MsgspecError):
        decode_prediction(message)


def test_single_windows_of_doubt_do_not_show():
    assert set(shown("wwwtwwwiwwtwww")) == {"a"}


def test_a_real_change_shows_within_three_windows():
    answers = shown("wwwwwiiiiii")
    assert answers[:6] == ["a"] * 6
    assert answers[-3:] == ["i"] * 3


@given(st.text("itw", min_size=1, max_size=80))
def test_the_steady_answer_never_flickers_between_neighbours(answers):
    steady = shown(answers)
    for before, now, after in zip(steady, steady[1:], steady[2:], strict=False):
        assert not (now not in (before, after) and before == after)


@given(st.text("itw", min_size=1, max_size=80))
def test_spans_follow_each_other_without_overlap(answers):
    names = {"i": "sit", "t": "stand", "w": "walk"}
    spans = activity_spans(said(second, names[answer]) for second, answer in enumerate(answers))
    assert spans[0].start == 0
    assert spans[-1].end == (len(answers) - 1) * 1_000_000 + 4_000_000
    for before, after in itertools.pairwise(spans):
        assert before.activity != after.activity
        assert before.end == after.start > before.start


def test_a_pause_or_another_session_begins_afresh():
    minute = [said(0, "walk"), said(1, "walk"), said(60, "sit"), said(61, "sit", session="t")]
    assert activity_spans(minute) == [
        ActivitySpan("walk", 0, 5_000_000),
        ActivitySpan("sit", 60_000_000, 61_000_000),
        ActivitySpan("sit", 61_000_000, 65_000_000),
    ]


def test_a_repeated_or_older_prediction_changes_nothing():
    smoother = ActivitySmoother()
    for second in range(4):
        smoother.update(said(second, "walk"))
    before = smoother.steady
    assert smoother.update(said(3, "sit")) == before
    assert smoother.update(said(1, "sit")) == before
