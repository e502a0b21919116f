"""What the gateway makes of a device's report of activities: predictions that say that a device made them."""

import asyncio
from functools import partial

from har import topics
from har.activity_reports import ActivityReport, decode_report
from har.gateway_messages import Accepted
from har.predictions import encode_prediction
from har.samples import RejectedBatch
from har.windows import MICROSECONDS
from ingest.gateway.admission import Caller
from ingest.gateway.frames import Sender, Taken, check_sender, count_when_done, reject
from ingest.gateway.metrics import GatewayMetrics
from ingest.gateway.publisher import OrderedSender
from ingest.gateway.settings import GatewaySettings


class ActivityIntake:
    """Checks reports and publishes what they say."""

    def __init__(self, settings: GatewaySettings, measures: GatewayMetrics) -> None:
        self._max_ahead_us = settings.max_ahead_seconds * MICROSECONDS
        self._max_behind_us = settings.max_behind_seconds * MICROSECONDS
        self._measures = measures

    def take(self, frame: str | bytes, lane: OrderedSender, arrived_us: int, caller: Caller) -> Taken:
        """Publish a report's windows, or the report as rejected; it is confirmed when Kafka has all of them."""
        raw = frame.encode() if isinstance(frame, str) else frame
        sender: Sender | None = None
        try:
            report = decode_report(raw)
            sender = Sender(report.device, report.session, report.sequence)
            check_sender(caller, report.device)
            self._check_clock(report, arrived_us)
        except RejectedBatch as rejected:
            return reject(raw, rejected, sender, lane, arrived_us, self._measures)
        confirmed = asyncio.gather(
            *(
                lane.publish(
                    topics.PREDICTIONS.name,
                    prediction.device.encode(),
                    encode_prediction(prediction),
                    arrived_us=arrived_us,
                    headers=[],
                )
                for prediction in report.predictions(arrived_us)
            )
        )
        count_when_done(confirmed, partial(self._measures.reported.inc, len(report.windows)), self._measures)
        return Taken(Accepted(report.session, report.sequence), confirmed)

    def _check_clock(self, report: ActivityReport, arrived_us: int) -> None:
        if max(window.end for window in report.windows) > arrived_us + self._max_ahead_us:
            raise RejectedBatch("future", "a window is ahead of the gateway's clock: set the device's clock")
        if min(window.start for window in report.windows) < arrived_us - self._max_behind_us:
            raise RejectedBatch("past", "a window is too far behind the gateway's clock: set the device's clock")
