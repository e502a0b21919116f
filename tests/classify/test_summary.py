"""Summaries: time by activity, changes and longest spans, of steady activity."""

from pathlib import Path

import msgspec
import pytest

from classify.answers import Answer
from classify.summary import Change, KindWindows, Span, Summariser, Summary
from classify.summary_text import summary_text
from classify.windows import Session
from har.background import Background, BackgroundKind
from har.predictions import Prediction
from har.time_units import MICROSECONDS
from har.windowing import WindowSpec
from model_store.release_folder import open_release

MANIFEST = open_release("baseline").manifest
SESSION = Session("phone", "m", "anna", "s1", Path("walk.csv"))


def answered(activities: str, session: Session = SESSION, first_s: int = 0, hop_s: int = 1) -> list[Answer]:
    """Return answers, one for each letter: walk, sit, unknown, or too few readings (?); a space is a second without."""
    names = {"w": "walk", "s": "sit", "u": "unknown", "?": "unknown"}
    made = []
    for number, letter in enumerate(activities):
        if letter != " ":
            start = (first_s + number * hop_s) * MICROSECONDS
            name, reason = names[letter], "sparse" if letter == "?" else None
            likely = {each: 0.9 if each == name else 0.025 for each in MANIFEST.classes}
            end = start + 4 * MICROSECONDS
            made.append(
                Answer(session, Prediction("phone", "s1", start, end, name, 0.9, likely, "r", 0, reason=reason))
            )
    return made


def summarised(*answers: Answer, spec: WindowSpec | None = None) -> Summary:
    summariser = Summariser(MANIFEST, spec or WindowSpec())
    for answer in answers:
        summariser.add(answer)
    return summariser.summary()


def test_one_other_window_is_no_change() -> None:
    summary = summarised(*answered("wwwwwswwwwwwsssssssssssww"))
    assert [span.activity for span in summary.sessions[0].spans] == ["walk", "sit"]
    assert summary.changes == [Change("walk", "sit", 1)]
    assert sum(summary.seconds.values()) == 28
    assert list(summary.seconds) == ["sit", "walk"]


def test_a_pause_is_neither_a_change_nor_time() -> None:
    summary = summarised(*answered("wwwwwwww"), *answered("ssssssss", first_s=1000))
    assert summary.seconds == {"sit": 11, "walk": 11}
    assert summary.changes == []
    assert summary.longest == [Span("sit", "1000.000000", "1011.000000", 11), Span("walk", "0.000000", "11.000000", 11)]


def test_windows_far_apart_are_still_one_span() -> None:
    spec = WindowSpec(hop_us=30 * MICROSECONDS)
    summary = summarised(*answered("wwwww", hop_s=30), spec=spec)
    assert summary.seconds == {"walk": 124}


def test_windows_without_an_opinion_are_counted_by_reason() -> None:
    summary = summarised(*answered("wwww????????wwww??"))
    assert summary.unclassified == {"sparse": 10}
    assert "10 windows unknown, as the phone measures too rarely (sparse)" in summary_text(summary)


def test_sessions_are_told_apart_although_their_answers_come_mixed() -> None:
    other = SESSION._replace(user="ben", session="s2", begin=5 * MICROSECONDS)
    mixed = [
        answer for pair in zip(answered("wwwwww"), answered("ssssss", other, first_s=5), strict=True) for answer in pair
    ]
    anna, ben = summarised(*mixed).sessions
    assert (anna.user, anna.windows, anna.seconds) == ("anna", 6, {"walk": 9})
    assert (ben.user, ben.spans) == ("ben", [Span("sit", "0.000000", "9.000000", 9)])
    text = summary_text(summarised(*mixed))
    assert "walk.csv (ben, s2, phone): 9 s; Sitting 9 s" in text


def test_the_text_says_how_long_how_often_and_when() -> None:
    at_noon = SESSION._replace(begin=1_777_636_800 * MICROSECONDS)
    summary = summarised(*answered("w" * 100 + "s" * 60 + "w" * 20, at_noon, first_s=1_777_636_800))
    lines = summary_text(summary).splitlines()
    assert lines[0] == f"3 min 03 s in 1 session, 180 windows, classified with {MANIFEST.release}"
    assert [line.split()[0] for line in lines[3:5]] == ["Sitting", "Walking"]
    assert lines[4].endswith("1 min 42 s, from 2026-05-01 12:00:00 UTC")
    assert lines[-1] == "2 changes: Walking → Sitting 1, Sitting → Walking 1"


@pytest.mark.parametrize("activities", ["w", "ws", "uuuu"])
def test_few_windows_have_a_summary(activities: str) -> None:
    summary = summarised(*answered(activities))
    assert sum(summary.seconds.values()) == 3 + len(activities)
    assert summary_text(summary)


def test_kinds_of_background_are_counted_and_named_in_the_words_of_the_release() -> None:
    background = Background([BackgroundKind("table", "on a desk"), BackgroundKind("jump", "jumping")], 0.5)
    summariser = Summariser(msgspec.structs.replace(MANIFEST, background=background), WindowSpec())
    kinds = iter(["table"] * 5 + ["jump"] + [None] * 2)
    for session, made in answered("uuuuuuuu"):
        summariser.add(Answer(session, msgspec.structs.replace(made, kind=next(kinds))))
    summary = summariser.summary()
    assert summary.kinds == [KindWindows("table", "on a desk", 5), KindWindows("jump", "jumping", 1)]
    assert summary.sessions[0].kinds == summary.kinds
    assert "5 windows unknown: on a desk (table)" in summary_text(summary)
