"""Enrolment over HTTP: the operator invites devices; a device redeems its code and later renews its token."""

import asyncio
import time
from functools import partial
from typing import Annotated

import msgspec
from aiohttp import web

from har.samples import check_identifier
from ingest.devices.device import Device
from ingest.devices.errors import NotAdmittedError
from ingest.devices.invitations import Invitation, invitation
from ingest.devices.settings import Frame
from ingest.gateway.admission import COOKIE, Admission
from ingest.gateway.pacing import Pace
from ingest.gateway.request_bodies import read_document
from ingest.gateway.settings import GatewaySettings

INVITATION_SECONDS = 15 * 60
ShortText = Annotated[str, msgspec.Meta(max_length=256)]


class _Invite(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    wearer: Annotated[str, msgspec.Meta(min_length=1, max_length=64)] | None = None
    frame: Frame = "unknown"


class _Code(msgspec.Struct, forbid_unknown_fields=True):
    code: ShortText


class _Secret(msgspec.Struct, forbid_unknown_fields=True):
    device: ShortText
    secret: ShortText


class _Admitted(msgspec.Struct):
    """The answer to an enrolment or a renewal; the secret is in the answer to an enrolment only."""

    device: str
    token: str
    expires: int
    secret: str | None = None


class _DeviceInfo(msgspec.Struct):
    """A device, as the operator sees it."""

    name: str
    wearer: str | None
    frame: str
    enrolled_at: int | None
    revoked_at: int | None


class DeviceRoutes:
    """The routes below ``/v1/devices``.

    Parameters
    ----------
    settings : GatewaySettings
        Limits, and the gateway's address as phones reach it.
    admission : Admission
        Identifies callers.
    """

    def __init__(self, settings: GatewaySettings, admission: Admission) -> None:
        self._settings = settings
        self._admission = admission
        # One limit for all addresses: many phones may share an address, and an attacker may use many.
        self._attempts = Pace(settings.max_enrolments_per_minute / 60, burst_seconds=60)

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [
            web.post("/v1/devices", self._invite),
            web.get("/v1/devices", self._list),
            web.delete("/v1/devices/{name}", self._revoke),
            web.post("/v1/devices/enrol", self._enrol),
            web.post("/v1/devices/token", self._renew),
        ]

    async def _invite(self, request: web.Request) -> web.Response:
        self._admission.operator(request)
        document = await read_document(request, _Invite, seconds=self._settings.request_seconds)
        check_identifier("device", document.name)
        registry = self._admission.registry
        code = await asyncio.to_thread(
            partial(
                registry.invite,
                document.name,
                wearer=document.wearer,
                frame=document.frame,
                seconds=INVITATION_SECONDS,
            )
        )
        url = self._settings.public_url or str(request.url.origin())
        invited: Invitation = invitation(document.name, code, url, seconds=INVITATION_SECONDS)
        return _answer(invited)

    async def _list(self, request: web.Request) -> web.Response:
        self._admission.operator(request)
        found = await asyncio.to_thread(self._admission.registry.devices)
        return _answer([_device_info(device) for device in found])

    async def _revoke(self, request: web.Request) -> web.Response:
        self._admission.operator(request)
        return _answer(
            _device_info(await asyncio.to_thread(self._admission.registry.revoke, request.match_info["name"]))
        )

    async def _enrol(self, request: web.Request) -> web.Response:
        self._count_attempt()
        document = await read_document(request, _Code, seconds=self._settings.request_seconds)
        device, secret = await asyncio.to_thread(self._admission.registry.enrol, document.code)
        return self._admit(device, secret)

    async def _renew(self, request: web.Request) -> web.Response:
        self._count_attempt()
        document = await read_document(request, _Secret, seconds=self._settings.request_seconds)
        return self._admit(
            await asyncio.to_thread(self._admission.registry.recognise, document.device, document.secret)
        )

    def _count_attempt(self) -> None:
        now = time.monotonic()
        if not self._attempts.has_room(now=now):
            raise NotAdmittedError("too_often", "Too many enrolment requests at once. Try again in a few seconds.")
        self._attempts.take(now=now)

    def _admit(self, device: Device, secret: str | None = None) -> web.Response:
        token, expires = self._admission.issue(device)
        response = _answer(_Admitted(device.name, token, expires, secret))
        # For requests of the page that carry no Authorization header: the files of releases.
        response.set_cookie(
            COOKIE,
            token,
            path=f"{self._settings.path_prefix}/phone/store/",
            httponly=True,
            samesite="Strict",
            secure=self._settings.tls_certificate is not None or self._settings.behind_proxy,
        )
        return response


def _device_info(device: Device) -> _DeviceInfo:
    return _DeviceInfo(device.name, device.wearer, device.frame, device.enrolled_at, device.revoked_at)


def _answer(content: object) -> web.Response:
    return web.json_response(body=msgspec.json.encode(content), headers={"Cache-Control": "no-store"})
