"""Labels over HTTP: from a phone, in the time of its clock, or from the dashboard, for the current moment.

The activity of each label is published in its canonical form (`har.activity_names`).
"""

from dataclasses import replace
from typing import Annotated

import msgspec
from aiohttp import web

from har import topics
from har.activity_names import accepted_activity
from har.labels import ENDLESS, Label, decode_label, encode_label
from har.process.clock import now_us
from har.rejections import RejectedMessage
from har.samples import MAX_TIME_US, MIN_TIME_US, check_identifier
from har.time_units import MICROSECONDS
from ingest.gateway.admission import Admission, Caller
from ingest.gateway.clocks import DeviceClock, DeviceClocks
from ingest.gateway.frames import check_sender
from ingest.gateway.label_choices import LabelChoices
from ingest.gateway.label_conflicts import LabelConflicts
from ingest.gateway.metrics import GatewayMetrics
from ingest.gateway.phone_connection import Shared
from ingest.gateway.publisher import KafkaPublisher
from ingest.gateway.rejected_requests import rejection, sends_too_often
from ingest.gateway.request_bodies import MAX_DOCUMENT_BYTES, read_body, read_document

#: A device without a batch for longer than this cannot be labelled for the current moment, µs.
LONGEST_SILENCE_US = 60 * MICROSECONDS


class _LabelNow(msgspec.Struct, forbid_unknown_fields=True):
    """A label that begins now or, with a session and a start, one that ends now."""

    device: Annotated[str, msgspec.Meta(max_length=64)]
    activity: str
    session: str | None = None
    start: int | None = None


class LabelRoutes:
    """The routes below ``/v1/labels``. They answer once Kafka has confirmed the label.

    Parameters
    ----------
    shared : Shared
        The limits that all connections share.
    admission : Admission
        Identifies callers: a device may label itself, the operator any device.
    publisher : KafkaPublisher
        Publishes labels to Kafka.
    clocks : DeviceClocks
        The clock offset of each device.
    choices : LabelChoices
        The activities that each device can be labelled with.
    metrics : GatewayMetrics
        Counts labels.
    """

    def __init__(
        self,
        shared: Shared,
        admission: Admission,
        publisher: KafkaPublisher,
        clocks: DeviceClocks,
        choices: LabelChoices,
        metrics: GatewayMetrics,
    ) -> None:
        self._shared = shared
        self._admission = admission
        self._publisher = publisher
        self._clocks = clocks
        self._choices = choices
        self._conflicts = LabelConflicts()
        self._metrics = metrics

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [
            web.post("/v1/labels", self._post),
            web.post("/v1/labels/now", self._post_now),
            web.get("/v1/labels/activities", self._activities),
        ]

    async def _activities(self, request: web.Request) -> web.Response:
        caller = self._admission.caller(request)
        device = request.query.get("device", caller.device or "")
        check_identifier("device", device)
        check_sender(caller, device)
        if not self._shared.paces.try_take(device):
            return sends_too_often()
        return web.json_response(
            body=msgspec.json.encode(await self._choices.of(device)), headers={"Cache-Control": "no-store"}
        )

    async def _post(self, request: web.Request) -> web.Response:
        caller = self._admission.caller(request)
        body = await read_body(request, max_bytes=MAX_DOCUMENT_BYTES, seconds=self._shared.settings.request_seconds)
        arrived, device = now_us(), None
        try:
            label = decode_label(body)
            check_identifier("device", label.device)
            device = label.device
            return await self._publish(label, caller)
        except RejectedMessage as rejected:
            return await self._shared.rejected_documents.answer(
                body, rejected, device, caller.sender(request.remote), self._publisher.ordered_sender(), arrived
            )

    async def _post_now(self, request: web.Request) -> web.Response:
        caller = self._admission.caller(request)
        document = await read_document(request, _LabelNow, seconds=self._shared.settings.request_seconds)
        now = now_us()
        clock = self._clocks.of(document.device)
        if clock is None or now - clock.last_arrival > LONGEST_SILENCE_US:
            return rejection(
                409, "silent", f"{document.device} sends nothing to this gateway, so the time of its clock is unknown"
            )
        return await self._publish(_label(document, clock, now), caller)

    async def _publish(self, label: Label, caller: Caller) -> web.Response:
        check_sender(caller, label.device)
        if label.user is None and caller.wearer is not None:
            label = replace(label, user=caller.wearer)
        label = checked_label(label)
        if not self._shared.paces.try_take(label.device):
            return sends_too_often()
        await self._choices.admit(label.device, label.activity)
        self._conflicts.check(label)
        message = encode_label(label)
        await self._publisher.ordered_sender().publish(
            topics.LABELS.name, label.device.encode(), message, arrived_us=now_us(), headers=[]
        )
        self._metrics.labels.inc()
        if label.end > label.start:
            await self._choices.note(label.device, label.activity)
        return web.json_response(body=b'{"type":"accepted","label":' + message + b"}")


def checked_label(label: Label) -> Label:
    """Check a label's identifiers, activity, times and user; return it with its activity in canonical form.

    Raises
    ------
    RejectedMessage
        With code ``device``, ``session``, ``activity``, ``time`` or ``malformed``.
    """
    check_identifier("device", label.device)
    check_identifier("session", label.session)
    activity = accepted_activity(label.activity)
    for moment in (label.start, label.said_at, *(() if label.end == ENDLESS else (label.end,))):
        if not MIN_TIME_US <= moment <= MAX_TIME_US:
            raise RejectedMessage("time", f"{moment} is not a time in microseconds since the epoch (2001 to 2100)")
    if label.user is not None and not 0 < len(label.user) <= 64:
        raise RejectedMessage("malformed", "the name of a user must have 1 to 64 characters")
    return replace(label, activity=activity)


def _label(document: _LabelNow, clock: DeviceClock, now: int) -> Label:
    moment = clock.event_time(now)
    if document.start is None:
        return Label(document.device, clock.session, moment, ENDLESS, document.activity, moment)
    # The label that ends may belong to an earlier session.
    return Label(
        document.device,
        document.session or clock.session,
        document.start,
        max(document.start, moment),
        document.activity,
        max(document.start + 1, moment),  # later than the statement of the open label, even if the clock was corrected
    )
