"""`POST /v1/sensor-logger`: what the Sensor Logger app pushes while it records, as batches and labels in Kafka."""

import asyncio
from collections import OrderedDict

import msgspec
from aiohttp import web

from har import topics
from har.assembly import GRACE_US
from har.gateway_messages import Rejected
from har.json_samples import careful_earlier
from har.labels import ENDLESS, Label, encode_label
from har.recordings import NULL_LABEL
from har.samples import (
    MAX_MESSAGE_BYTES,
    MAX_READINGS,
    RejectedBatch,
    SampleBatch,
    check_identifier,
    checked_batch,
    encode_batch,
)
from ingest.gateway.admission import Admission, Caller
from ingest.gateway.frames import Sender, Taken, check_sender, now_us, reject
from ingest.gateway.metrics import GatewayMetrics
from ingest.gateway.phone_connection import Shared
from ingest.gateway.publisher import KafkaPublisher, OrderedSender, PublishError
from ingest.gateway.rejected_requests import rejection, sends_too_often
from ingest.gateway.request_bodies import read_body
from ingest.gateway.sample_intake import SampleIntake
from ingest.sensor_logger.document import Push, decode_push
from ingest.sensor_logger.streams import Readings, SessionReader

#: Sessions whose way of reading is remembered; the one silent for longest is forgotten first, and decided anew.
MAX_SESSIONS = 20_000


class _PushAnswer(msgspec.Struct):
    """What the app is told; it shows it where it shows the server's answers."""

    readings: int
    device: str
    session: str
    sequence: int
    notes: list[str]
    type: str = "accepted"


class SensorLoggerRoute:
    """The route.

    Parameters
    ----------
    shared : Shared
        What all ways into the gateway have in common.
    admission : Admission
        Who may send.
    publisher : KafkaPublisher
        Where batches go.
    samples : SampleIntake
        What checks them.
    measures : GatewayMetrics
        Where they are counted.
    """

    def __init__(
        self,
        shared: Shared,
        admission: Admission,
        publisher: KafkaPublisher,
        samples: SampleIntake,
        measures: GatewayMetrics,
    ) -> None:
        self._shared = shared
        self._admission = admission
        self._publisher = publisher
        self._samples = samples
        self._measures = measures
        self._readers: OrderedDict[tuple[str, str], SessionReader] = OrderedDict()

    def routes(self) -> list[web.RouteDef]:
        """Return the route."""
        return [web.post("/v1/sensor-logger", self._take)]

    async def _take(self, request: web.Request) -> web.Response:
        caller = self._admission.caller(request)
        settings = self._shared.settings
        if not self._shared.paces.try_take(caller.device or f"@{request.remote}"):
            return sends_too_often()
        if not self._publisher.is_ready:
            return rejection(503, "unavailable", "Kafka is away; keep your readings and try again", retry=True)
        body = await read_body(request, max_bytes=settings.max_push_bytes, seconds=settings.request_seconds)
        arrived, lane = now_us(), self._publisher.lane()
        try:
            async with asyncio.timeout(settings.delivery_timeout_seconds):
                await self._shared.room.enter()
        except TimeoutError as error:
            raise PublishError("too many batches wait for Kafka") from error
        try:
            return await self._publish(body, caller, lane, arrived)
        finally:
            self._shared.room.leave()

    async def _publish(self, body: bytes, caller: Caller, lane: OrderedSender, arrived: int) -> web.Response:
        sender: Sender | None = None
        try:
            push = decode_push(body)
            device = caller.device or plain_name(push.device_id)
            session = plain_name(push.session_id)
            sender = Sender(device, session, push.message_id)
            check_sender(caller, device)
            readings = self._read(push, caller, device, session)
            taken = self._batch(readings, sender, lane, arrived)
        except RejectedBatch as rejected:
            return await self._reject(body, rejected, sender, lane, arrived)
        if taken is not None:
            await taken.confirmed
            self._measures.pushes.inc()
        await self._label(readings, sender, caller, lane, arrived)
        self._measures.unpaired.inc(readings.unpaired)
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

    def _batch(self, readings: Readings, sender: Sender, lane: OrderedSender, arrived: int) -> Taken | None:
        """Publish the readings as the session's batch of this number; None if there are none."""
        count = len(readings.times)
        if not count:
            return None
        if count > MAX_READINGS:
            raise RejectedBatch("oversized", f"{count} readings at once; the limit is {MAX_READINGS}: push more often")
        newest = int(readings.times.max())
        batch = checked_batch(
            SampleBatch(
                sender.device,
                sender.session,
                sender.sequence,
                readings.times,
                readings.axes,
                0,
                careful_earlier(sender.sequence, newest, GRACE_US),
                newest - GRACE_US,
            )
        )
        self._samples.check(batch, arrived)
        message = encode_batch(batch)
        if len(message) > MAX_MESSAGE_BYTES:
            raise RejectedBatch("oversized", f"{len(message)} bytes as a batch; the limit is {MAX_MESSAGE_BYTES}")
        return self._samples.publish(batch, message, lane, arrived)

    async def _reject(
        self, body: bytes, rejected: RejectedBatch, sender: Sender | None, lane: OrderedSender, arrived: int
    ) -> web.Response:
        taken = reject(body, rejected, sender, lane, arrived, self._measures)
        await taken.confirmed
        assert isinstance(taken.answer, Rejected)
        self._shared.rejection_log.note(sender.device if sender else "?", len(body), taken.answer)
        return rejection(400, rejected.code, rejected.detail)

    async def _label(
        self, readings: Readings, sender: Sender, caller: Caller, lane: OrderedSender, arrived: int
    ) -> None:
        """Publish what the wearer typed, as what goes on from then."""
        for annotation in readings.annotations:
            if annotation.unrecognised is not None:
                continue
            said = Label(
                sender.device,
                sender.session,
                annotation.time,
                ENDLESS,
                annotation.activity or NULL_LABEL,
                annotation.time,
                caller.wearer,
            )
            await lane.publish(
                topics.LABELS.name, sender.device.encode(), encode_label(said), arrived_us=arrived, headers=[]
            )
            self._measures.labels.inc()


def plain_name(name: str) -> str:
    """Return an identifier of the app's as one of ours.

    Raises
    ------
    RejectedBatch
        If it cannot be one.

    Examples
    --------
    >>> plain_name("A1B2 (3)")
    'A1B2--3-'
    """
    made = "".join(letter if letter.isascii() and (letter.isalnum() or letter in "._-") else "-" for letter in name)
    made = made.lstrip("._-")[:64]
    check_identifier("device", made)
    return made
