import pytest

from deploy.audit.topic_reader import SETTLE_SECONDS, EndOfLog, TopicReader
from har.process.kafka_reading import MissingTopicError


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


ONE, TWO = ("topic", 0), ("topic", 1)


def test_an_end_is_not_known_before_every_partition_was_fetched():
    clock = Clock()
    end = EndOfLog(clock)
    for _ in range(3):
        assert not end.is_reached({ONE: 5, TWO: None}, {ONE: 5, TWO: 0})
        clock.now += 10


def test_messages_after_the_last_fetch_are_read_before_the_end_is_reached():
    clock = Clock()
    end = EndOfLog(clock)
    assert not end.is_reached({ONE: 5}, {ONE: 3})
    assert not end.is_reached({ONE: 5}, {ONE: 5})
    clock.now += SETTLE_SECONDS
    assert not end.is_reached({ONE: 9}, {ONE: 8})
    assert end.is_reached({ONE: 12}, {ONE: 9})  # later messages do not count


def test_a_topic_with_constant_traffic_has_an_end():
    clock = Clock()
    end = EndOfLog(clock)
    for position in range(100):
        if end.is_reached({ONE: position + 1}, {ONE: position}):
            break
        clock.now += SETTLE_SECONDS / 2
    assert position < 10


def test_a_topic_that_does_not_exist_is_named(broker):
    with (
        TopicReader(broker.kafka, "no.such.topic") as reader,
        pytest.raises(MissingTopicError, match="has no topic"),
    ):
        reader.open()
