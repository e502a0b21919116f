import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from har.decisions import NO_THRESHOLDS, Thresholds
from tests.trainer.made_outcomes import predicted_outcomes
from trainer.evaluation.outcomes import Outcomes, join_outcomes
from trainer.evaluation.unknown import choose_threshold, unknown_rates
from trainer.splits import ReservedTestUserError


def right_answers(confidence, person="galaxy_s2/u01"):
    return predicted_outcomes(["sit"] * len(confidence), ["sit"] * len(confidence), confidence, people=person)


@given(st.lists(st.floats(0.375, 1, width=32), min_size=1, max_size=200), st.floats(0, 0.5))
def test_a_threshold_costs_at_most_the_given_share(confidence, cost):
    outcomes = right_answers(confidence)
    choice = choose_threshold(outcomes, cost=cost)
    assert 0 <= choice.threshold < 1
    assert choice.after.known_predicted_unknown <= cost
    # The next higher value that a manifest can contain costs more, or exceeds every probability.
    higher = choice.threshold + 2e-4
    assert unknown_rates(outcomes, Thresholds(higher)).known_predicted_unknown > cost or higher >= 1


def test_a_threshold_lowers_the_false_activity_rate_and_reports_it():
    known = right_answers([0.9] * 98 + [0.4] * 2)
    outside = predicted_outcomes(["jump"] * 50, ["sit"] * 50, [0.8] * 40 + [0.95] * 10, people="galaxy_s2/u01")
    choice = choose_threshold(join_outcomes([known, outside]), cost=0.02)
    assert choice.threshold == pytest.approx(0.9, abs=1e-3)
    assert (choice.before.false_activity_rate, choice.after.false_activity_rate) == (1.0, 0.2)
    assert (choice.accuracy_before, choice.accuracy_after) == (1.0, 0.98)


def test_the_cost_holds_for_each_placement():
    sure = right_answers([0.95] * 1_000, "galaxy_s2/u01")
    unsure = right_answers([0.6] * 10, "galaxy_s8/u01")
    choice = choose_threshold(join_outcomes([sure, unsure]), cost=0.02)
    assert choice.threshold <= 0.6
    assert choice.after.known_predicted_unknown == 0


def test_reserved_test_users_cannot_choose_a_threshold():
    with pytest.raises(ReservedTestUserError, match="galaxy_s2/u21"):
        choose_threshold(right_answers([0.9, 0.8], "galaxy_s2/u21"))


def test_without_a_correct_prediction_there_is_no_threshold():
    with pytest.raises(ValueError, match="cannot choose a threshold"):
        choose_threshold(predicted_outcomes(["sit"], ["walk"]))


def test_simulated_windows_count_apart_from_recorded_ones():
    recorded = predicted_outcomes(["jump"] * 10, ["sit"] * 10, [0.9] * 10, people="galaxy_s2/u01")
    simulated = predicted_outcomes(["jump"] * 10, ["sit"] * 10, [0.9] * 5 + [0.4] * 5, people="simulated/s001")
    rates = unknown_rates(join_outcomes([recorded, simulated]), Thresholds(0.5))
    assert rates.by_label == {"jump": 1.0, "jump (simulated)": 0.5}
    assert rates.outside_windows == 20


def test_unlabelled_windows_say_nothing_about_false_activities():
    outcomes = predicted_outcomes(["null", "sit"], ["walk", "sit"], people="galaxy_s2/u01")
    found = unknown_rates(outcomes, NO_THRESHOLDS)
    assert (found.false_activity_rate, found.by_label, found.outside_windows) == (None, {}, 0)


def with_background(shares, truth, named="table"):
    """Outcomes of a network with the classes sit and walk and two kinds, of one window for each share of background."""
    rows = np.array([[(1 - share) * 0.75, (1 - share) * 0.25, share, 0.0] for share in shares], np.float32)
    if named == "vehicle":
        rows = rows[:, [0, 1, 3, 2]]
    labels = ("sit", "walk", "table", "vehicle")
    people = np.full(len(rows), "galaxy_s2/u01")
    truths = np.array([labels.index(label) for label in truth], np.int64)
    return Outcomes(labels, truths, rows, people, people, kinds=2)


def test_the_background_threshold_is_the_strictest_that_costs_the_given_share():
    known = with_background([n / 200 for n in range(100)], ["sit"] * 100)
    tables = with_background([0.7] * 6 + [0.3] * 4, ["table"] * 10)
    vehicles = with_background([0.9] * 10, ["vehicle"] * 10)
    choice = choose_threshold(join_outcomes([known, tables, vehicles]), cost=0.03)
    assert choice.threshold == 0
    assert choice.after.known_predicted_unknown == 0.03
    assert choice.largest_background == pytest.approx(0.48)
    assert choice.after.by_label == {"table": 0.4, "vehicle": 0.0}
    assert choice.after.kinds_named == {"table": 0.6, "vehicle": 0.0}  # the vehicles are named tables
    assert choice.before.false_activity_rate == 1.0


def test_kinds_are_counted_as_the_chosen_thresholds_name_them():
    known = with_background([n / 1000 for n in range(100)], ["sit"] * 100)
    outcomes = join_outcomes([known, with_background([0.3] * 10, ["table"] * 10)])
    choice = choose_threshold(outcomes, cost=0.03)
    assert choice.thresholds.kind == choice.largest_background == pytest.approx(0.096, abs=1e-3)
    assert choice.after == unknown_rates(outcomes, choice.thresholds)
    assert choice.after.kinds_named == {"table": 1.0}


@given(st.lists(st.floats(0, 1, width=32), min_size=1, max_size=100), st.floats(0, 0.5))
def test_a_background_threshold_costs_at_most_the_given_share(shares, cost):
    outcomes = with_background(shares, ["sit"] * len(shares))
    choice = choose_threshold(outcomes, cost=cost)
    assert 0 <= choice.largest_background <= 1
    assert choice.after.known_predicted_unknown <= cost + 1e-9


def test_without_windows_outside_the_classes_there_is_no_false_activity_rate():
    choice = choose_threshold(right_answers([0.9] * 10))
    assert choice.after.false_activity_rate is None
    assert np.isfinite(choice.threshold)
