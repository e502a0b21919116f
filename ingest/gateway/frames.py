"""The common part of all intakes: each frame goes to Kafka, either to its topic or to the dead-letter topic."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

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


@dataclass(frozen=True, slots=True)
class FrameOrigin:
    """The device, session and sequence number of a frame that could be decoded."""

    device: str
    session: str
    sequence: int


def check_sender(caller: Caller, device: str) -> None:
    """Check that a caller may send as a device.

    Raises
    ------
    RejectedMessage
        With code ``not_yours`` if the caller's token belongs to another device.
    """
    if caller.device is not None and caller.device != device:
        raise RejectedMessage("not_yours", f"this token belongs to {caller.device} and cannot send as {device}")


def reject(
    frame: bytes,
    rejected: RejectedMessage,
    origin: FrameOrigin | None,
    ordered_sender: OrderedSender,
    arrived_us: int,
    metrics: GatewayMetrics,
) -> PendingFrame:
    """Publish a frame to the dead-letter topic, unchanged and with the reason.

    Parameters
    ----------
    origin : FrameOrigin or None
        None if the frame could not be decoded.
    arrived_us : int
        When the frame arrived, µs since the epoch.
    """
    rejection = Rejection(frame, rejected.code, rejected.detail, "gateway", origin.device if origin else None)
    confirmed = ordered_sender.publish(
        topics.REJECTED.name, rejection.key, rejection.value, arrived_us=arrived_us, headers=rejection.headers
    )
    count_when_done(confirmed, metrics.rejected.labels(rejected.code).inc, metrics)
    session, sequence = (origin.session, origin.sequence) if origin else (None, None)
    return PendingFrame(Rejected(rejected.code, rejected.detail, session, sequence), confirmed)


def count_when_done(
    confirmed: "asyncio.Future[Any]", count_success: Callable[[], None], metrics: GatewayMetrics
) -> None:
    """Count a frame once Kafka has confirmed it or the publication has failed."""

    def count(finished: "asyncio.Future[Any]") -> None:
        if finished.exception() is None:
            count_success()
        else:
            metrics.failed.inc()

    confirmed.add_done_callback(count)
