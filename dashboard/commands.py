"""The routes that change something: a label for a device, an invitation for a phone. The gateway does it."""

from typing import Any, Literal

from fastapi import APIRouter, Response, status
from pydantic import BaseModel, ConfigDict, Field

from dashboard.gateway_client import GatewayAnswer, GatewayClient
from dashboard.guard import API_PREFIX

JSON = "application/json"


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class LabelNow(_Document):
    """A wearer does something from now on. With a session and a start, the label with this start ends now."""

    device: str
    activity: str
    session: str | None = None
    start: int | None = Field(default=None, description="event time in µs since the epoch, of a label that goes on")


class LabelInterval(_Document):
    """A label of an interval. It replaces the one with the same start; with its end at its start it takes it back."""

    device: str
    session: str
    start: int = Field(description="event time in µs since the epoch")
    activity: str
    said_at: int = Field(description="when it was said, µs since the epoch: the later of two that overlap counts")
    end: int | None = Field(
        default=None, description="event time in µs since the epoch; null while the activity goes on"
    )
    user: str | None = Field(default=None, description="who wears the phone")


class LabelAccepted(BaseModel):
    """Kafka has the label."""

    type: Literal["accepted"]
    label: LabelInterval


class Invite(_Document):
    """The name of a phone that may enrol."""

    name: str
    wearer: str | None = None
    frame: str | None = Field(
        default=None, description="sign convention of its axes: android, ios, standardised or unknown"
    )


class Invited(BaseModel):
    """What a phone needs to enrol."""

    device: str
    code: str = Field(description="works once")
    url: str = Field(description="what the phone opens; the code is in the fragment")
    svg: str = Field(description="the URL as a QR code")
    expires: int = Field(description="µs since the epoch")


class Problem(BaseModel):
    """Why a request was rejected."""

    detail: str
    code: str | None = Field(default=None, description="the gateway's name for the reason, if the gateway rejected it")


_Answers = dict[int | str, dict[str, Any]]
_PROBLEMS: _Answers = {
    "4XX": {"model": Problem, "description": "rejected, by the dashboard or the gateway"},
    "5XX": {"model": Problem, "description": "the gateway cannot be reached, or cannot do it now"},
}


def command_routes(gateway: GatewayClient | None) -> APIRouter:
    """Return the routes below ``/v1/``, which pass on what the gateway answers.

    Parameters
    ----------
    gateway : GatewayClient or None
        None if the dashboard was started without one: then all is rejected.
    """
    routes = APIRouter(prefix=API_PREFIX.rstrip("/"), responses=_PROBLEMS)

    async def forward(path: str, document: _Document) -> Response:
        return _response(await _post(gateway, API_PREFIX + path, document))

    @routes.post("/labels/now", tags=["labels"], response_model=LabelAccepted)
    async def label_now(document: LabelNow) -> Response:
        """Label what a device's wearer does from now on, or end such a label, by the device's clock."""
        return await forward("labels/now", document)

    @routes.post("/labels", tags=["labels"], response_model=LabelAccepted)
    async def label(document: LabelInterval) -> Response:
        """Label, correct or take back an interval."""
        return await forward("labels", document)

    @routes.post("/devices", tags=["devices"], response_model=Invited)
    async def invite(document: Invite) -> Response:
        """Invite a phone."""
        return await forward("devices", document)

    return routes


async def _post(gateway: GatewayClient | None, path: str, document: _Document) -> GatewayAnswer:
    if gateway is None:
        detail = "The dashboard was started without --gateway-url: it can neither label nor add phones."
        return GatewayAnswer(
            status.HTTP_403_FORBIDDEN, Problem(detail=detail).model_dump_json(exclude_none=True).encode()
        )
    return await gateway.post(path, document.model_dump_json(exclude_none=True).encode())


def _response(answer: GatewayAnswer) -> Response:
    return Response(answer.body, answer.status, {"Cache-Control": "no-store"}, JSON)
