"""The intake of readings: the gateway publishes each batch, or dead-letters it."""

from functools import partial

from har import topics
from har.assembly import GRACE_US
from har.binary_samples import decode_batch, encode_batch
from har.gateway_messages import Accepted
from har.json_samples import decode_json_batch
from har.rejections import RejectedMessage
from har.samples import SampleBatch
from ingest.gateway.admission import Caller
from ingest.gateway.clock_limits import ClockLimits
from ingest.gateway.clocks import DeviceClocks
from ingest.gateway.frames import PendingFrame, count_when_done, publish_or_reject
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
    metrics : GatewayMetrics
        Counts accepted and rejected batches.
    clocks : DeviceClocks
        Records the offset of each device's clock.
    """

    def __init__(self, settings: GatewaySettings, metrics: GatewayMetrics, clocks: DeviceClocks) -> None:
        self._clock_limits = ClockLimits(
            max_ahead_seconds=settings.max_ahead_seconds, max_behind_seconds=settings.max_behind_seconds
        )
        self._session_limits = LiveSessionLimits()
        self._gravity = GravityCheck()
        self._clocks = clocks
        self._metrics = metrics

    def handle(
        self, frame: str | bytes, ordered_sender: OrderedSender, arrived_us: int, caller: Caller
    ) -> PendingFrame:
        """Publish a frame as a batch, or dead-letter it.

        Parameters
        ----------
        frame : str or bytes
            A batch as JSON text, or as bytes of `har.binary_samples.encode_batch`.
        arrived_us : int
            When the frame arrived, µs since the epoch.
        caller : Caller
            Who sent the frame.
        """
        raw = frame.encode() if isinstance(frame, str) else frame
        is_json = isinstance(frame, str)

        def publish(batch: SampleBatch) -> PendingFrame:
            if batch.numbers != 1:
                raise RejectedMessage("sequence", "a device's batch takes up one sequence number")
            self.check(batch, arrived_us)
            return self.publish(batch, encode_batch(batch) if is_json else raw, ordered_sender, arrived_us)

        decode = partial(decode_json_batch, grace_us=GRACE_US) if is_json else decode_batch
        return publish_or_reject(raw, decode, publish, caller, ordered_sender, arrived_us, self._metrics)

    def check(self, batch: SampleBatch, arrived_us: int) -> None:
        """Check a batch against the clock, its session and gravity; record the offset of its device's clock.

        Raises
        ------
        RejectedMessage
            With the codes of `ClockLimits.check`, `LiveSessionLimits.check` and `GravityCheck.check`.
        """
        self._clock_limits.check(max(batch.newest, batch.newest_sent), int(batch.times.min()), arrived_us)
        self._session_limits.check(batch)
        self._gravity.check(batch)
        self._clocks.note(batch.device, batch.session, newest=batch.newest, arrived=arrived_us)

    def publish(
        self, batch: SampleBatch, message: bytes, ordered_sender: OrderedSender, arrived_us: int
    ) -> PendingFrame:
        """Publish a checked batch.

        Parameters
        ----------
        batch : SampleBatch
            The batch.
        message : bytes
            The same batch, encoded.
        arrived_us : int
            When the batch arrived, µs since the epoch.
        """
        confirmed = ordered_sender.publish(
            topics.SAMPLES.name, batch.device.encode(), message, arrived_us=arrived_us, headers=[]
        )
        count_when_done(confirmed, partial(self._count_accepted, batch), self._metrics)
        return PendingFrame(Accepted(batch.session, batch.sequence), confirmed, batch.device)

    def _count_accepted(self, batch: SampleBatch) -> None:
        self._metrics.accepted.inc()
        self._metrics.readings.inc(len(batch))
