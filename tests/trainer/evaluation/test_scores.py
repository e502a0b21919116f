import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from har.decisions import Thresholds
from tests.trainer.made_outcomes import predicted_outcomes
from trainer.evaluation.calibration import calibration
from trainer.evaluation.scores import measure


def test_scores_match_counts_by_hand():
    outcomes = predicted_outcomes(
        ["sit", "sit", "walk", "walk", "jump", "null"],
        ["sit", "walk", "walk", "walk", "walk", "sit"],
        [0.9, 0.5, 0.9, 0.5, 0.9, 0.5],
        people=["p/a", "p/a", "p/b", "p/b", "p/b", "p/b"],
        models=["one", "one", "two", "two", "two", "two"],
    )
    found = measure(outcomes, Thresholds(0.6))
    assert found.predictions == ["sit", "walk", "stairsup", "unknown"]
    assert found.confusion == [[1, 0, 0, 1], [0, 1, 0, 1], [0, 0, 0, 0]]
    assert (found.windows, found.accuracy) == (4, 0.5)
    assert found.macro_f1 == pytest.approx(2 / 3)  # over the classes that occur
    assert found.unknown.known_predicted_unknown == 0.5
    assert found.unknown.by_label == {"jump": 1.0}  # an unlabelled window may show any activity
    assert [(user.name, user.windows, user.accuracy) for user in found.users] == [("p/a", 2, 0.5), ("p/b", 2, 0.5)]
    assert [model.name for model in found.models] == ["one", "two"]


def test_without_a_threshold_no_prediction_is_unknown():
    outcomes = predicted_outcomes(["sit", "walk", "jump"], ["sit", "sit", "sit"], 0.4)
    found = measure(outcomes)
    assert found.predictions == found.classes
    assert np.array(found.confusion).sum() == 2
    assert found.unknown.false_activity_rate == 1.0
    assert found.unknown.known_predicted_unknown == 0.0


def test_the_spread_names_the_worst_user():
    people = [f"p/{name}" for name in "abcde" for _ in range(4)]
    predictions = ["walk" if place < 4 else "sit" for place in range(20)]
    found = measure(predicted_outcomes(["sit"] * 20, predictions, people=people))
    assert (found.spread.worst_user, found.spread.worst, found.spread.median) == ("p/a", 0.0, 1.0)
    assert found.spread.lower_quartile == 1.0


def test_measuring_without_windows_of_the_classes_is_an_error():
    with pytest.raises(ValueError, match="no window is labelled with one of the classes"):
        measure(predicted_outcomes(["null"], ["sit"]))


@given(st.integers(0, 2**32 - 1))
def test_a_calibrated_network_has_no_calibration_error(seed):
    rng = np.random.default_rng(seed)
    confidence = rng.uniform(0.2, 1, 20_000)
    honest = calibration(confidence, rng.random(20_000) < confidence)
    overconfident = calibration(confidence, rng.random(20_000) < confidence - 0.2)
    assert honest.error < 0.03
    assert overconfident.error == pytest.approx(0.2, abs=0.03)
    assert sum(part.windows for part in honest.bins) == 20_000


def test_bins_include_their_upper_bound():
    found = calibration(np.array([0.0, 0.5, 1.0]), np.array([False, True, True]), bins=2)
    assert [part.windows for part in found.bins] == [2, 1]
