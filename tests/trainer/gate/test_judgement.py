import dataclasses

import msgspec
import numpy as np
import pytest

from har.artifacts import Artifact
from har.decisions import Thresholds
from tests.trainer.made_outcomes import CLASSES, predicted_outcomes, simulated
from trainer.freezing.budgets import Budget, budgets_of
from trainer.gate.bootstrap import paired_difference
from trainer.gate.checks import Contender
from trainer.gate.judgement import GateError, GateResult, describe, judge, write_gate
from trainer.gate.limits import GateLimits, limits_of

#: Fewer resamples: the tests draw many networks.
LIMITS = GateLimits(
    resamples=1_000, formats={"onnx": Budget(bytes=1_000, largest_difference=1e-4, same_prediction=0.99)}
)
FROZEN = [Artifact("network.onnx", "onnx", "0" * 64, 900, largest_difference=1e-6, same_prediction=1.0, latency_ms=0.5)]


def contender(skill, seed=0, *, release="r", **more):
    return Contender(release=release, outcomes=simulated(skill, np.random.default_rng(seed)), **more)


def failed(result: GateResult) -> list[str]:
    return [check.name for check in result.checks if not check.passed]


#: Few people and many; the number between them only in the long form.
USERS = [5, pytest.param(8, marks=pytest.mark.long), 16]


def flat(skill: float, users: int = 8):
    return np.full((users, len(CLASSES)), skill)


def test_a_clearly_better_network_is_published():
    for seed in range(20):
        result = judge(contender(flat(0.93), seed), contender(flat(0.8), seed + 100), FROZEN, LIMITS)
        assert result.passed, describe(result)
        assert result.reason == "The candidate is better than r and passes every check."


def test_the_same_network_is_not_published():
    same = contender(flat(0.9))
    assert failed(judge(same, same, FROZEN, LIMITS)) == ["better than the current release"]


@pytest.mark.parametrize("users", USERS)
def test_chance_differences_are_rarely_published(users):
    """Networks of equal skill that differ by chance, for whole people and for each window."""
    passed = 0
    for seed in range(200):
        rng = np.random.default_rng([users, seed])
        ability = np.clip(rng.normal(0.85, 0.08, (users, len(CLASSES))), 0.4, 0.97)
        new, old = (np.clip(ability + rng.normal(0, 0.03, ability.shape), 0, 1) for _ in range(2))
        passed += judge(contender(new, seed), contender(old, seed + 1_000), FROZEN, LIMITS).passed
    assert passed <= 0.05 * 200


def noise(users: int, seed: int):
    """Confusion matrices of two networks of equal skill, as in the test above, without the windows."""
    rng = np.random.default_rng([users, seed])
    ability = np.clip(rng.normal(0.85, 0.08, (users, len(CLASSES))), 0.4, 0.97)
    for _ in range(2):
        right = rng.binomial(40, np.clip(ability + rng.normal(0, 0.03, ability.shape), 0, 1))
        yield np.stack([np.stack([np.roll([n, 40 - n, 0], number) for number, n in enumerate(row)]) for row in right])


@pytest.mark.parametrize("users", USERS)
def test_many_attempts_without_a_gain_are_rarely_published(users):
    """Series of ten candidates. At the full level for each, two of five series would pass one by chance."""
    series = 60

    def passing(pairs, confidence):
        return [
            (new, old)
            for new, old in pairs
            if paired_difference(new, old, resamples=1_000, confidence=confidence).lower_bound > 0
        ]

    lucky = [passing((noise(users, 10 * number + place) for place in range(10)), 0.95) for number in range(series)]
    # A pair that fails the lower confidence fails the higher one, too.
    luckier = [passing(pairs, 0.995) for pairs in lucky]
    assert sum(map(bool, luckier)) <= 0.05 * series < sum(map(bool, lucky))


def test_more_attempts_require_a_higher_confidence_which_the_result_shows():
    new, old = contender(flat(0.88)), contender(flat(0.82), 100)
    once, often = (judge(new, old, FROZEN, LIMITS, attempts=attempts).checks[2] for attempts in (1, 30))
    assert once.name == often.name == "better than the current release"
    assert once.value > often.value
    assert "95% lower bound over 8 people" in once.detail
    assert "99.8333% lower bound over 8 people: 95% for all 30 candidates since the last publication" in often.detail
    with pytest.raises(ValueError, match="because the candidate counts"):
        judge(new, old, FROZEN, LIMITS, attempts=0)


def test_what_is_better_for_everybody_is_published_after_many_attempts_too():
    result = judge(contender(flat(0.95)), contender(flat(0.7), 100), FROZEN, LIMITS, attempts=100)
    assert result.passed, describe(result)


@pytest.mark.parametrize("network", ["conv_features", "conv_lstm", "origin"])
def test_the_gate_and_freezing_have_the_same_budgets(network):
    assert limits_of(network).formats == budgets_of(network).by_format


def confusing(shares):
    """Outcomes of ten people with 40 windows of each class; a row of `shares` has the predictions of a class, %."""
    truth, predictions, people = [], [], []
    for person in range(10):
        for label, row in zip(CLASSES, shares, strict=True):
            predicted = [name for name, share in zip(CLASSES, row, strict=True) for _ in range(share * 40 // 100)]
            truth += [label] * len(predicted)
            predictions += predicted
            people += [f"p/{person}"] * len(predicted)
    return predicted_outcomes(truth, predictions, people=people)


def test_a_worse_class_fails_a_candidate_that_is_better_overall():
    # The new release no longer confuses sitting and walking, but confuses stairs with walking.
    old = Contender(release="old", outcomes=confusing([[60, 40, 0], [40, 60, 0], [0, 0, 100]]))
    new = Contender(release="new", outcomes=confusing([[100, 0, 0], [0, 95, 5], [0, 10, 90]]))
    result = judge(new, old, FROZEN, LIMITS)
    assert failed(result) == ["class stairsup"]
    lenient = dataclasses.replace(LIMITS, class_margin=0.2)
    assert judge(new, old, FROZEN, lenient).passed


def test_a_worse_model_of_phone_fails_a_candidate():
    better, old = flat(0.98, 16), flat(0.7, 16)
    better[[1, 3]], old[[1, 3]] = 0.6, 0.9
    limits = dataclasses.replace(LIMITS, model_margin=0.0)
    new, current = contender(better), contender(old, 1)
    # Only these two people have the model. All others gain, and so do people in general.
    rare = np.isin(new.outcomes.people, ["p/u01", "p/u03"])
    new, current = (
        dataclasses.replace(each, outcomes=dataclasses.replace(each.outcomes, models=np.where(rare, "rare", "common")))
        for each in (new, current)
    )
    assert failed(judge(new, current, FROZEN, limits)) == ["model rare"]


def test_a_class_without_windows_is_not_checked():
    people = [f"p/{number}" for number in range(6) for _ in range(20)]
    truth = ["sit", "walk"] * 60
    wrong = ["sit" if place % 5 == 0 else label for place, label in enumerate(truth)]
    new, old = (
        Contender(release=name, outcomes=predicted_outcomes(truth, predicted, people=people))
        for name, predicted in (("new", truth), ("old", wrong))
    )
    result = judge(new, old, FROZEN, LIMITS)
    assert result.passed, describe(result)
    (check,) = [check for check in result.checks if check.name == "class stairsup"]
    assert check.value is None
    assert "not checked" in check.detail


def test_training_users_are_left_out_and_too_few_people_are_not_compared():
    new = contender(flat(0.95), training_users=["p/u00", "p/u01"])
    old = contender(flat(0.7), 1, training_users=["p/u02", "p/u03"])
    result = judge(new, old, FROZEN, LIMITS)
    assert result.people == ["p/u04", "p/u05", "p/u06", "p/u07"]
    assert failed(result) == ["comparable people"]
    assert "too few held-out people" in result.reason
    assert "(4, must be >= 5" in result.reason
    assert not any(check.name.startswith("class") for check in result.checks)


def test_several_phones_of_one_wearer_count_as_one():
    wearers = {f"p/u{number:02}": f"w/{number // 2}" for number in range(12)}
    new = contender(flat(0.95, 12), training_users=["p/u00"])
    result = judge(new, contender(flat(0.7, 12), 1), FROZEN, LIMITS, wearers)
    assert result.people == ["w/1", "w/2", "w/3", "w/4", "w/5"]
    assert result.passed, describe(result)


def test_a_first_release_must_reach_a_minimum_macro_f1():
    assert judge(contender(flat(0.9)), None, FROZEN, LIMITS).passed
    assert failed(judge(contender(flat(0.5)), None, FROZEN, LIMITS)) == ["macro-F1"]


def test_a_threshold_that_hides_the_classes_is_not_published():
    new = contender(flat(0.95), thresholds=Thresholds(0.8))  # every prediction has a probability of 0.75
    assert failed(judge(new, contender(flat(0.8), 1), FROZEN, LIMITS)) == ["classes predicted as unknown"]


@pytest.mark.parametrize(
    ("change", "fails"),
    [
        ({"bytes": 1_001}, "onnx, bytes"),
        ({"largest_difference": 1e-3}, "onnx, difference"),
        ({"largest_difference": float("nan")}, "onnx, difference"),
        ({"same_prediction": 0.98}, "onnx, same prediction"),
        ({"latency_ms": 25.0}, "onnx, ms a window"),
        ({"latency_ms": None}, "onnx, ms a window"),
        ({"same_prediction": None}, "onnx, same prediction"),
        ({"format": "litert-int8"}, "onnx"),
    ],
)
def test_a_format_outside_its_limits_is_not_published(change, fails):
    frozen = [msgspec.structs.replace(FROZEN[0], **change)]
    assert failed(judge(contender(flat(0.95)), contender(flat(0.7), 1), frozen, LIMITS)) == [fails]


def test_a_candidate_that_lost_a_class_is_not_published():
    candidate = contender(flat(0.9))
    other = dataclasses.replace(candidate.outcomes, labels=("sit", "walk", "lie", "stairsup"))
    result = judge(candidate, Contender(release="old", outcomes=other), FROZEN, LIMITS)
    assert failed(result) == ["lost classes"]
    assert "lacks lie" in result.reason


def test_a_format_that_is_not_required_may_be_missing_unless_the_current_release_has_it():
    limits = dataclasses.replace(LIMITS, formats={**LIMITS.formats, "litert-int8": Budget(bytes=1_000, required=False)})
    better, old = contender(flat(0.95)), contender(flat(0.7), 1, formats=["onnx"])
    assert judge(better, None, FROZEN, limits).passed
    assert judge(better, old, FROZEN, limits).passed
    result = judge(better, dataclasses.replace(old, formats=["onnx", "litert-int8"]), FROZEN, limits)
    assert failed(result) == ["lost formats"]
    assert "lacks litert-int8, which devices may run" in result.reason


def test_a_personal_release_replaces_only_a_personal_one():
    better, old = (contender(flat(skill), seed, personal=True) for skill, seed in ((0.95, 0), (0.7, 1)))
    assert judge(better, old, FROZEN, LIMITS).passed
    assert judge(better, None, FROZEN, LIMITS).passed
    rejected = judge(better, dataclasses.replace(old, personal=False), FROZEN, LIMITS)
    assert failed(rejected) == ["personal like the current release"]
    few = judge(contender(flat(0.95, 3), personal=True), old, FROZEN, LIMITS)
    assert failed(few) == ["comparable sessions"]


def test_reserved_test_users_are_rejected():
    reserved = Contender(release="new", outcomes=predicted_outcomes(["sit"], ["sit"], people="galaxy_s8/u06"))
    with pytest.raises(GateError, match="galaxy_s8/u06"):
        judge(reserved, None, FROZEN, LIMITS)


def test_the_decision_is_written_and_described(tmp_path):
    result = judge(contender(flat(0.95), release="new"), contender(flat(0.95), 1, release="old"), FROZEN, LIMITS)
    write_gate(tmp_path, result)
    assert msgspec.json.decode((tmp_path / "gate.json").read_bytes(), type=GateResult) == result
    assert [path.name for path in tmp_path.iterdir()] == ["gate.json"]
    shown = describe(result)
    assert shown.startswith("new: The candidate fails: better than the current release")
    assert "FAIL  better than the current release" in shown
    assert "ok    onnx, bytes" in shown
