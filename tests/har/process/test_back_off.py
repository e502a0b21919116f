"""Pauses between attempts."""

from itertools import pairwise

from hypothesis import example, given
from hypothesis import strategies as st

from har.process.back_off import LONGEST_RETRY_PAUSE_SECONDS, SPREAD, RetriesWhileProgressing


@given(attempts=st.integers(1, 6), progress=st.lists(st.booleans(), max_size=30))
@example(attempts=3, progress=[False, False, True, False, False, False])
def test_a_transfer_fails_after_too_many_attempts_without_progress(attempts, progress):
    retries = RetriesWhileProgressing(attempts, pause=0.1)
    fruitless = 0
    for made_progress in progress:
        fruitless = 0 if made_progress else fruitless + 1
        pause = retries.next_pause(made_progress=made_progress)
        assert (pause is None) == (fruitless >= attempts)
        if pause is None:
            return
        if made_progress:
            assert 0.1 <= pause <= 0.1 * (1 + SPREAD)


def test_pauses_double_without_progress_up_to_the_longest():
    retries = RetriesWhileProgressing(20, pause=1.0)
    pauses = [retries.next_pause(made_progress=False) for _ in range(12)]

    assert all(earlier <= later for earlier, later in pairwise(pauses))
    assert all(2**n <= pause <= 2**n * (1 + SPREAD) for n, pause in enumerate(pauses[:6]))
    assert pauses[-1] == LONGEST_RETRY_PAUSE_SECONDS


def test_a_first_pause_beyond_the_longest_is_respected():
    assert RetriesWhileProgressing(2, pause=90.0).next_pause(made_progress=False) == 90.0
