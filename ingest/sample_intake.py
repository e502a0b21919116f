"""What the gateway makes of a frame of readings: a batch for Kafka, or a refusal for the dead-letter topic."""

from functools import partial

from har import topics
from har.assembly import GRACE_US
from har.gateway_messages import Accepted
from har.json_samples import decode_json_batch
from har.samples import RejectedBatch, SampleBatch, decode_batch, encode_batch
from har.settings import GatewaySettings
from ingest.frames import Sender, Taken, count_when_done, now_us, refuse
from ingest.gateway_measures import GatewayMeasures
from ingest.live_limits import LiveLimits
from ingest.publisher import Lane


class SampleIntake:
    """Checks batches of readings and publishes them."""

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
        sender: Sender | None = None
        try:
            is_json = isinstance(frame, str)
            batch = decode_json_batch(raw, grace_us=GRACE_US) if is_json else decode_batch(raw)
            sender = Sender(batch.device, batch.session, batch.sequence)
            self._limits.check(batch)
        except RejectedBatch as rejected:
            return refuse(raw, rejected, sender, lane, arrived_us, self._measures)
        message = encode_batch(batch) if is_json else raw
        confirmed = lane.publish(topics.SAMPLES.name, batch.device.encode(), message, arrived_us=arrived_us, headers=[])
        count_when_done(confirmed, partial(self._count_accepted, batch), self._measures)
        return Taken(Accepted(batch.session, batch.sequence), confirmed)

    def _count_accepted(self, batch: SampleBatch) -> None:
        self._measures.accepted.inc()
        self._measures.readings.inc(len(batch))
