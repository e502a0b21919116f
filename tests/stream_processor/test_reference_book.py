"""What a worker keeps of sessions' references: each window is judged by the one before it, and memory is bounded."""

import numpy as np

from har.predictions import Prediction
from har.session_references import LONGEST_PAUSE_US, reference_after
from stream_processor.reference_book import CLOCK_MARGIN_US, ReferenceBook
from stream_processor.sessions import SessionKey
from tests.batches import live_batches
from tests.model_store.walking_network import WalkingNetwork

SECOND = 1_000_000
BEGIN = 1_763_900_000 * SECOND
KEY = SessionKey("phone-1", "s1")
BATCHES = live_batches(40, end_us=BEGIN + 40 * SECOND)
MANIFEST = WalkingNetwork().manifest
WALKING = np.array([0.02, 0.02, 0.92, 0.02, 0.02], np.float32)


def book(**more) -> ReferenceBook:
    return ReferenceBook(4 * SECOND, **{"max_sessions": 100} | more)


def judge(kept: ReferenceBook, second: int, key: SessionKey = KEY) -> Prediction:
    """Judge a window of walking, in which the phone turns slowly."""
    values = np.full((200, 3), (0.1 * second, 0, 9.8), np.float32)
    start = BEGIN + second * SECOND
    alone = Prediction.of_window(MANIFEST, key.device, key.session, start, WALKING, start + 4 * SECOND)
    return kept.judge(key, alone, MANIFEST, values)


def test_a_window_that_is_judged_again_is_judged_by_the_window_before_it():
    kept = book()
    kept.receive(KEY, BATCHES[0], BEGIN)
    made = [judge(kept, second) for second in range(10)]
    assert made[4].lean is not None
    assert [judge(kept, second) for second in range(4, 8)] == made[4:8]
    once = book()
    once.receive(KEY, BATCHES[0], BEGIN)
    assert judge(kept, 10) == [judge(once, second) for second in range(11)][-1]


def test_what_a_next_worker_needs_begins_with_the_window_before_its_first():
    kept = book()
    kept.receive(KEY, BATCHES[0], BEGIN)
    made = [judge(kept, second) for second in range(30)]
    needed = kept.needed_for(KEY, BATCHES[25:30])
    assert [window.start for window in needed] == [BEGIN + second * SECOND for second in range(24, 30)]
    following = book()
    following.receive(KEY, BATCHES[25], BEGIN, needed)
    assert following.is_known(KEY)
    assert judge(following, 25) == made[25]
    assert reference_after(judge(following, 30)) == reference_after(judge(kept, 30))


def test_few_windows_of_a_session_are_kept():
    kept = book()
    for second in range(40):
        kept.receive(KEY, BATCHES[second], BEGIN + second * SECOND)
        judge(kept, second)
    assert len(kept.needed_for(KEY, BATCHES[:1])) <= 13


def test_a_session_is_looked_up_only_if_it_had_begun_before():
    kept, anew = book(), book(begins_anew=True)
    beginning, later = BATCHES[0], BATCHES[7]
    kept.receive(KEY, beginning, BEGIN)
    assert kept.is_known(KEY)
    assert kept.earliest is None
    other = SessionKey("phone-2", "s1")
    kept.receive(other, later, BEGIN + 7 * SECOND)
    kept.receive(other, later, BEGIN + 6 * SECOND)
    assert not kept.is_known(other)
    assert kept.earliest == BEGIN + 6 * SECOND
    kept.learn(other, [])
    assert kept.is_known(other)
    anew.receive(other, later, BEGIN)
    assert anew.is_known(other)


def test_sessions_that_cannot_continue_are_forgotten():
    kept, held = book(), SessionKey("held", "s1")
    for key in (held, KEY):
        kept.receive(key, BATCHES[0], BEGIN)
    latest = BEGIN + LONGEST_PAUSE_US + CLOCK_MARGIN_US
    assert kept.forget(latest, held.__eq__) == 0
    assert len(kept) == 2
    assert kept.forget(latest + 1, held.__eq__) == 0
    assert len(kept) == 1
    assert kept.is_known(held)


def test_too_many_sessions_are_dropped_the_oldest_first_and_counted():
    kept = book(max_sessions=2)
    keys = [SessionKey(f"phone-{number}", "s1") for number in range(5)]
    for number, key in enumerate(keys):
        kept.receive(key, BATCHES[0], BEGIN + number)
    assert kept.forget(BEGIN + 5, keys[0].__eq__) == 3
    assert [key for key in keys if kept.is_known(key)] == [keys[0], keys[4]]
    assert judge(kept, 1, keys[2]).lean is None  # and it begins anew
