"""What the gateway makes of a frame: a batch for Kafka, or a refusal for the dead-letter topic."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from har import topics
from har.assembly import GRACE_US
from har.json_samples import decode_json_batch
from har.refusals import Refusal
from har.samples import RejectedBatch, SampleBatch, decode_batch, encode_batch
from har.settings import GatewaySettings
from ingest.gateway_measures import GatewayMeasures
from ingest.live_limits import LiveLimits
from ingest.messages import Accepted, Answer, Refused
from ingest.publisher import Lane


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
        Done when Kafka has it; fails with `ingest.publisher.PublishError`.
    """

    answer: Answer
    confirmed: "asyncio.Future[None]"


class Intake:
    """Checks frames and publishes them."""

    def __init__(self, settings: GatewaySettings, measures: GatewayMeasures) -> None:
        self._limits = LiveLimits(
            max_ahead_seconds=settings.max_ahead_seconds,
            max_behind_seconds=settings.max_behind_seconds,
            clock_us=now_us,
        )
        self._measures = measures

    def take(self, frame: str | bytes, lane: Lane, arrived_us: int) -> Taken:
        """Publish a frame, as the batch that it is or as refused.

        Parameters
        ----------
        frame : str or bytes
            A batch as JSON, or as `har.samples.encode_batch` packs it.
        arrived_us : int
            When it came, µs since the epoch.
        """
        raw = frame.encode() if isinstance(frame, str) else frame
        batch: SampleBatch | None = None
        try:
            is_json = isinstance(frame, str)
            batch = decode_json_batch(raw, grace_us=GRACE_US) if is_json else decode_batch(raw)
            self._limits.check(batch)
        except RejectedBatch as rejected:
            return self._refuse(raw, rejected, batch, lane, arrived_us)
        message = encode_batch(batch) if is_json else raw
        key = batch.device.encode()
        confirmed = lane.publish(topics.SAMPLES.name, key, message, arrived_us=arrived_us, headers=[])
        self._when_done(confirmed, partial(self._count_accepted, len(batch)))
        return Taken(Accepted(batch.session, batch.sequence), confirmed)

    def _refuse(
        self, raw: bytes, rejected: RejectedBatch, batch: SampleBatch | None, lane: Lane, arrived_us: int
    ) -> Taken:
        refusal = Refusal(raw, rejected.code, rejected.detail, "gateway", batch.device if batch else None)
        confirmed = lane.publish(
            topics.REFUSED.name, refusal.key, refusal.value, arrived_us=arrived_us, headers=refusal.headers
        )
        self._when_done(confirmed, self._measures.refused.labels(rejected.code).inc)
        session, sequence = (batch.session, batch.sequence) if batch else (None, None)
        return Taken(Refused(rejected.code, rejected.detail, session, sequence), confirmed)

    def _count_accepted(self, readings: int) -> None:
        self._measures.accepted.inc()
        self._measures.readings.inc(readings)

    def _when_done(self, confirmed: "asyncio.Future[None]", count_taken: Callable[[], None]) -> None:
        def count(finished: "asyncio.Future[None]") -> None:
            if finished.exception() is None:
                count_taken()
            else:
                self._measures.failed.inc()

        confirmed.add_done_callback(count)
