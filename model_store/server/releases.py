"""HTTP routes to read and change the releases and channels of a store."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, HTTPException, Request, Response, status
from fastapi import Path as InPath
from pydantic import BaseModel, Field

from har.channels import MAX_REASON_CHARACTERS, STABLE, Channel, ChannelPointer, channel_of
from har.release_documents import require_plain_name
from model_store.repository.contents import describe_release, history, release_names
from model_store.repository.publishing import AnyRelease, promote, publish, rollback
from model_store.repository.signed_state import Signing
from model_store.server.access import StoreAccess
from model_store.server.current_state import CurrentState
from model_store.server.uploads import Uploads

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
JSON = "application/json"


class NewRelease(BaseModel):
    """A release to publish, whose files were uploaded."""

    files: dict[str, Digest] = Field(min_length=1, max_length=16, description="SHA-256 of each file by its name")
    channel: Channel = Field(STABLE, description="channel to point to the release")
    share: float = Field(0.1, gt=0, le=1, description="share of the devices that get a canary")
    reason: str = Field("", max_length=MAX_REASON_CHARACTERS, description="reason for the change, for the history")
    replacing: str | None = Field(None, description="release that must be stable now; any release if not given")


class Reason(BaseModel):
    """The reason for a change."""

    reason: str = Field("", max_length=MAX_REASON_CHARACTERS, description="reason for the change, for the history")


class Rollback(Reason):
    """A rollback of a channel."""

    to: str | None = Field(None, description="release to go back to; the previous stable release if not given")


def reading_routes(current: CurrentState) -> APIRouter:
    """Return the routes that read a store."""
    routes = APIRouter(tags=["releases"])

    @routes.get("/releases")
    def releases() -> Response:
        """Return all releases with their manifests, their files and the channels that point to them."""
        state, pointers, _ = current.look()
        return _json(
            [
                {
                    "release": name,
                    "channels": [channel for channel, pointer in pointers.items() if pointer.release == name],
                    **describe_release(current.storage, state, name),
                }
                for name in release_names(state)
            ]
        )

    @routes.get("/releases/current")
    def current_release(channel: Channel = STABLE, device: str | None = None) -> Response:
        """Return the pointer of a channel; if a device is named, the pointer of the channel for this device."""
        pointers = current.look().pointers
        pointer = pointers.get(channel)
        if device is not None:
            pointer = pointers.get(channel_of(device, pointers))
        if pointer is None or pointer.release is None:
            raise HTTPException(status.HTTP_404_NOT_FOUND, f"the channel {channel} points to no release")
        return _json(pointer)

    @routes.get("/releases/{name}")
    def one_release(name: str) -> Response:
        """Return a release's manifest and files."""
        state = current.look().state
        if name not in release_names(state):
            raise HTTPException(status.HTTP_404_NOT_FOUND, f"there is no release {name}")
        return _json(describe_release(current.storage, state, name))

    @routes.get("/channels")
    def channels() -> Response:
        """Return the pointers of the channels."""
        return _json(current.look().pointers)

    @routes.get("/channels/history")
    def past() -> Response:
        """Return all changes of the channels, oldest first."""
        return _json(history(current.storage, current.look().state))

    return routes


def changing_routes(
    current: CurrentState, signing: Signing, uploads: Uploads, access: StoreAccess, changed: Callable[[], None]
) -> APIRouter:
    """Return the routes that change a store.

    Parameters
    ----------
    current : CurrentState
        The store.
    signing : Signing
        The online keys.
    uploads : Uploads
        Uploaded files that are not published yet.
    access : StoreAccess
        Checks the tokens of requests.
    changed : callable
        Called after each change.
    """
    routes = APIRouter(tags=["changes"], dependencies=[Depends(access.publisher)])

    def respond(pointer: ChannelPointer) -> Response:
        changed()
        return _json(pointer)

    @routes.put("/uploads/{sha256}", status_code=status.HTTP_201_CREATED)
    async def upload(sha256: Annotated[str, InPath(pattern=r"^[0-9a-f]{64}$")], request: Request) -> dict[str, int]:
        """Upload a file of a release that is to be published, as the request's body."""
        return {"bytes": await uploads.receive(sha256, request.stream())}

    @routes.post("/releases")
    def publish_release(new: NewRelease) -> Response:
        """Publish a release from uploaded files and point a channel to it."""
        for name in new.files:
            require_plain_name(name, "the name of a release's file")
        with tempfile.TemporaryDirectory() as folder:
            uploads.assemble(new.files, Path(folder))
            pointer = publish(
                current.storage,
                signing,
                Path(folder),
                channel=new.channel,
                share=new.share,
                reason=new.reason,
                replacing=new.replacing or AnyRelease.RELEASE,
            )
        uploads.drop(list(new.files.values()))
        return respond(pointer)

    @routes.post("/channels/canary/promote")
    def promote_canary(body: Reason) -> Response:
        """Make the canary's release stable."""
        return respond(promote(current.storage, signing, reason=body.reason))

    @routes.post("/channels/{channel}/rollback")
    def roll_back(channel: Channel, body: Rollback) -> Response:
        """Point stable to an earlier release, or end the canary."""
        return respond(rollback(current.storage, signing, channel=channel, to=body.to, reason=body.reason))

    return routes


def rejected(_: Request, error: Exception) -> Response:
    """Return a 409 response with the error of the store."""
    return _json({"detail": str(error)}, status.HTTP_409_CONFLICT)


def failed(_: Request, error: Exception) -> Response:
    """Return a 503 response with the error of the storage."""
    return _json({"detail": f"the storage failed: {error}"}, status.HTTP_503_SERVICE_UNAVAILABLE)


def _json(document: Any, code: int = status.HTTP_200_OK) -> Response:  # noqa: ANN401 - any JSON document
    return Response(msgspec.json.encode(document), code, media_type=JSON)
