"""The intake of activity reports: the gateway publishes the predictions of devices that classify their own readings."""

import asyncio
from functools import partial

from har import topics
from har.activity_reports import ActivityReport, decode_report
from har.gateway_messages import Accepted
from har.predictions import encode_prediction
from ingest.gateway.admission import Caller
from ingest.gateway.clock_limits import ClockLimits
from ingest.gateway.frames import PendingFrame, count_when_done, publish_or_reject
from ingest.gateway.metrics import GatewayMetrics
from ingest.gateway.publisher import OrderedSender
from ingest.gateway.settings import GatewaySettings


class ActivityIntake:
    """Checks reports and publishes their predictions."""

    def __init__(self, settings: GatewaySettings, metrics: GatewayMetrics) -> None:
        self._clock_limits = ClockLimits(
            max_ahead_seconds=settings.max_ahead_seconds, max_behind_seconds=settings.max_behind_seconds
        )
        self._metrics = metrics

    def handle(
        self, frame: str | bytes, ordered_sender: OrderedSender, arrived_us: int, caller: Caller
    ) -> PendingFrame:
        """Publish the predictions of a report, or dead-letter it; it is confirmed when Kafka has all predictions."""
        raw = frame.encode() if isinstance(frame, str) else frame
        publish = partial(self._publish, ordered_sender=ordered_sender, arrived_us=arrived_us)
        return publish_or_reject(raw, decode_report, publish, caller, ordered_sender, arrived_us, self._metrics)

    def _publish(self, report: ActivityReport, *, ordered_sender: OrderedSender, arrived_us: int) -> PendingFrame:
        newest, oldest = max(window.end for window in report.windows), min(window.start for window in report.windows)
        self._clock_limits.check(newest, oldest, arrived_us)
        confirmed = asyncio.gather(
            *(
                ordered_sender.publish(
                    topics.PREDICTIONS.name,
                    prediction.device.encode(),
                    encode_prediction(prediction),
                    arrived_us=arrived_us,
                    headers=[],
                )
                for prediction in report.predictions(arrived_us)
            )
        )
        count_when_done(confirmed, partial(self._metrics.reported.inc, len(report.windows)), self._metrics)
        return PendingFrame(Accepted(report.session, report.sequence), confirmed)
