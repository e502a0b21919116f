from hypothesis import given
from hypothesis import strategies as st

from har.process.kafka_clients import Partition
from har.process.unreadable_batch import UnreadableBatch
from stream_processor.done_ahead import HELD_US, MOST_DEVICES, NOTHING, DoneAhead, Received
from stream_processor.kafka_messages import LogMessage


class Event:
    def ack(self) -> bool:
        return True


def received(key: bytes | None, arrived: int, first_offset: int = 0) -> Received:
    return Received(Event(), key, arrived, first_offset)


def message(offset: int, key: bytes | None) -> LogMessage:
    return LogMessage(Partition("samples", 0), 1, offset, key, b"", 0)


@given(st.integers(0, 2**62), st.frozensets(st.binary(min_size=6, max_size=6), max_size=MOST_DEVICES))
def test_a_note_is_read_as_it_was_written_and_fits_into_a_commit(until, devices):
    done = DoneAhead(until, devices)
    assert DoneAhead.decode(done.encode()) == done
    assert len(done.encode()) + 40 <= 4_096  # with the topic's identity


@given(st.text())
def test_any_other_text_says_that_nothing_is_done(text):
    assert text.startswith("done:") or DoneAhead.decode(text) == NOTHING


def test_only_devices_that_hold_old_messages_are_left_out():
    unfinished = [(3, received(b"silent", 0)), (4, received(b"silent", 1)), (90, received(b"active", HELD_US))]
    done = DoneAhead.of(unfinished, 100, HELD_US + 1)
    assert done.until == 90
    assert not done.covers(message(4, b"silent"))
    assert not done.covers(message(50, b"silent"))  # its later messages may need those it holds
    assert done.covers(message(50, b"active"))
    assert done.covers(message(50, None))
    assert not done.covers(message(90, b"active"))


def test_everything_is_done_if_only_old_messages_are_held():
    done = DoneAhead.of([(3, received(b"silent", 0))], 100, HELD_US)
    assert done.covers(message(99, b"active"))
    assert not done.covers(message(100, b"active"))


def test_more_devices_than_fit_limit_what_is_noted():
    unfinished = [(offset, received(b"device-%d" % offset, 0)) for offset in range(MOST_DEVICES + 10)]
    done = DoneAhead.of(unfinished, 10_000, HELD_US)
    assert done.until == MOST_DEVICES
    assert len(done.devices) == MOST_DEVICES


def test_an_unreadable_batch_is_reported_again_and_what_it_may_hide_is_read():
    unfinished = [(3, received(b"silent", 0)), (19, received(None, 0, first_offset=10))]
    done = DoneAhead.of(unfinished, 100, HELD_US)
    assert done.until == 10
    batch = UnreadableBatch(memoryview(b""), 5, 9, "its checksum is wrong")
    assert not done.covers(LogMessage(Partition("samples", 0), 1, 9, None, batch, 0))


def test_a_note_that_was_cut_off_says_that_nothing_is_done():
    assert DoneAhead.decode(DoneAhead(7, frozenset({b"123456"})).encode()[:-4]).until == 0
