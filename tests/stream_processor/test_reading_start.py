import pytest

from har.process.kafka_clients import Partition
from stream_processor.kafka_messages import LogMessage
from stream_processor.reading_start import MOST_TIMES, ReadingStart, Start

NAME = Partition("samples", 0)


class Group:
    """Counts how often it is joined anew."""

    def __init__(self, start: int) -> None:
        self.start = start
        self.joined = 0
        self.reading = ReadingStart(lambda _: Start(self.start), self._join)

    async def _join(self) -> None:
        self.joined += 1

    async def begins(self, generation: int, offset: int) -> bool:
        return await self.reading.accepts(LogMessage(NAME, generation, offset, b"", b"", 0))


async def test_a_gap_that_was_closed_meanwhile_is_a_new_one():
    group = Group(0)
    for generation in range(2, 20, 2):
        assert not await group.begins(generation, 8)
        assert await group.begins(generation + 1, 0)


async def test_the_same_gap_time_and_again_is_kafkas_own():
    group = Group(4)
    assert [await group.begins(generation, 8) for generation in range(MOST_TIMES + 2)] == [False, False, True, True]
    assert group.joined == MOST_TIMES
    group.start = 5
    assert not await group.begins(9, 8)


@pytest.mark.parametrize("offset", [0, 499])
async def test_messages_that_are_done_are_ignored_without_reading_anew(offset):
    group = Group(500)
    assert not await group.begins(1, offset)
    assert await group.begins(1, 500)
    assert not group.joined
