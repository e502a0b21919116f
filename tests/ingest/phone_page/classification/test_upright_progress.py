"""What the phone page tells its wearer about the upright reference, of the server's predictions and of its own."""

from typing import Any

import msgspec
import numpy as np
import pytest

from dashboard.upright_progress import upright_progress
from har.predictions import Prediction
from har.upright import NO_REFERENCE, Reference, UprightRule, judge
from tests.har.upright_sessions import BEGIN, SECOND, upright_session

#: The progress after each of some predictions of the server, and of the phone with the same references.
FOLLOW = """
const { PredictionComparison } = await import('/phone/classification/prediction-comparison.js');
const comparison = new PredictionComparison();
return args[0].map((prediction) => {
  comparison.addServer(prediction, prediction.end);
  const { reference, ...own } = prediction;
  const [, windows, , others, , latestUs] = reference ?? [];
  comparison.addPhone(own, reference ? { windows, others, latestUs, needed: 10 } : null);
  return [comparison.serverUpright.progress, comparison.phoneUpright.progress];
});
"""
WORDS = """
const { observersWords, uprightFigures, wearersWords } = await import('/phone/shared/upright-words.js');
const { leastProgress } = await import('/phone/classification/upright-progress.js');
const progress = leastProgress(args[0]);
return [`${wearersWords(progress)} ${uprightFigures(progress)}`.trim(), observersWords(progress)];
"""
LEARNING, KNOWN = {"state": "learning", "windows": 4}, {"state": "known", "windows": 20}
WALK = "Walk a few steps, so that sitting and standing are told apart."


def prediction(start: int, reference: Reference | None, **more: Any) -> Prediction:
    fields = {"activity": "walk", "confidence": 0.9, "probabilities": {"walk": 0.9}, "release": "r", "arrived": start}
    known = {"device": "p", "session": "s", "start": start, "end": start + 4 * SECOND, "reference": reference}
    return Prediction(**{**fields, **known, **more})  # type: ignore[arg-type]


def followed(modules: Any, predictions: list[Prediction]) -> list[Any]:
    return list(modules.run(FOLLOW, msgspec.to_builtins(predictions)))


def test_the_progress_of_a_session_is_that_of_the_dashboard(modules):
    random, rule = np.random.default_rng(4), UprightRule(needed=5)
    made, state = [], NO_REFERENCE
    for gravity, start, probabilities in upright_session(random, windows=400, restless=0.03):
        known, before = state, state.latest_us
        _, lean, state = judge(known, rule, gravity, start, probabilities)
        if before is None or start > before:
            made.append(prediction(start, state, lean=lean))
    expected = [msgspec.to_builtins(upright_progress(each)) for each in made]
    got = followed(modules, made)
    assert [server for server, _ in got] == expected
    assert [{"state": own["state"], "windows": own["windows"]} for _, own in got] == expected
    assert {each["state"] for each in expected} == {"learning", "doubted", "known"}
    assert {own.get("needed") for _, own in got} == {10, None}


def test_without_a_rule_nothing_is_told(modules):
    later = Reference((0.0, 1.0, 0.0), 12, latest_us=BEGIN)  # kept from a release before that had a rule
    assert followed(modules, [prediction(BEGIN, None), prediction(BEGIN + SECOND, later)]) == [[None, None]] * 2


def test_the_progress_stays_while_windows_tell_too_little_and_ends_with_the_session(modules):
    reference = Reference(other=(0.0, 1.0, 0.0), others=4, latest_us=BEGIN)
    windows = [
        prediction(BEGIN, reference),
        prediction(BEGIN + SECOND, reference, reason="pauses"),
        prediction(BEGIN + 2 * SECOND, None, reason="pauses", session="next"),
    ]
    told = [LEARNING, {**LEARNING, "needed": 10}]
    assert followed(modules, windows) == [told, told, [None, None]]


@pytest.mark.parametrize(
    ("sides", "words"),
    [
        ([None, None], ""),
        ([{"state": "learning", "windows": 0}, None], WALK),
        ([LEARNING, None], f"{WALK} Learned from 4 windows of walking so far."),
        ([LEARNING, {**LEARNING, "needed": 10}], f"{WALK} Learned from 4 of 10 windows of walking so far."),
        ([LEARNING, KNOWN], f"{WALK} Learned from 4 windows of walking so far."),
        ([KNOWN, None], "Knows how you carry the phone."),
        ([None, KNOWN], "Knows how you carry the phone."),
        (
            [KNOWN, {"state": "doubted", "windows": 1}],
            "The phone seems to have been moved. Walk a few steps, so that sitting and standing are told apart again. "
            "Learned from 1 window of walking so far.",
        ),
        ([{"state": "of a later version", "windows": 1}, None], ""),
    ],
)
def test_the_wearer_reads_what_to_do(modules, sides, words):
    for_wearers, for_others = modules.run(WORDS, sides)
    assert for_wearers == words
    assert bool(for_others) == bool(words)
    assert "you" not in for_others
