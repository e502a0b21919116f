"""What the processor reads from Kafka and writes to it, free of any client library."""

from collections.abc import Awaitable
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from har import topics
from har.comparisons import Comparison, encode_comparison
from har.predictions import Prediction, encode_prediction
from har.rejections import Rejection
from har.samples import SampleBatch, encode_batch
from stream_processor.sessions import Position

#: Headers of a copy: the offset it had, and how long its session has been silent, s.
CARRIED_HEADER = "carried_from"
SILENT_HEADER = "silent_seconds"


class PartitionName(NamedTuple):
    """A partition of a topic."""

    topic: str
    number: int

    def __str__(self) -> str:
        return f"{self.topic}/{self.number}"


@dataclass(frozen=True)
class LogMessage:
    """A message as the log gives it.

    Attributes
    ----------
    partition : PartitionName
        Which partition.
    generation : int
        The consumer group's generation in which it was read. A new generation reads a partition again from
        the committed offset, so state from before would be wrong.
    offset : int
        Its offset in the partition.
    key, value : bytes or None
        As they lie in Kafka.
    arrived : int
        When the gateway received it (the record's time), µs since the epoch.
    headers : tuple of (str, bytes)
        Its headers.
    """

    partition: PartitionName
    generation: int
    offset: int
    key: bytes | None
    value: bytes | None
    arrived: int
    headers: tuple[tuple[str, bytes], ...] = ()

    @property
    def silent_seconds(self) -> float:
        """How long the session had been silent when this copy was written; 0 for what a phone sent."""
        said = dict(self.headers).get(SILENT_HEADER, b"0")
        return float(said) if said.isdigit() else 0.0


class KafkaEvent(Protocol):
    """What this module needs of a Faust event."""

    def ack(self) -> bool:
        """Acknowledge the event."""


@dataclass(frozen=True)
class OutgoingMessage:
    """A message for Kafka.

    Attributes
    ----------
    topic : str
        Where to.
    key, value : bytes or None
        Its contents.
    headers : list of (str, bytes)
        Its headers.
    partition : int or None
        Which partition; by its key if None.
    timestamp : int or None
        The record's time, µs since the epoch; now if None.
    """

    topic: str
    key: bytes | None
    value: bytes
    headers: list[tuple[str, bytes]] = field(default_factory=list)
    partition: int | None = None
    timestamp: int | None = None


class Publisher(Protocol):
    """Sends a message to Kafka; the awaitable it gives is done when the brokers have confirmed it."""

    async def __call__(self, message: OutgoingMessage) -> Awaitable[object]:
        """Hand the message to the producer."""


def prediction_message(prediction: Prediction) -> OutgoingMessage:
    """Return what is published of a prediction."""
    return OutgoingMessage(topics.PREDICTIONS.name, prediction.device.encode(), encode_prediction(prediction))


def comparison_message(comparison: Comparison) -> OutgoingMessage:
    """Return what is published of a comparison."""
    return OutgoingMessage(topics.COMPARISONS.name, comparison.device.encode(), encode_comparison(comparison))


def rejection_message(rejection: Rejection) -> OutgoingMessage:
    """Return what is kept of a rejected message."""
    return OutgoingMessage(topics.REJECTED.name, rejection.key, rejection.value, rejection.headers)


def carried_message(
    partition: PartitionName, batch: SampleBatch, position: Position, silent_seconds: float
) -> OutgoingMessage:
    """Return a batch as it lies in the log, to be written to the end of the same partition."""
    return OutgoingMessage(
        partition.topic,
        batch.device.encode(),
        encode_batch(batch),
        [
            (CARRIED_HEADER, str(position.offset).encode()),
            (SILENT_HEADER, str(round(silent_seconds)).encode()),
        ],
        partition.number,
        position.arrived,
    )
