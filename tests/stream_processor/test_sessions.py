from dataclasses import replace

import numpy as np
import pytest

from har.resampling import reach_us
from har.samples import NOTHING_EARLIER, in_order_batch
from har.time_units import MICROSECONDS
from har.windowing import WindowSpec
from stream_processor.sessions import Position, SessionBook
from tests.batches import live_batches


class Partition:
    """A session book with a clock, and another device that advances the partition's time."""

    def __init__(self, *, max_sessions: int = 100) -> None:
        self.now = 0.0
        self.book = SessionBook(
            WindowSpec(),
            grace_us=2_000_000,
            carry_seconds=30,
            forget_seconds=600,
            hold_seconds=120,
            max_sessions=max_sessions,
            clock=lambda: self.now,
        )
        self._others = iter(live_batches(1_300, device="other"))
        self._offset = 10_000

    def wait(self, seconds: int) -> None:
        for _ in range(seconds):
            self.now += 1
            self._offset += 1
            self.book.add(next(self._others), Position(self._offset, 0))


def fill(partition: Partition, batches) -> tuple[list[int], list[int]]:
    windows, finished = [], []
    for offset, batch in enumerate(batches):
        result = partition.book.add(batch, Position(offset, 0))
        windows += [window.start for window in result.windows]
        finished += [position.offset for position in result.finished]
    return windows, finished


def test_held_batches_of_a_silent_session_are_carried_and_copies_replace_them():
    partition, batches = Partition(), live_batches(20)
    _, finished = fill(partition, batches[:10])
    partition.wait(29)
    assert list(partition.book.sweep()) == []
    partition.wait(2)
    (silent,) = partition.book.sweep()
    assert silent.key.device == "phone-1"
    assert silent.result.finished == []
    assert [position.offset for _, position in silent.carried] == list(range(len(finished), 10))
    assert list(partition.book.sweep()) == []
    done = []
    for number, (batch, _) in enumerate(silent.carried):
        done += partition.book.add(batch, Position(500 + number, 0), silent_seconds=31).finished
    assert [position.offset for position in done] == list(range(len(finished), 10))
    partition.wait(20)
    assert list(partition.book.sweep()) == []
    partition.wait(12)  # still silent: copies do not end silence, and are carried when it has doubled
    (again,) = partition.book.sweep()
    assert [position.offset for _, position in again.carried] == [500 + n for n in range(len(silent.carried))]


def test_a_carried_session_continues_without_a_gap():
    partition, batches = Partition(), live_batches(20)
    windows, _ = fill(partition, batches[:10])
    partition.wait(31)
    for silent in partition.book.sweep():
        for number, (batch, _) in enumerate(silent.carried):
            partition.book.add(batch, Position(500 + number, 0), silent_seconds=31)
    after, _ = fill(partition, batches[10:])
    uninterrupted, _ = fill(Partition(), batches)
    assert windows + after == uninterrupted


def test_a_session_that_stays_silent_is_forgotten():
    partition = Partition()
    fill(partition, live_batches(1))
    partition.wait(601)
    (silent,) = partition.book.sweep()
    assert ([position.offset for position in silent.result.finished], silent.carried) == ([0], [])
    assert len(partition.book) == 1  # the other device


def test_no_session_is_silent_while_no_phone_sends():
    partition = Partition()
    batches = live_batches(5)
    fill(partition, batches)
    partition.now += 100_000
    for number, batch in enumerate(batches):  # copies do not advance the partition's time either
        partition.book.add(batch, Position(100 + number, 0), silent_seconds=31)
        partition.now += 4
    assert list(partition.book.sweep()) == []


def test_a_session_known_only_by_copies_keeps_its_silence():
    partition = Partition()
    for number, batch in enumerate(live_batches(5)):
        partition.book.add(batch, Position(number, 0), silent_seconds=500)
    partition.wait(99)
    assert list(partition.book.sweep()) == []
    partition.wait(2)
    (silent,) = partition.book.sweep()
    assert silent.carried == []
    assert silent.result.finished
    assert len(partition.book) == 1  # it is forgotten


def test_a_rejected_batch_does_not_end_silence():
    partition, batches = Partition(), live_batches(60)
    fill(partition, batches[:10])
    for number in range(31):
        partition.wait(1)
        late = replace(batches[10 + number], newest_sent=batches[-1].newest + 3_000_000)
        assert partition.book.add(late, Position(100 + number, 0)).rejected is not None
    assert [silent.key.device for silent in partition.book.sweep()] == ["phone-1"]


def test_a_batch_that_arrives_while_a_session_is_forgotten_is_not_lost():
    partition, (first, second) = Partition(), live_batches(2)
    partition.book.add(first, Position(0, 0))
    partition.wait(601)
    for silent in partition.book.sweep():
        assert [position.offset for position in silent.result.finished] == [0]
        partition.book.add(second, Position(1, 0))
    partition.wait(601)
    (silent,) = partition.book.sweep()
    assert [position.offset for position in silent.result.finished] == [1]


def test_beyond_the_limit_the_longest_silent_session_is_dropped():
    partition = Partition(max_sessions=2)
    for number in range(3):
        partition.now += 1
        partition.book.add(live_batches(1, device=f"phone-{number}")[0], Position(number, 0))
    (silent,) = partition.book.sweep()
    assert silent.key.device == "phone-0"
    assert [position.offset for position in silent.result.finished] == [0]
    assert len(partition.book) == 2


def send(
    book: SessionBook, batches, *, every_seconds: float, begin: int = 0
) -> tuple[list[int], list[tuple[int, str]]]:
    """Add batches at an interval; return the finished offsets, and the rejected ones with their codes."""
    finished, rejected = [], []
    for offset, batch in enumerate(batches, begin):
        result = book.add(batch, Position(offset, round(offset * every_seconds * 1_000_000)))
        finished += [position.offset for position in result.finished]
        if result.rejected is not None:
            rejected.append((offset, result.rejected.code))
    return finished, rejected


def slow_batches(count: int):
    """Batches whose 50 readings span a millisecond of event time."""
    second = live_batches(1)[0].newest // MICROSECONDS * MICROSECONDS
    begin = second - reach_us(WindowSpec().period_us) - 100  # all of it belongs to the window that begins then
    return [
        in_order_batch(
            "slow", "s1", number, begin + number * 1_000 + np.arange(50) * 20, np.zeros((50, 3), np.float32),
            earlier_until=begin + number * 1_000 - 20 if number else NOTHING_EARLIER,
        )
        for number in range(count)
    ]  # fmt: skip


@pytest.mark.parametrize(("every_seconds", "held"), [(1, 120), (4, 30), (20, 24)])
def test_held_batches_are_dropped_if_event_time_hardly_advances(every_seconds, held):
    finished, rejected = send(Partition().book, slow_batches(300), every_seconds=every_seconds)
    length = held + 2
    assert rejected == [(offset, "too_slow") for offset in range(held + 1, 300, length)]
    assert sorted(finished) == list(range(300 // length * length))


def test_where_a_slow_session_is_dropped_does_not_depend_on_a_restart():
    batches = slow_batches(300)
    whole_finished, whole_rejected = send(Partition().book, batches, every_seconds=1)
    for restart in (50, 121, 122, 200):
        finished, rejected = send(Partition().book, batches[:restart], every_seconds=1)
        oldest_unfinished = min(set(range(restart)) - set(finished), default=restart)
        after = send(Partition().book, batches[oldest_unfinished:], every_seconds=1, begin=oldest_unfinished)
        assert sorted({*finished, *after[0]}) == sorted(whole_finished)
        assert sorted({*rejected, *after[1]}) == whole_rejected


def test_a_session_with_a_long_pause_is_not_too_slow():
    partition, batches = Partition(), live_batches(20)
    finished, rejected = send(partition.book, batches[:10], every_seconds=1)
    more, rejected_after = send(partition.book, batches[10:], every_seconds=1, begin=600)
    assert rejected == rejected_after == []
    assert {*range(10)} <= {*finished, *more}
