"""What wearers say that they do: from the phone in its own time, from the dashboard in the gateway's."""

import re
from dataclasses import replace
from typing import Annotated

import msgspec
from aiohttp import web

from har import topics
from har.labels import ENDLESS, Label, decode_label, encode_label
from har.recordings import NULL_LABEL, RecordingError
from har.samples import MAX_TIME_US, MIN_TIME_US, RejectedBatch, check_identifier
from har.windows import MICROSECONDS
from ingest.gateway.admission import Admission, Caller
from ingest.gateway.clocks import DeviceClock, DeviceClocks
from ingest.gateway.frames import check_sender, now_us
from ingest.gateway.metrics import GatewayMetrics
from ingest.gateway.pacing import Paces
from ingest.gateway.publisher import KafkaPublisher
from ingest.gateway.rejected_requests import rejection, sends_too_often
from ingest.gateway.request_bodies import MAX_DOCUMENT_BYTES, read_body, read_document
from ingest.gateway.settings import GatewaySettings

#: A device whose newest batch is older than this does nothing that could be labelled now, µs.
LONGEST_SILENCE_US = 60 * MICROSECONDS
_ACTIVITY = re.compile(r"[a-z][a-z0-9_-]{0,31}")


class _Now(msgspec.Struct, forbid_unknown_fields=True):
    """A device does something from now on; or, with a session and a start, until now."""

    device: Annotated[str, msgspec.Meta(max_length=64)]
    activity: str
    session: str | None = None
    start: int | None = None


class LabelRoutes:
    """The routes below ``/v1/labels``; what they answer is confirmed by Kafka.

    Parameters
    ----------
    settings : GatewaySettings
        Limits.
    admission : Admission
        Who may label what: a device itself, the operator all.
    publisher : KafkaPublisher
        Where labels go.
    clocks : DeviceClocks
        Each device's time.
    paces : Paces
        How often.
    measures : GatewayMetrics
        Where they are counted.
    """

    def __init__(
        self,
        settings: GatewaySettings,
        admission: Admission,
        publisher: KafkaPublisher,
        clocks: DeviceClocks,
        paces: Paces,
        measures: GatewayMetrics,
    ) -> None:
        self._settings = settings
        self._admission = admission
        self._publisher = publisher
        self._clocks = clocks
        self._paces = paces
        self._measures = measures

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [web.post("/v1/labels", self._take), web.post("/v1/labels/now", self._take_now)]

    async def _take(self, request: web.Request) -> web.Response:
        caller = self._admission.caller(request)
        body = await read_body(request, max_bytes=MAX_DOCUMENT_BYTES, seconds=self._settings.request_seconds)
        try:
            said = decode_label(body)
        except RecordingError as error:
            raise RejectedBatch("malformed", str(error)) from error
        return await self._publish(said, caller)

    async def _take_now(self, request: web.Request) -> web.Response:
        caller = self._admission.caller(request)
        asked = await read_document(request, _Now, seconds=self._settings.request_seconds)
        now = now_us()
        clock = self._clocks.of(asked.device)
        if clock is None or now - clock.heard > LONGEST_SILENCE_US:
            return rejection(
                409, "silent", f"{asked.device} sends nothing to this gateway now, so nobody knows its time"
            )
        return await self._publish(_label(asked, clock, now), caller)

    async def _publish(self, said: Label, caller: Caller) -> web.Response:
        check_sender(caller, said.device)
        if said.user is None and caller.wearer is not None:
            said = replace(said, user=caller.wearer)
        check_label(said)
        if not self._paces.try_take(said.device):
            return sends_too_often()
        message = encode_label(said)
        await self._publisher.lane().publish(
            topics.LABELS.name, said.device.encode(), message, arrived_us=now_us(), headers=[]
        )
        self._measures.labels.inc()
        return web.json_response(body=b'{"type":"accepted","label":' + message + b"}")


def check_label(said: Label) -> None:
    """Reject a label that cannot be meant.

    Raises
    ------
    RejectedBatch
        With code ``device``, ``session``, ``activity`` or ``time``.
    """
    check_identifier("device", said.device)
    check_identifier("session", said.session)
    if said.activity != NULL_LABEL and not _ACTIVITY.fullmatch(said.activity):
        raise RejectedBatch(
            "activity", f"{said.activity[:40]!r} is no activity: small letters, digits, _ and -, 32 at most"
        )
    for moment in (said.start, said.said_at, *(() if said.end == ENDLESS else (said.end,))):
        if not MIN_TIME_US <= moment <= MAX_TIME_US:
            raise RejectedBatch("time", f"{moment} is not in microseconds since the epoch (2001 to 2100)")
    if said.user is not None and not 0 < len(said.user) <= 64:
        raise RejectedBatch("malformed", "a user's name has 1 to 64 characters")


def _label(asked: _Now, clock: DeviceClock, now: int) -> Label:
    moment = clock.event_time(now)
    if asked.start is None:
        return Label(asked.device, clock.session, moment, ENDLESS, asked.activity, moment)
    # What ends may belong to the session before.
    return Label(
        asked.device, asked.session or clock.session, asked.start, max(asked.start, moment), asked.activity, moment
    )
