"""Reading of topics to their end, with a reader that returns records poll by poll."""

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Protocol

from har.process.kafka_clients import KafkaRecord, Partition

#: Time without progress before the end after which Kafka counts as gone, s.
STALLED_SECONDS = 30.0


class MissingTopicError(LookupError):
    """A topic does not exist in Kafka. The message states what to do."""

    def __init__(self, topic: str) -> None:
        super().__init__(f"Kafka has no topic {topic}; `har topics` creates it")


class PolledReader(Protocol):
    """A reader that returns records poll by poll."""

    @property
    def positions(self) -> Mapping[Partition, int]:
        """The next offset to read of each partition."""

    def poll(self) -> list[KafkaRecord]:
        """Return the next records; none after a short wait without messages."""


def read_until(
    reader: PolledReader, is_reached: Callable[[], bool], *, clock: Callable[[], float] = time.monotonic
) -> Iterator[list[KafkaRecord]]:
    """Yield the records of each poll until the end is reached.

    Parameters
    ----------
    reader : PolledReader
        Reads the records.
    is_reached : callable
        Returns whether the end is reached; called before each poll.
    clock : callable
        Returns seconds.

    Raises
    ------
    TimeoutError
        If no position advances for `STALLED_SECONDS` before the end.
    """
    progress_at = clock()
    while not is_reached():
        before = dict(reader.positions)
        yield reader.poll()
        if reader.positions != before:
            progress_at = clock()
        elif clock() - progress_at > STALLED_SECONDS:
            names = ", ".join(sorted({partition.topic for partition in before}))
            raise TimeoutError(
                f"Kafka sent no message of {names} for {STALLED_SECONDS:g} s before the end: is it running?"
            )
