"""`POST /v1/sensor-logger`: publishes the documents of the Sensor Logger app as batches and labels."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

import msgspec
from aiohttp import web

from har import topics
from har.activity_names import NULL_LABEL
from har.binary_samples import encode_batch
from har.labels import ENDLESS, Label, encode_label
from har.process.clock import now_us
from har.rejections import RejectedMessage
from har.samples import SampleBatch, check_identifier
from ingest.gateway.admission import Admission, Caller
from ingest.gateway.frames import check_sender
from ingest.gateway.label_choices import LabelChoices
from ingest.gateway.metrics import GatewayMetrics
from ingest.gateway.phone_connection import Shared
from ingest.gateway.publisher import KafkaPublisher, OrderedSender, PublishError
from ingest.gateway.rejected_requests import rejection, sends_too_often
from ingest.gateway.request_bodies import read_body
from ingest.gateway.sample_intake import SampleIntake
from ingest.sensor_logger.document import decode_push
from ingest.sensor_logger.push import Push
from ingest.sensor_logger.splitting import batches_of
from ingest.sensor_logger.streams import Readings, SessionReader

log = logging.getLogger(__name__)

PATH = "/v1/sensor-logger"
#: Largest number of sessions with a remembered sign convention; the least recently active one is dropped first.
MAX_SESSIONS = 20_000


class _Document(NamedTuple):
    """A document that was read and checked: its readings, as batches, and its annotations."""

    device: str
    session: str
    readings: Readings
    batches: list[SampleBatch]


class _PushAnswer(msgspec.Struct):
    """The answer to an accepted document. The app shows the wearer no more of it than the status.

    Attributes
    ----------
    readings, batches : int
        Number of readings, and of the batches that they gave.
    device, session : str or None
        Names of the batches; None for a document without readings and annotations.
    sequence : int or None
        Number of the first batch; None if there is none.
    notes : list of str
        How the readings were read, and what was left out.
    """

    readings: int = 0
    batches: int = 0
    device: str | None = None
    session: str | None = None
    sequence: int | None = None
    notes: list[str] = []
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
    choices : LabelChoices
        The activities that each device can be labelled with.
    metrics : GatewayMetrics
        Counts documents, labels and dropped readings.
    """

    def __init__(
        self,
        shared: Shared,
        admission: Admission,
        publisher: KafkaPublisher,
        samples: SampleIntake,
        choices: LabelChoices,
        metrics: GatewayMetrics,
    ) -> None:
        self._shared = shared
        self._admission = admission
        self._publisher = publisher
        self._samples = samples
        self._choices = choices
        self._metrics = metrics
        self._readers: OrderedDict[tuple[str, str], SessionReader] = OrderedDict()

    def routes(self) -> list[web.RouteDef]:
        """Return the route."""
        return [web.post(PATH, self._post)]

    async def _post(self, request: web.Request) -> web.Response:
        caller = self._admission.caller(request)
        settings = self._shared.settings
        sender = caller.sender(request.remote)
        if not self._shared.paces.try_take(sender):
            return sends_too_often()
        if not self._publisher.is_ready:
            return rejection(
                503, "unavailable", "Kafka is not available. Keep your readings and try again.", retry=True
            )
        body = await read_body(request, max_bytes=settings.max_push_bytes, seconds=settings.request_seconds)
        arrived, ordered_sender = now_us(), self._publisher.ordered_sender()
        async with self._room():
            device: str | None = None
            try:
                push = decode_push(body)
                if push.is_empty:
                    return _answer(_PushAnswer(notes=["the document has no readings; nothing was published"]))
                device = caller.device or plain_name(push.device_id)
                document = self._read(push, caller, device, arrived)
            except RejectedMessage as rejected:
                return await self._shared.rejected_documents.answer(
                    body, rejected, device, sender, ordered_sender, arrived
                )
        for _ in document.batches[1:]:
            self._shared.paces.take(sender)  # the first was counted when the request came
        await self._publish(document, caller, ordered_sender, arrived)
        self._metrics.unpaired.inc(document.readings.unpaired)
        first = document.batches[0].sequence if document.batches else None
        return _answer(
            _PushAnswer(
                len(document.readings),
                len(document.batches),
                document.device,
                document.session,
                first,
                document.readings.notes,
            )
        )

    def _read(self, push: Push, caller: Caller, device: str, arrived: int) -> _Document:
        """Return a document's batches. All of them are checked here, so it is accepted or rejected as a whole.

        Raises
        ------
        RejectedMessage
            If any of its batches cannot be accepted.
        """
        session = plain_name(push.session_id)
        check_sender(caller, device)
        readings = self._read_in_convention(push, device, session, caller)
        batches = batches_of(device, session, push.message_id, readings.times, readings.axes)
        for batch in batches:
            self._samples.check(batch, arrived)
        return _Document(device, session, readings, batches)

    def _read_in_convention(self, push: Push, device: str, session: str, caller: Caller) -> Readings:
        key = device, session
        reader = self._readers.get(key)
        if reader is None:
            reader = self._readers[key] = SessionReader(caller.frame)
            if len(self._readers) > MAX_SESSIONS:
                self._readers.popitem(last=False)
        self._readers.move_to_end(key)
        before = reader.caveat
        readings = reader.read(push)
        if reader.caveat is not None and reader.caveat != before:
            # The app shows the wearer no words of an answer with status 200.
            log.warning("%s, recording %s: %s", device, session, reader.caveat)
        return readings

    @asynccontextmanager
    async def _room(self) -> AsyncIterator[None]:
        """Count as a batch that waits for Kafka, within the context."""
        await self._acquire()
        try:
            yield
        finally:
            self._shared.in_flight.release()

    async def _acquire(self) -> None:
        try:
            async with asyncio.timeout(self._shared.settings.delivery_timeout_seconds):
                await self._shared.in_flight.acquire()
        except TimeoutError as error:
            raise PublishError("too many batches are waiting for Kafka") from error

    async def _publish(self, document: _Document, caller: Caller, ordered_sender: OrderedSender, arrived: int) -> None:
        """Publish the batches, then the labels; return once Kafka has confirmed all of them.

        If this fails in between, some batches are in Kafka. The document sent again gives the same ones.
        """
        confirmed = []
        for batch in document.batches:
            await self._acquire()
            pending = self._samples.publish(batch, encode_batch(batch), ordered_sender, arrived)
            pending.confirmed.add_done_callback(self._shared.in_flight.release)
            confirmed.append(pending.confirmed)
        if confirmed:
            # Shielded, so that the end of the request does not cancel publications whose outcome is still counted.
            await asyncio.shield(asyncio.gather(*confirmed))
            self._metrics.pushes.inc()
        for label in _labels(document, caller):
            try:
                await self._choices.admit(label.device, label.activity)
            except RejectedMessage as rejected:  # the readings are accepted all the same
                self._metrics.rejected.labels(rejected.code).inc()
                document.readings.notes.append(f"the annotation {label.activity!r} was ignored: {rejected.detail}")
                log.warning("%s: the annotation %r was ignored: %s", label.device, label.activity, rejected.detail)
                continue
            async with self._room():
                await ordered_sender.publish(
                    topics.LABELS.name, label.device.encode(), encode_label(label), arrived_us=arrived, headers=[]
                )
            self._metrics.labels.inc()
            await self._choices.note(label.device, label.activity)


def _answer(answer: _PushAnswer) -> web.Response:
    return web.json_response(body=msgspec.json.encode(answer))


def _labels(document: _Document, caller: Caller) -> list[Label]:
    """Return the wearer's annotations as labels without an end."""
    return [
        Label(
            document.device,
            document.session,
            annotation.time,
            ENDLESS,
            annotation.activity or NULL_LABEL,
            annotation.time,
            caller.wearer,
        )
        for annotation in document.readings.annotations
        if annotation.unrecognised is None
    ]


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
