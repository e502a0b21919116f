from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.simulation.parameters import ACTIVITIES
from ingest.simulation.schedule import ActivitySchedule


@given(seed=st.integers(0, 2**32), cycles=st.integers(1, 4), segment=st.sampled_from([2.0, 7.3, 12.0, 33.333333]))
def test_a_cycle_gives_every_activity_exactly_equal_time(seed: int, cycles: int, segment: float) -> None:
    schedule = ActivitySchedule(seed, segment)
    edges = np.arange(5 * cycles) * schedule.segment_us
    first, last = schedule.activity_at(edges), schedule.activity_at(edges + schedule.segment_us - 1)
    assert (first == last).all()
    assert Counter(first.tolist()) == dict.fromkeys(ACTIVITIES, cycles)
    assert (first[1:] != first[:-1]).all()


@given(seed=st.integers(0, 2**32), times=st.lists(st.integers(0, 10**10), max_size=30))
def test_the_activity_at_a_time_does_not_depend_on_other_times(seed: int, times: list[int]) -> None:
    schedule = ActivitySchedule(seed)
    together = schedule.activity_at(np.array(times, dtype=np.int64))
    alone = [str(schedule.activity_at(np.array([time]))[0]) for time in times]
    assert together.tolist() == alone


def test_the_order_depends_on_the_seed() -> None:
    orders = {tuple(ActivitySchedule(seed).activity_of_segment(index) for index in range(5)) for seed in range(20)}
    assert len(orders) > 10


@pytest.mark.parametrize("seconds", [0.0, -1.0, 1e6, float("nan")])
def test_impossible_segment_lengths_are_rejected(seconds: float) -> None:
    with pytest.raises(ValueError, match="a segment lasts"):
        ActivitySchedule(0, seconds)


def test_times_before_the_session_are_rejected() -> None:
    with pytest.raises(ValueError, match="before the session"):
        ActivitySchedule(0).activity_at(np.array([-1]))
