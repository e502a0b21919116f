"""What becomes of any frame that a gateway takes: it is on its way to Kafka, as what it is or as rejected."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from har import topics
from har.gateway_messages import Answer, Rejected
from har.rejections import Rejection
from har.samples import RejectedBatch
from ingest.gateway.admission import Caller
from ingest.gateway.metrics import GatewayMetrics
from ingest.gateway.publisher import OrderedSender


def now_us() -> int:
    """Return the time in µs since the epoch."""
    return time.time_ns() // 1000


@dataclass(frozen=True, slots=True)
class Taken:
    """A frame that is on its way to Kafka.

    Attributes
    ----------
    answer : Answer
        What its sender is told once Kafka has it.
    confirmed : Future
        Done when Kafka has it; fails with `ingest.gateway.publisher.PublishError`.
    device : str or None
        Whose readings they are, if they are readings and were not rejected.
    """

    answer: Answer
    confirmed: "asyncio.Future[Any]"
    device: str | None = None


class Intake(Protocol):
    """Takes the frames of one kind of connection."""

    def take(self, frame: str | bytes, lane: OrderedSender, arrived_us: int, caller: Caller) -> Taken:
        """Publish a frame of `caller` that arrived at `arrived_us` (µs since the epoch), or its rejection."""


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sent a frame, as far as it could be read."""

    device: str
    session: str
    sequence: int


def check_sender(caller: Caller, device: str) -> None:
    """Reject what a device sends as another one.

    Raises
    ------
    RejectedBatch
        With code ``not_yours``.
    """
    if caller.device is not None and caller.device != device:
        raise RejectedBatch("not_yours", f"this is {caller.device}'s token, and it cannot send as {device}")


def reject(
    frame: bytes,
    rejected: RejectedBatch,
    sender: Sender | None,
    lane: OrderedSender,
    arrived_us: int,
    measures: GatewayMetrics,
) -> Taken:
    """Publish a frame to the dead-letter topic, as it came and with the reason."""
    rejection = Rejection(frame, rejected.code, rejected.detail, "gateway", sender.device if sender else None)
    confirmed = lane.publish(
        topics.REJECTED.name, rejection.key, rejection.value, arrived_us=arrived_us, headers=rejection.headers
    )
    count_when_done(confirmed, measures.rejected.labels(rejected.code).inc, measures)
    session, sequence = (sender.session, sender.sequence) if sender else (None, None)
    return Taken(Rejected(rejected.code, rejected.detail, session, sequence), confirmed)


def count_when_done(
    confirmed: "asyncio.Future[Any]", count_taken: Callable[[], None], measures: GatewayMetrics
) -> None:
    """Count a frame once Kafka has it, or has failed to take it."""

    def count(finished: "asyncio.Future[Any]") -> None:
        if finished.exception() is None:
            count_taken()
        else:
            measures.failed.inc()

    confirmed.add_done_callback(count)
