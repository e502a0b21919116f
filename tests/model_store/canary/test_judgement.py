"""Judging a canary: a clearly worse one is ended, an equally good one passes, and an unclear one waits."""

from itertools import count

import numpy as np
import pytest

from har.comparisons import Comparison, ReleasePrediction, decode_comparison, encode_comparison
from har.labels import ENDLESS, Label
from har.release_documents import ReleaseError
from model_store.canary.evidence import Evidence
from model_store.canary.judgement import CanaryLimits, judge

SECOND = 1_000_000
LIMITS = CanaryLimits(devices=5, windows=300, seconds=60)


def evidence(
    *, devices: int = 8, windows: int = 60, agreement: float = 0.97, confidence: float = 0.0, slower: float = 1.0,
    labelled: int = 0, canary_right: float = 0.9, stable_right: float = 0.9, seed: int = 0,
) -> Evidence:  # fmt: skip
    """Return comparisons of a canary on simulated devices, whose agreement varies."""
    chance, timing = np.random.default_rng(seed), np.random.default_rng(seed + 1)
    found = Evidence("new", "old")
    for device in range(devices):
        device_agreement = np.clip(agreement + chance.normal(0, 0.02), 0, 1)
        for number in range(windows):
            right = ("walk", "sit")[number % 2]
            wrong = "stand"
            if device < labelled:
                old = right if chance.random() < stable_right else wrong
                new = right if chance.random() < canary_right else wrong
            else:
                old = right
                new = old if chance.random() < device_agreement else wrong
            start = 1_700_000_000 * SECOND + number * SECOND
            new_us, old_us = (200 * timing.lognormal(0, 0.2, 2) * (slower, 1)).tolist()
            found.add(
                Comparison(
                    f"phone-{device}",
                    "s1",
                    start,
                    start + SECOND,
                    ReleasePrediction("new", new, 0.9 + confidence, new_us),
                    ReleasePrediction("old", old, 0.9, old_us),
                )
            )
            if device < labelled:
                found.add_label(Label(f"phone-{device}", "s1", start, start + SECOND, right, start))
    return found


def verdict(found: Evidence, *, limits: CanaryLimits = LIMITS, age: float = 100.0) -> str:
    return judge(found.measure(), limits, age).verdict


@pytest.mark.parametrize("seed", range(20))
def test_equally_good_canary_passes(seed):
    assert verdict(evidence(seed=seed)) == "pass"


@pytest.mark.parametrize("seed", range(20))
def test_clearly_worse_canary_breaches(seed):
    assert verdict(evidence(agreement=0.3, seed=seed)) == "breach"


def test_less_confident_canary_breaches():
    judgement = judge(evidence(confidence=-0.4).measure(), LIMITS, 100.0)
    assert judgement.verdict == "breach"
    assert "confidence against stable -0.4" in judgement.reason


def test_much_slower_canary_breaches():
    assert verdict(evidence(slower=10.0)) == "breach"  # 2 ms instead of 0.2
    assert verdict(evidence(slower=3.0)) == "pass"  # 0.6 ms: within the tolerance


@pytest.mark.parametrize(("others", "expected"), [(0, "wait"), (40, "pass")])
def test_few_slow_runs_of_a_network_do_not_end_a_canary(others, expected):
    """After a release is loaded, the windows that waited for it are classified together, and slowly."""
    found = Evidence("new", "old")
    slow = [(5_000.0, windows) for windows in (40, 40, 20)]
    starts = count()
    for run, (new_us, windows) in enumerate(slow + [(200.0, 1)] * others):
        for start in (next(starts) * SECOND for _ in range(windows)):
            new = ReleasePrediction("new", "walk", 0.9, new_us)
            old = ReleasePrediction("old", "walk", 0.9, 200.0 + run)
            found.add(Comparison(f"phone-{start // SECOND % 5}", "s1", start, start + SECOND, new, old))
    limits = CanaryLimits(devices=3, windows=60, seconds=5)
    assert verdict(found, limits=limits) == expected


def test_labels_decide_between_canaries_that_disagree_with_stable():
    lenient = CanaryLimits(devices=5, windows=300, seconds=60, agreement=0.5)
    assert verdict(evidence(labelled=8, canary_right=0.6, stable_right=0.95), limits=lenient) == "breach"
    assert verdict(evidence(labelled=8, canary_right=0.95, stable_right=0.6), limits=lenient) == "pass"


def test_breach_counts_at_once_and_pass_only_after_the_required_time():
    assert verdict(evidence(devices=3, windows=20, agreement=0.2), age=1.0) == "breach"
    assert verdict(evidence(), age=1.0) == "wait"
    assert verdict(evidence(devices=4)) == "wait"
    assert verdict(evidence(windows=20)) == "wait"
    assert verdict(evidence(devices=2, agreement=0.2)) == "wait"
    assert verdict(Evidence("new", "old")) == "wait"


def test_uncertain_check_waits_and_is_named():
    unclear = evidence(agreement=0.83, devices=5)
    judgement = judge(unclear.measure(), LIMITS, 100.0)
    assert judgement.verdict == "wait"
    assert "not certain: agreement with stable" in judgement.reason


def test_false_alarm_rate_at_the_limit_is_low():
    chance = np.random.default_rng(1)
    breaches = 0
    for _ in range(400):
        means = np.clip(chance.normal(0.8, 0.05, 5), 0, 1)
        found = Evidence("new", "old").measure()
        measured = type(found)(500, means, np.zeros(5), np.empty(0), 0, np.ones(50), np.ones(50))
        breaches += judge(measured, LIMITS, 100.0).verdict == "breach"
    assert breaches / 400 < 0.08


def test_other_releases_and_repeats_are_ignored():
    found = evidence(devices=3, windows=20)
    before = found.measure()
    again = next(iter(found._windows.values()))
    found.add(again)
    found.add(Comparison("phone-0", "s1", 1, 2, ReleasePrediction("newer", "walk", 0.9, 1.0), again.stable))
    assert found.measure().windows == before.windows == 60


def test_window_is_labelled_only_if_one_label_covers_all_of_it():
    numbers = count()
    found = Evidence("new", "old")
    for start, end in ((0, 4), (2, 6), (6, 10), (12, 16)):
        answers = ReleasePrediction("new", "walk", 0.9, 1.0), ReleasePrediction("old", "sit", 0.9, 1.0)
        found.add(Comparison("phone", "s1", start * SECOND, end * SECOND, *answers))
    found.add_label(Label("phone", "s1", 0, 5 * SECOND, "walk", next(numbers)))
    found.add_label(Label("phone", "s1", 5 * SECOND, 11 * SECOND, "sit", next(numbers)))
    found.add_label(Label("phone", "s1", 12 * SECOND, ENDLESS, "null", next(numbers)))
    measured = found.measure()
    assert measured.labelled_windows == 2
    assert measured.accuracy.tolist() == [0.0]  # one window gained, one lost


@pytest.mark.parametrize(("word", "windows"), [("walking", 3), ("tai_chi", 0), ("unknown", 0)])
def test_only_labels_that_a_release_predicts_count(word, windows):
    found = Evidence("new", "old")
    for start in (0, 4, 8):
        answers = ReleasePrediction("new", "walk", 0.9, 1.0), ReleasePrediction("old", "unknown", 0.9, 1.0)
        found.add(Comparison("phone", "s1", start * SECOND, (start + 4) * SECOND, *answers))
    found.add_label(Label("phone", "s1", 0, ENDLESS, word, 0))
    measured = found.measure()
    assert measured.labelled_windows == windows
    assert measured.accuracy.tolist() == [1.0] * bool(windows)


def test_comparison_survives_encoding_and_other_messages_are_rejected():
    (comparison, *_) = evidence(devices=1, windows=1)._windows.values()
    assert decode_comparison(encode_comparison(comparison)) == comparison
    for message in (b"", b"{}", b'{"schema": 2}', b"\xff", b"[" * 5_000):
        with pytest.raises(ReleaseError):
            decode_comparison(message)
