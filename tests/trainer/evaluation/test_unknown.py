import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.trainer.made_outcomes import answering
from trainer.evaluation.outcomes import join_outcomes
from trainer.evaluation.unknown import choose_threshold, unknown_rates
from trainer.sources.splits import ReservedTestUserError


def right_answers(confidence, person="galaxy_s2/u01"):
    return answering(["sit"] * len(confidence), ["sit"] * len(confidence), confidence, people=person)


@given(st.lists(st.floats(0.375, 1, width=32), min_size=1, max_size=200), st.floats(0, 0.5))
def test_a_threshold_costs_at_most_what_it_may(confidence, cost):
    outcomes = right_answers(confidence)
    choice = choose_threshold(outcomes, cost=cost)
    assert 0 <= choice.threshold < 1
    assert choice.after.known_answered_unknown <= cost
    # The next higher one that the manifest could state costs more, or is the least that every answer reaches.
    higher = choice.threshold + 2e-4
    assert unknown_rates(outcomes, higher).known_answered_unknown > cost or higher >= 1


def test_a_threshold_tells_what_is_no_class_apart_and_says_how_well():
    known = right_answers([0.9] * 98 + [0.4] * 2)
    lying = answering(["null"] * 50, ["sit"] * 50, [0.8] * 40 + [0.95] * 10, people="galaxy_s2/u01")
    choice = choose_threshold(join_outcomes([known, lying]), cost=0.02)
    assert choice.threshold == pytest.approx(0.9, abs=1e-3)
    assert (choice.before.false_activity_rate, choice.after.false_activity_rate) == (1.0, 0.2)
    assert (choice.accuracy_before, choice.accuracy_after) == (1.0, 0.98)


def test_no_placement_pays_for_another():
    sure = right_answers([0.95] * 1_000, "galaxy_s2/u01")
    unsure = right_answers([0.6] * 10, "galaxy_s8/u01")
    choice = choose_threshold(join_outcomes([sure, unsure]), cost=0.02)
    assert choice.threshold <= 0.6
    assert choice.after.known_answered_unknown == 0


def test_a_threshold_is_never_chosen_by_reserved_test_users():
    with pytest.raises(ReservedTestUserError, match="galaxy_s2/u21"):
        choose_threshold(right_answers([0.9, 0.8], "galaxy_s2/u21"))


def test_without_a_right_answer_there_is_nothing_to_choose_by():
    with pytest.raises(ValueError, match="nothing to choose"):
        choose_threshold(answering(["sit"], ["walk"]))


def test_without_windows_of_no_class_the_false_activity_rate_is_not_known():
    choice = choose_threshold(right_answers([0.9] * 10))
    assert choice.after.false_activity_rate is None
    assert np.isfinite(choice.threshold)
