"""Reading to the end of a topic, or until Kafka has been silent for too long."""

import pytest

from har.process.kafka_clients import Partition
from har.process.kafka_reading import STALLED_SECONDS, read_until

PARTITION = Partition("samples", 0)


class Reader:
    """Advances by one offset in each poll that is listed, and counts ten seconds for every poll."""

    def __init__(self, *advancing: bool) -> None:
        self.positions = {PARTITION: 0}
        self.now = 0.0
        self._advancing = list(advancing)

    def poll(self) -> list:
        self.now += 10.0
        self.positions[PARTITION] += bool(self._advancing and self._advancing.pop(0))
        return []

    def clock(self) -> float:
        return self.now


def test_reading_ends_at_the_end_although_there_were_pauses():
    reader = Reader(True, False, False, True, False, False, True)
    polls = list(read_until(reader, lambda: reader.positions[PARTITION] == 3, clock=reader.clock))
    assert len(polls) == 7


def test_nothing_is_polled_if_the_end_is_reached_already():
    assert list(read_until(Reader(), lambda: True)) == []


def test_silence_before_the_end_is_an_error():
    reader = Reader(True)
    with pytest.raises(TimeoutError, match="no message of samples for 30 s before the end"):
        list(read_until(reader, lambda: False, clock=reader.clock))
    assert reader.now == 10.0 + STALLED_SECONDS + 10.0
