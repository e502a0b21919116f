"""The messages that the processor reads from Kafka and writes to it, independent of a client library."""

from collections.abc import Awaitable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import msgspec

from har import topics
from har.binary_samples import encode_batch
from har.comparisons import Comparison, encode_comparison
from har.predictions import Prediction, encode_prediction
from har.process.kafka_clients import Partition
from har.process.unreadable_batch import UnreadableBatch
from har.rejections import RejectedMessage, Rejection
from har.samples import UNDECODABLE, SampleBatch
from har.session_references import JudgedWindow
from stream_processor.sessions import Position

#: Headers of a carried copy: the original's offset, and how long its session had been silent, s. The first copy of a
#: session brings its judged windows along (`har.session_references.JudgedWindow`).
CARRIED_HEADER = "carried_from"
SILENT_HEADER = "silent_seconds"
JUDGED_HEADER = "judged_windows"
_judged_decoder = msgspec.json.Decoder(list[JudgedWindow])


@dataclass(frozen=True)
class LogMessage:
    """A message read from the log.

    Attributes
    ----------
    partition : Partition
        The partition it was read from.
    generation : int
        The consumer group's generation in which it was read. A new generation reads a partition again from
        the committed offset, so earlier state must be dropped.
    offset : int
        Its offset in the partition; the last one of an unreadable batch.
    key, value : bytes or None
        The record's key and value; the value is an `UnreadableBatch` if it stands for one.
    arrived : int
        When the gateway received it (the record's timestamp), µs since the epoch.
    headers : tuple of (str, bytes)
        The record's headers.
    """

    partition: Partition
    generation: int
    offset: int
    key: bytes | None
    value: bytes | None
    arrived: int
    headers: tuple[tuple[str, bytes], ...] = ()

    @property
    def first_offset(self) -> int:
        """The offset, or the first one of an unreadable batch."""
        return self.value.first if isinstance(self.value, UnreadableBatch) else self.offset

    @property
    def silent_seconds(self) -> float:
        """How long the session had been silent when this copy was written, s; 0 for a device's own message."""
        value = dict(self.headers).get(SILENT_HEADER, b"0")
        return float(value) if value.isdigit() else 0.0

    @property
    def judged_windows(self) -> list[JudgedWindow] | None:
        """The windows that a copy brings along; None if the message is not the first copy of a silent session."""
        if not self.headers:
            return None
        value = dict(self.headers).get(JUDGED_HEADER)
        try:
            return None if value is None else _judged_decoder.decode(value)
        except UNDECODABLE:  # not written by this system
            return None

    def rejection(self, rejected: RejectedMessage, device: str | None) -> Rejection:
        """Return the entry of the dead-letter topic for this message; the device is None if it is not known."""
        origin = f"{self.partition}/{self.offset}"
        return Rejection(self.value or b"", rejected.code, rejected.detail, "processor", device, origin)


class KafkaEvent(Protocol):
    """The part of a Faust event that the processor uses."""

    def ack(self) -> bool:
        """Acknowledge the event."""


@dataclass(frozen=True)
class OutgoingMessage:
    """A message to be written to Kafka.

    Attributes
    ----------
    topic : str
        The topic's name.
    key : bytes or None
        The record's key.
    value : bytes
        The record's value.
    headers : list of (str, bytes)
        The record's headers.
    partition : int or None
        The partition; None to choose it by the key.
    timestamp : int or None
        The record's timestamp, µs since the epoch; None for the current time.
    """

    topic: str
    key: bytes | None
    value: bytes
    headers: list[tuple[str, bytes]] = field(default_factory=list)
    partition: int | None = None
    timestamp: int | None = None


class Publisher(Protocol):
    """Sends a message to Kafka; the returned awaitable completes when the brokers have confirmed it."""

    async def __call__(self, message: OutgoingMessage) -> Awaitable[object]:
        """Hand the message to the producer."""


def prediction_message(prediction: Prediction) -> OutgoingMessage:
    """Return the message that publishes a prediction."""
    return OutgoingMessage(topics.PREDICTIONS.name, prediction.device.encode(), encode_prediction(prediction))


def comparison_message(comparison: Comparison) -> OutgoingMessage:
    """Return the message that publishes a comparison."""
    return OutgoingMessage(topics.COMPARISONS.name, comparison.device.encode(), encode_comparison(comparison))


def rejection_message(rejection: Rejection) -> OutgoingMessage:
    """Return the message for the dead-letter topic."""
    return OutgoingMessage(topics.REJECTED.name, rejection.key, rejection.value, rejection.headers)


def carried_messages(
    partition: Partition,
    carried: Sequence[tuple[SampleBatch, Position]],
    silent_seconds: float,
    judged: Sequence[JudgedWindow],
) -> Iterator[OutgoingMessage]:
    """Yield the copies of a session's held batches, to be written to the end of the same partition.

    Parameters
    ----------
    partition : Partition
        The partition.
    carried : sequence of (SampleBatch, Position)
        The batches with their positions.
    silent_seconds : float
        How long the session has been silent, s.
    judged : sequence of JudgedWindow
        The windows that a worker needs to know which begins with these copies.
    """
    for number, (batch, position) in enumerate(carried):
        headers = [
            (CARRIED_HEADER, str(position.offset).encode()),
            (SILENT_HEADER, str(round(silent_seconds)).encode()),
        ]
        if number == 0:
            headers.append((JUDGED_HEADER, msgspec.json.encode(judged)))
        yield OutgoingMessage(
            partition.topic, batch.device.encode(), encode_batch(batch), headers, partition.number, position.arrived
        )
