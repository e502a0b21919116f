import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from har.scoring import scores
from trainer.gate.bootstrap import expanded_share, macro_f1, paired_difference


@given(st.lists(st.integers(0, 20), min_size=12, max_size=12))
def test_macro_f1_of_many_matrices_matches_the_score_of_one(counts):
    confusion = np.array(counts, np.int64).reshape(3, 4)
    found = float(macro_f1(confusion[None])[0])
    if not confusion.sum():
        assert found == 0
    else:
        assert found == pytest.approx(scores(confusion, ["sit", "walk", "stairsup"]).macro_f1)


@pytest.mark.parametrize(("users", "student"), [(3, -2.920), (5, -2.132), (8, -1.895), (20, -1.729), (100, -1.660)])
def test_the_quantile_is_expanded_by_students_t_of_the_printed_tables(users, student):
    expanded = NormalDist().cdf(math.sqrt(users / (users - 1)) * student)
    assert expanded_share(0.05, users) == pytest.approx(expanded, rel=5e-3)


def confusions(rng, skills):
    right = rng.binomial(50, skills)
    return np.stack([np.stack([[n, 50 - n], [50 - m, m]]) for n, m in right]).astype(np.int64)


def test_the_same_network_is_no_better_than_itself():
    same = confusions(np.random.default_rng(0), np.full((6, 2), 0.8))
    found = paired_difference(same, same)
    assert (found.difference, found.lower_bound) == (0.0, 0.0)


def test_a_network_better_for_everybody_passes_and_the_bound_is_repeatable():
    rng = np.random.default_rng(0)
    old, new = confusions(rng, np.full((8, 2), 0.7)), confusions(rng, np.full((8, 2), 0.9))
    found = paired_difference(new, old, seed=3)
    assert 0 < found.lower_bound < found.difference
    assert found == paired_difference(new, old, seed=3)


def test_an_extreme_quantile_takes_more_resamples_or_their_minimum():
    rng = np.random.default_rng(0)
    old, new = confusions(rng, np.full((8, 2), 0.7)), confusions(rng, np.full((8, 2), 0.9))
    found = [paired_difference(new, old, resamples=1_000, confidence=1 - 0.05 / attempts) for attempts in (1, 5, 30)]
    assert [each.is_least for each in found] == [False, False, True]
    assert found[0].resamples == 1_000 < found[1].resamples
    assert found[0].lower_bound > found[1].lower_bound > found[2].lower_bound
    alone = [float((macro_f1(first[None]) - macro_f1(second[None]))[0]) for first, second in zip(new, old, strict=True)]
    assert found[2].lower_bound <= min(alone)
    with pytest.raises(ValueError, match="confidence must be between"):
        paired_difference(new, old, confidence=1.0)


def test_a_gain_for_one_user_does_not_pass():
    old = confusions(np.random.default_rng(0), np.full((8, 2), 0.8))
    new = old.copy()
    new[0] = [[50, 0], [0, 50]]
    found = paired_difference(new, old)
    assert found.difference > 0 >= found.lower_bound


def test_both_networks_need_the_same_two_or_more_users():
    one = np.ones((1, 2, 2), np.int64)
    with pytest.raises(ValueError, match="at least two"):
        paired_difference(one, one)
    with pytest.raises(ValueError, match="same users"):
        paired_difference(one, np.ones((2, 2, 2), np.int64))
