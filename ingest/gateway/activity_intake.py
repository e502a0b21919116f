"""The intake of activity reports: the gateway publishes the predictions of devices that classify their own readings."""

import asyncio
from functools import partial

from har import topics
from har.activity_reports import ActivityReport, decode_report
from har.gateway_messages import Accepted
from har.predictions import encode_prediction
from har.rejections import RejectedMessage
from har.time_units import MICROSECONDS
from ingest.gateway.admission import Caller
from ingest.gateway.frames import FrameOrigin, PendingFrame, check_sender, count_when_done, reject
from ingest.gateway.metrics import GatewayMetrics
from ingest.gateway.publisher import OrderedSender
from ingest.gateway.settings import GatewaySettings


class ActivityIntake:
    """Checks reports and publishes their predictions."""

    def __init__(self, settings: GatewaySettings, metrics: GatewayMetrics) -> None:
        self._max_ahead_us = settings.max_ahead_seconds * MICROSECONDS
        self._max_behind_us = settings.max_behind_seconds * MICROSECONDS
        self._metrics = metrics

    def handle(
        self, frame: str | bytes, ordered_sender: OrderedSender, arrived_us: int, caller: Caller
    ) -> PendingFrame:
        """Publish the predictions of a report, or dead-letter it; it is confirmed when Kafka has all predictions."""
        raw = frame.encode() if isinstance(frame, str) else frame
        origin: FrameOrigin | None = None
        try:
            report = decode_report(raw)
            origin = FrameOrigin(report.device, report.session, report.sequence)
            check_sender(caller, report.device)
            self._check_clock(report, arrived_us)
        except RejectedMessage as rejected:
            return reject(raw, rejected, origin, ordered_sender, arrived_us, self._metrics)
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

    def _check_clock(self, report: ActivityReport, arrived_us: int) -> None:
        if max(window.end for window in report.windows) > arrived_us + self._max_ahead_us:
            raise RejectedMessage("future", "a window is too far ahead of the gateway's clock: set the device's clock")
        if min(window.start for window in report.windows) < arrived_us - self._max_behind_us:
            raise RejectedMessage("past", "a window is too far behind the gateway's clock: set the device's clock")
