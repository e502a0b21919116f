"""`POST /v1/sensor-logger`: publishes the documents of the Sensor Logger app as batches and labels."""

import asyncio
from collections import OrderedDict
from typing import NamedTuple

import msgspec
from aiohttp import web

from har import topics
from har.assembly import GRACE_US
from har.binary_samples import encode_batch
from har.json_samples import cautious_earlier_until
from har.labels import ENDLESS, Label, encode_label
from har.process.clock import now_us
from har.recordings import NULL_LABEL
from har.rejections import RejectedMessage
from har.samples import MAX_MESSAGE_BYTES, MAX_READINGS, SampleBatch, check_identifier, checked_batch
from ingest.gateway.admission import Admission, Caller
from ingest.gateway.frames import PendingFrame, check_sender
from ingest.gateway.metrics import GatewayMetrics
from ingest.gateway.phone_connection import Shared
from ingest.gateway.publisher import KafkaPublisher, OrderedSender, PublishError
from ingest.gateway.rejected_requests import rejection, sends_too_often
from ingest.gateway.request_bodies import read_body
from ingest.gateway.sample_intake import SampleIntake
from ingest.sensor_logger.document import decode_push
from ingest.sensor_logger.push import Push
from ingest.sensor_logger.streams import Readings, SessionReader

#: Largest number of sessions with a remembered sign convention; the least recently active one is dropped first.
MAX_SESSIONS = 20_000


class _Origin(NamedTuple):
    """The device, session and sequence number of a document, as on the batch that is made of it."""

    device: str
    session: str
    sequence: int


class _PushAnswer(msgspec.Struct):
    """The answer to the app, which shows it to the wearer."""

    readings: int
    device: str
    session: str
    sequence: int
    notes: list[str]
    type: str = "accepted"


class SensorLoggerRoute:
    """The route ``/v1/sensor-logger``.

    Parameters
    ----------
    shared : Shared
        The limits that all connections share.
    admission : Admission
        Identifies callers.
    publisher : KafkaPublisher
        Publishes messages to Kafka.
    samples : SampleIntake
        Checks and publishes batches.
    metrics : GatewayMetrics
        Counts documents, labels and dropped readings.
    """

    def __init__(
        self,
        shared: Shared,
        admission: Admission,
        publisher: KafkaPublisher,
        samples: SampleIntake,
        metrics: GatewayMetrics,
    ) -> None:
        self._shared = shared
        self._admission = admission
        self._publisher = publisher
        self._samples = samples
        self._metrics = metrics
        self._readers: OrderedDict[tuple[str, str], SessionReader] = OrderedDict()

    def routes(self) -> list[web.RouteDef]:
        """Return the route."""
        return [web.post("/v1/sensor-logger", self._post)]

    async def _post(self, request: web.Request) -> web.Response:
        caller = self._admission.caller(request)
        settings = self._shared.settings
        if not self._shared.paces.try_take(caller.sender(request.remote)):
            return sends_too_often()
        if not self._publisher.is_ready:
            return rejection(
                503, "unavailable", "Kafka is not available. Keep your readings and try again.", retry=True
            )
        body = await read_body(request, max_bytes=settings.max_push_bytes, seconds=settings.request_seconds)
        arrived, ordered_sender = now_us(), self._publisher.ordered_sender()
        try:
            async with asyncio.timeout(settings.delivery_timeout_seconds):
                await self._shared.in_flight.acquire()
        except TimeoutError as error:
            raise PublishError("too many batches are waiting for Kafka") from error
        try:
            return await self._publish(body, caller, caller.sender(request.remote), ordered_sender, arrived)
        finally:
            self._shared.in_flight.release()

    async def _publish(
        self, body: bytes, caller: Caller, sender: str, ordered_sender: OrderedSender, arrived: int
    ) -> web.Response:
        device: str | None = None
        try:
            push = decode_push(body)
            device = caller.device or plain_name(push.device_id)
            session = plain_name(push.session_id)
            origin = _Origin(device, session, push.message_id)
            check_sender(caller, device)
            readings = self._read(push, caller, device, session)
            pending = self._batch(readings, origin, ordered_sender, arrived)
        except RejectedMessage as rejected:
            return await self._shared.rejected_documents.answer(body, rejected, device, sender, ordered_sender, arrived)
        if pending is not None:
            await pending.confirmed
            self._metrics.pushes.inc()
        await self._label(readings, origin, caller, ordered_sender, arrived)
        self._metrics.unpaired.inc(readings.unpaired)
        count = len(readings.times)
        answer = _PushAnswer(count, device, session, push.message_id, readings.notes)
        return web.json_response(body=msgspec.json.encode(answer))

    def _read(self, push: Push, caller: Caller, device: str, session: str) -> Readings:
        key = device, session
        reader = self._readers.get(key)
        if reader is None:
            reader = self._readers[key] = SessionReader(caller.frame)
            if len(self._readers) > MAX_SESSIONS:
                self._readers.popitem(last=False)
        self._readers.move_to_end(key)
        return reader.read(push)

    def _batch(
        self, readings: Readings, origin: _Origin, ordered_sender: OrderedSender, arrived: int
    ) -> PendingFrame | None:
        """Publish the readings as one batch of the session; return None if there are no readings."""
        count = len(readings.times)
        if not count:
            return None
        if count > MAX_READINGS:
            raise RejectedMessage(
                "oversized", f"{count} readings in one document; the limit is {MAX_READINGS}: push more often"
            )
        newest = int(readings.times.max())
        batch = checked_batch(
            SampleBatch(
                origin.device,
                origin.session,
                origin.sequence,
                readings.times,
                readings.axes,
                0,
                cautious_earlier_until(origin.sequence, newest, GRACE_US),
                newest - GRACE_US,
            )
        )
        self._samples.check(batch, arrived)
        message = encode_batch(batch)
        if len(message) > MAX_MESSAGE_BYTES:
            raise RejectedMessage("oversized", f"{len(message)} bytes as a batch; the limit is {MAX_MESSAGE_BYTES}")
        return self._samples.publish(batch, message, ordered_sender, arrived)

    async def _label(
        self, readings: Readings, origin: _Origin, caller: Caller, ordered_sender: OrderedSender, arrived: int
    ) -> None:
        """Publish the wearer's annotations as labels without an end."""
        for annotation in readings.annotations:
            if annotation.unrecognised is not None:
                continue
            label = Label(
                origin.device,
                origin.session,
                annotation.time,
                ENDLESS,
                annotation.activity or NULL_LABEL,
                annotation.time,
                caller.wearer,
            )
            await ordered_sender.publish(
                topics.LABELS.name, origin.device.encode(), encode_label(label), arrived_us=arrived, headers=[]
            )
            self._metrics.labels.inc()


def plain_name(name: str) -> str:
    """Return an identifier of the app with its invalid characters replaced or removed.

    Raises
    ------
    RejectedMessage
        If no valid identifier is left.

    Examples
    --------
    >>> plain_name("A1B2 (3)")
    'A1B2--3-'
    """
    plain = "".join(letter if letter.isascii() and (letter.isalnum() or letter in "._-") else "-" for letter in name)
    plain = plain.lstrip("._-")[:64]
    check_identifier("device", plain)
    return plain
