import itertools

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from har.decisions import UNKNOWN, Thresholds, decide
from har.predictions import Prediction
from har.steady_activity import ActivitySmoother, ActivitySpan, activity_spans

CLASSES = ("sit", "stand", "walk")


def predicted(second: int, activity: str, *, confidence: float = 0.8, session: str = "s") -> Prediction:
    rest = (1 - confidence) / (len(CLASSES) - 1)
    probabilities = {name: confidence if name == activity else rest for name in CLASSES}
    start = second * 1_000_000
    return Prediction("d", session, start, start + 4_000_000, activity, confidence, probabilities, "r", start)


def unclassified(second: int, reason: str = "sparse") -> Prediction:
    even = dict.fromkeys(CLASSES, 1 / len(CLASSES))
    start = second * 1_000_000
    return Prediction(
        "d", "s", start, start + 4_000_000, UNKNOWN, 1 - max(even.values()), even, "r", start, reason=reason
    )


def decided(second: int, walk: float) -> Prediction:
    prediction = predicted(second, "walk", confidence=walk)
    activity, confidence, _ = decide(prediction.probabilities, Thresholds(0.6))
    return msgspec.structs.replace(prediction, activity=activity, confidence=confidence)


def shown(activities: str) -> list[str]:
    names = {"i": "sit", "t": "stand", "w": "walk"}
    smoother = ActivitySmoother()
    return [smoother.update(predicted(second, names[letter])).activity[1] for second, letter in enumerate(activities)]


def test_single_doubtful_windows_are_smoothed():
    assert set(shown("wwwtwwwiwwtwww")) == {"a"}


def test_a_change_shows_within_three_windows():
    activities = shown("wwwwwiiiiii")
    assert activities[:6] == ["a"] * 6
    assert activities[-3:] == ["i"] * 3


@given(st.text("itw", min_size=1, max_size=80))
def test_the_steady_activity_never_flickers(activities):
    steady = shown(activities)
    for before, now, after in zip(steady, steady[1:], steady[2:], strict=False):
        assert not (now not in (before, after) and before == after)


@given(st.text("itw", min_size=1, max_size=80))
def test_spans_follow_each_other_without_overlap(activities):
    names = {"i": "sit", "t": "stand", "w": "walk"}
    spans = activity_spans(predicted(second, names[letter]) for second, letter in enumerate(activities))
    assert spans[0].start == 0
    assert spans[-1].end == (len(activities) - 1) * 1_000_000 + 4_000_000
    for before, after in itertools.pairwise(spans):
        assert before.activity != after.activity
        assert before.end == after.start > before.start


def test_a_pause_or_another_session_resets_the_smoother():
    minute = [predicted(0, "walk"), predicted(1, "walk"), predicted(60, "sit"), predicted(61, "sit", session="t")]
    assert activity_spans(minute) == [
        ActivitySpan("walk", 0, 5_000_000),
        ActivitySpan("sit", 60_000_000, 61_000_000),
        ActivitySpan("sit", 61_000_000, 65_000_000),
    ]


def test_a_repeated_or_older_prediction_has_no_effect():
    smoother = ActivitySmoother()
    for second in range(4):
        smoother.update(predicted(second, "walk"))
    before = smoother.steady
    assert smoother.update(predicted(3, "sit")) == before
    assert smoother.update(predicted(1, "sit")) == before


def test_one_unknown_window_does_not_flicker_and_several_are_shown():
    walks = [0.9, 0.9, 0.5, 0.9, 0.9, 0.5, 0.5, 0.5, 0.5, 0.9, 0.9, 0.9]
    smoother = ActivitySmoother()
    shown = [smoother.update(decided(second, walk)) for second, walk in enumerate(walks)]
    assert [steady.activity for steady in shown[:6]] == ["walk"] * 6
    assert shown[8].activity == UNKNOWN
    assert shown[8].confidence == pytest.approx(0.5)
    assert shown[-1].activity == "walk"
    spans = activity_spans(decided(second, walk) for second, walk in enumerate(walks))
    assert [span.activity for span in spans] == ["walk", UNKNOWN, "walk"]


def test_a_window_that_was_not_classified_does_not_flicker_and_costs_no_confidence():
    smoother = ActivitySmoother()
    made = [unclassified(second) if second == 3 else predicted(second, "walk") for second in range(7)]
    steady = [smoother.update(prediction) for prediction in made]
    assert {(each.activity, each.reason) for each in steady} == {("walk", None)}
    assert {round(each.confidence, 6) for each in steady} == {0.8}


def test_of_a_run_that_was_not_classified_the_third_window_ends_the_activity_and_gives_the_reason():
    smoother = ActivitySmoother()
    made = [predicted(second, "walk") for second in range(5)] + [unclassified(second) for second in range(5, 12)]
    steady = [smoother.update(prediction) for prediction in [*made, *(predicted(n, "walk") for n in range(12, 16))]]
    assert [each.activity for each in steady] == ["walk"] * 7 + [UNKNOWN] * 7 + ["walk"] * 2
    assert [each.reason for each in steady] == [None] * 7 + ["sparse"] * 7 + [None] * 2
    assert steady[7].since == 7_000_000, "the middle of the first of the run"
    assert steady[-1].confidence == pytest.approx(0.8)


def test_the_reason_is_the_most_frequent_one_and_none_if_the_network_did_not_know():
    def reason(*windows: str) -> str | None:
        smoother = ActivitySmoother()
        for second, window in enumerate(windows):
            smoother.update(decided(second, 0.5) if window == "network" else unclassified(second, window))
        assert smoother.steady is not None and smoother.steady.activity == UNKNOWN
        return smoother.steady.reason

    assert reason("sparse") == "sparse"
    assert reason("sparse", "pauses", "sparse") == "sparse"
    assert reason("clock", "sparse", "pauses") == "pauses"  # the newest of three
    assert reason("sparse", "network", "network") is None
    assert reason("network", "of_a_later_version", "of_a_later_version") == "of_a_later_version"


def of_kind(second: int, kind: str | None) -> Prediction:
    return msgspec.structs.replace(predicted(second, "sit"), activity=UNKNOWN, kind=kind)


@pytest.mark.parametrize(
    ("kinds", "shown_kind"),
    [
        (["table", "table", "jump"], "table"),
        (["table", None, "table"], "table"),
        (["table", None, None], None),
        (["jump", None, "table"], "table"),  # as frequent as the others, and newer
    ],
)
def test_steady_unknown_has_the_kind_of_most_of_its_windows(kinds, shown_kind):
    smoother = ActivitySmoother()
    steady = [smoother.update(of_kind(second, kind)) for second, kind in enumerate(kinds)][-1]
    assert (steady.activity, steady.reason, steady.kind) == (UNKNOWN, None, shown_kind)


def test_a_reason_goes_before_a_kind_and_an_activity_has_none():
    smoother = ActivitySmoother()
    for second in range(3):
        steady = smoother.update(of_kind(second, "table"))
    assert steady.kind == "table"
    for second in range(3, 6):
        steady = smoother.update(unclassified(second))
    assert (steady.reason, steady.kind) == ("sparse", None)
    for second in range(6, 10):
        steady = smoother.update(predicted(second, "walk"))
    assert (steady.activity, steady.reason, steady.kind) == ("walk", None, None)
