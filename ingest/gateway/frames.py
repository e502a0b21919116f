"""The common part of all intakes: each frame goes to Kafka, either to its topic or to the dead-letter topic."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from har import topics
from har.gateway_messages import Answer, Rejected
from har.rejections import RejectedMessage, Rejection
from ingest.gateway.admission import Caller
from ingest.gateway.metrics import GatewayMetrics
from ingest.gateway.publisher import OrderedSender


@dataclass(frozen=True, slots=True)
class PendingFrame:
    """A frame that was handed to Kafka, as accepted or as rejected.

    Attributes
    ----------
    answer : Answer
        The answer to send once Kafka has confirmed the frame.
    confirmed : Future
        Completes when Kafka has the frame; fails with `ingest.gateway.publisher.PublishError`.
    device : str or None
        The device, if the frame is an accepted batch of readings; otherwise None.
    """

    answer: Answer
    confirmed: "asyncio.Future[Any]"
    device: str | None = None


class Intake(Protocol):
    """Checks and publishes the frames of one kind of connection."""

    def handle(
        self, frame: str | bytes, ordered_sender: OrderedSender, arrived_us: int, caller: Caller
    ) -> PendingFrame:
        """Publish a frame of `caller` that arrived at `arrived_us` (µs since the epoch), or dead-letter it."""


class _SequencedMessage(Protocol):
    """A decoded frame: a message that has a sequence number within its session."""

    @property
    def device(self) -> str: ...

    @property
    def session(self) -> str: ...

    @property
    def sequence(self) -> int: ...


SequencedMessage = TypeVar("SequencedMessage", bound=_SequencedMessage)


def check_sender(caller: Caller, device: str) -> None:
    """Check that a caller may send as a device.

    Raises
    ------
    RejectedMessage
        With code ``not_yours`` if the caller's token belongs to another device.
    """
    if caller.device is not None and caller.device != device:
        raise RejectedMessage("not_yours", f"this token belongs to {caller.device} and cannot send as {device}")


def publish_or_reject(
    frame: bytes,
    decode: Callable[[bytes], SequencedMessage],
    publish: Callable[[SequencedMessage], PendingFrame],
    caller: Caller,
    ordered_sender: OrderedSender,
    arrived_us: int,
    metrics: GatewayMetrics,
) -> PendingFrame:
    """Decode a frame, check its sender and publish it; dead-letter it if any of this raises `RejectedMessage`.

    Parameters
    ----------
    decode : callable
        Decodes the frame.
    publish : callable
        Checks the decoded message and publishes it.
    caller : Caller
        Who sent the frame.
    arrived_us : int
        When the frame arrived, µs since the epoch.
    """
    message: SequencedMessage | None = None
    try:
        message = decode(frame)
        check_sender(caller, message.device)
        return publish(message)
    except RejectedMessage as rejected:
        device = None if message is None else message.device
        answer = Rejected(rejected.code, rejected.detail)
        if message is not None:
            answer = Rejected(rejected.code, rejected.detail, message.session, message.sequence)
        return PendingFrame(answer, dead_letter(frame, rejected, device, ordered_sender, arrived_us, metrics))


def dead_letter(
    message: bytes,
    rejected: RejectedMessage,
    device: str | None,
    ordered_sender: OrderedSender,
    arrived_us: int,
    metrics: GatewayMetrics,
) -> "asyncio.Future[None]":
    """Publish a message to the dead-letter topic, unchanged and with the reason; count it when Kafka has it.

    Parameters
    ----------
    device : str or None
        The device that the message names; None if it could not be decoded.
    arrived_us : int
        When the message arrived, µs since the epoch.
    """
    rejection = Rejection(message, rejected.code, rejected.detail, "gateway", device)
    confirmed = ordered_sender.publish(
        topics.REJECTED.name, rejection.key, rejection.value, arrived_us=arrived_us, headers=rejection.headers
    )
    count_when_done(confirmed, metrics.rejected.labels(rejected.code).inc, metrics)
    return confirmed


def count_when_done(
    confirmed: "asyncio.Future[Any]", count_success: Callable[[], None], metrics: GatewayMetrics
) -> None:
    """Count a frame once Kafka has confirmed it or the publication has failed."""

    def count(finished: "asyncio.Future[Any]") -> None:
        if not finished.cancelled() and finished.exception() is None:
            count_success()
        else:
            metrics.failed.inc()

    confirmed.add_done_callback(count)
