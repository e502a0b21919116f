"""The routes for labels and invitations. They forward each request to the gateway."""

from typing import Any, Literal

from fastapi import APIRouter, Response, status
from pydantic import BaseModel, ConfigDict, Field

from dashboard.gateway_client import GatewayAnswer, GatewayClient
from dashboard.guard import API_PREFIX

JSON = "application/json"


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class LabelNow(_Document):
    """Begin a label now. With `session` and `start`, the open label with this start ends now."""

    device: str
    activity: str
    session: str | None = None
    start: int | None = Field(
        default=None, description="start of the open label to end: event time, µs since the epoch"
    )


class LabelInterval(_Document):
    """A label of an interval. It replaces the label with the same start. An end equal to the start withdraws it."""

    device: str
    session: str
    start: int = Field(description="event time, µs since the epoch")
    activity: str
    said_at: int = Field(
        description="when the label was stated, µs since the epoch; the later of two that overlap wins"
    )
    end: int | None = Field(default=None, description="event time, µs since the epoch; null while the label is open")
    user: str | None = Field(default=None, description="the wearer; null if not stated")


class LabelAccepted(BaseModel):
    """The label, once Kafka has confirmed it."""

    type: Literal["accepted"]
    label: LabelInterval


class Activity(BaseModel):
    """An activity, and how to display it."""

    name: str
    title: str
    colour: str
    symbol: str


class LabelActivities(BaseModel):
    """The activities that a device can be labelled with."""

    type: Literal["activities"]
    release: str | None = Field(description="the release that classifies the device; null if it is unknown")
    activities: list[Activity] = Field(description="the classes of the release, or the usual activities")
    own: list[Activity] = Field(description="other activities that the device was labelled with, the newest first")


class Invite(_Document):
    """An invitation for a phone to enrol."""

    name: str = Field(description="the phone's device name")
    wearer: str | None = Field(default=None, description="who carries the phone; null if unknown")
    frame: str | None = Field(
        default=None, description="sign convention of the phone's axes: android, ios, standardised or unknown"
    )


class Invited(BaseModel):
    """The enrolment code for an invited phone."""

    device: str
    code: str = Field(description="enrolment code; it works once")
    url: str = Field(description="URL to open on the phone; its fragment holds the code")
    svg: str = Field(description="QR code of the URL, as SVG")
    expires: int = Field(description="when the code expires, µs since the epoch")


class Problem(BaseModel):
    """Why a request was rejected."""

    detail: str = Field(description="the reason in a sentence")
    code: str | None = Field(default=None, description="short name of the reason, if the gateway rejected the request")


_Responses = dict[int | str, dict[str, Any]]
_PROBLEMS: _Responses = {
    "4XX": {"model": Problem, "description": "the dashboard or the gateway rejected the request"},
    "5XX": {"model": Problem, "description": "the gateway is unreachable or temporarily unable to respond"},
}


def command_routes(gateway: GatewayClient | None) -> APIRouter:
    """Return the routes below ``/v1/``, which forward requests to the gateway and return its answers.

    Parameters
    ----------
    gateway : GatewayClient or None
        The gateway. If None, every request is rejected with status 403.
    """
    routes = APIRouter(prefix=API_PREFIX.rstrip("/"), responses=_PROBLEMS)

    async def forward(path: str, document: _Document) -> Response:
        return _response(await _post(gateway, API_PREFIX + path, document))

    @routes.get("/labels/activities", tags=["labels"], response_model=LabelActivities)
    async def activities(device: str) -> Response:
        """List the activities that a device can be labelled with."""
        return _response(await _get(gateway, API_PREFIX + "labels/activities", device=device))

    @routes.post("/labels/now", tags=["labels"], response_model=LabelAccepted)
    async def label_now(document: LabelNow) -> Response:
        """Begin a label now, or end an open one now. The gateway converts the time to the device's clock."""
        return await forward("labels/now", document)

    @routes.post("/labels", tags=["labels"], response_model=LabelAccepted)
    async def label(document: LabelInterval) -> Response:
        """Label an interval, or correct or withdraw its label."""
        return await forward("labels", document)

    @routes.post("/devices", tags=["devices"], response_model=Invited)
    async def invite(document: Invite) -> Response:
        """Invite a phone to enrol."""
        return await forward("devices", document)

    @routes.post("/{path:path}", include_in_schema=False)
    async def unknown() -> Response:
        # Without this route, the page's route would answer that POST is not allowed.
        problem = Problem(detail="There is no such command.").model_dump_json(exclude_none=True)
        return Response(problem, status.HTTP_404_NOT_FOUND, media_type=JSON)

    return routes


async def _get(gateway: GatewayClient | None, path: str, **query: str) -> GatewayAnswer:
    return _without_gateway() if gateway is None else await gateway.get(path, **query)


async def _post(gateway: GatewayClient | None, path: str, document: _Document) -> GatewayAnswer:
    if gateway is None:
        return _without_gateway()
    return await gateway.post(path, document.model_dump_json(exclude_none=True).encode())


def _without_gateway() -> GatewayAnswer:
    detail = "Labels and invitations need a gateway. Start the dashboard with --gateway-url."
    return GatewayAnswer(status.HTTP_403_FORBIDDEN, Problem(detail=detail).model_dump_json(exclude_none=True).encode())


def _response(answer: GatewayAnswer) -> Response:
    return Response(answer.body, answer.status, {"Cache-Control": "no-store"}, JSON)
