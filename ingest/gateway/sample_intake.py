"""What the gateway makes of a frame of readings: a batch for Kafka, or a rejection for the dead-letter topic."""

from functools import partial

from har import topics
from har.assembly import GRACE_US
from har.gateway_messages import Accepted
from har.json_samples import decode_json_batch
from har.samples import RejectedBatch, SampleBatch, decode_batch, encode_batch
from ingest.gateway.admission import Caller
from ingest.gateway.clocks import DeviceClocks
from ingest.gateway.frames import Sender, Taken, check_sender, count_when_done, now_us, reject
from ingest.gateway.gravity import GravityCheck
from ingest.gateway.live_limits import LiveSessionLimits
from ingest.gateway.metrics import GatewayMetrics
from ingest.gateway.publisher import OrderedSender
from ingest.gateway.settings import GatewaySettings


class SampleIntake:
    """Checks batches of readings and publishes them.

    Parameters
    ----------
    settings : GatewaySettings
        Limits.
    measures : GatewayMetrics
        Where they are counted.
    clocks : DeviceClocks
        Where each device's clock is noted.
    """

    def __init__(self, settings: GatewaySettings, measures: GatewayMetrics, clocks: DeviceClocks) -> None:
        self._limits = LiveSessionLimits(
            max_ahead_seconds=settings.max_ahead_seconds,
            max_behind_seconds=settings.max_behind_seconds,
            clock_us=now_us,
        )
        self._gravity = GravityCheck()
        self._clocks = clocks
        self._measures = measures

    def take(self, frame: str | bytes, lane: OrderedSender, arrived_us: int, caller: Caller) -> Taken:
        """Publish a frame, as the batch that it is or as rejected.

        Parameters
        ----------
        frame : str or bytes
            A batch as JSON, or as `har.samples.encode_batch` packs it.
        arrived_us : int
            When it came, µs since the epoch.
        caller : Caller
            Who sent it.
        """
        raw = frame.encode() if isinstance(frame, str) else frame
        sender: Sender | None = None
        try:
            is_json = isinstance(frame, str)
            batch = decode_json_batch(raw, grace_us=GRACE_US) if is_json else decode_batch(raw)
            sender = Sender(batch.device, batch.session, batch.sequence)
            check_sender(caller, batch.device)
            self.check(batch, arrived_us)
        except RejectedBatch as rejected:
            return reject(raw, rejected, sender, lane, arrived_us, self._measures)
        return self.publish(batch, encode_batch(batch) if is_json else raw, lane, arrived_us)

    def check(self, batch: SampleBatch, arrived_us: int) -> None:
        """Check a batch against the clock, its session so far, and gravity; note its device's clock.

        Raises
        ------
        RejectedBatch
            With the codes of `LiveSessionLimits.check` and `GravityCheck.check`.
        """
        self._limits.check(batch)
        self._gravity.check(batch)
        self._clocks.note(batch.device, batch.session, newest=batch.newest, arrived=arrived_us)

    def publish(self, batch: SampleBatch, message: bytes, lane: OrderedSender, arrived_us: int) -> Taken:
        """Publish a batch that was checked."""
        confirmed = lane.publish(topics.SAMPLES.name, batch.device.encode(), message, arrived_us=arrived_us, headers=[])
        count_when_done(confirmed, partial(self._count_accepted, batch), self._measures)
        return Taken(Accepted(batch.session, batch.sequence), confirmed, batch.device)

    def _count_accepted(self, batch: SampleBatch) -> None:
        self._measures.accepted.inc()
        self._measures.readings.inc(len(batch))
