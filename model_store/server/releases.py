"""What a store holds, and changes of it, over HTTP."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, HTTPException, Request, Response, status
from fastapi import Path as InPath
from pydantic import BaseModel, Field

from har.channels import MAX_REASON_CHARACTERS, STABLE, Channel, ChannelPointer, channel_of
from har.releases import require_plain_name
from model_store.repository.contents import described, history, release_names
from model_store.repository.publishing import AnyRelease, promote, publish, rollback
from model_store.repository.signed_state import Signing
from model_store.server.access import StoreAccess
from model_store.server.current_state import CurrentState
from model_store.server.uploads import Uploads

Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
JSON = "application/json"


class NewRelease(BaseModel):
    """A release whose files were uploaded."""

    files: dict[str, Digest] = Field(min_length=1, max_length=16, description="SHA-256 by file name")
    channel: Channel = STABLE
    share: float = Field(0.1, gt=0, le=1, description="of the devices, for a canary")
    reason: str = Field("", max_length=MAX_REASON_CHARACTERS)
    replacing: str | None = Field(None, description="what must be stable until now; anything, if not given")


class Reason(BaseModel):
    """Why something is changed."""

    reason: str = Field("", max_length=MAX_REASON_CHARACTERS)


class GoingBack(Reason):
    """To which release a channel goes back."""

    to: str | None = Field(None, description="the release; what was stable before, if not given")


def reading_routes(current: CurrentState) -> APIRouter:
    """Return the routes that tell what a store holds."""
    routes = APIRouter(tags=["releases"])

    @routes.get("/releases")
    def releases() -> Response:
        """Return all releases, each with what it says of itself and the channels that point to it."""
        state, pointers = current.look()
        return _json(
            [
                {
                    "release": name,
                    "channels": [channel for channel, pointer in pointers.items() if pointer.release == name],
                    **described(current.storage, state, name),
                }
                for name in release_names(state)
            ]
        )

    @routes.get("/releases/current")
    def current_release(channel: Channel = STABLE, device: str | None = None) -> Response:
        """Return what a channel points to; with a device's name, what is for this device."""
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
        return _json(described(current.storage, state, name))

    @routes.get("/channels")
    def channels() -> Response:
        """Return what the channels point to."""
        return _json(current.look().pointers)

    @routes.get("/channels/history")
    def past() -> Response:
        """Return every change of a channel, the oldest first."""
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
        With the online keys.
    uploads : Uploads
        Where files wait.
    access : StoreAccess
        Who may.
    changed : callable
        Told after each change.
    """
    routes = APIRouter(tags=["changes"], dependencies=[Depends(access.publisher)])

    def carried_out(pointer: ChannelPointer) -> Response:
        changed()
        return _json(pointer)

    @routes.put("/uploads/{sha256}", status_code=status.HTTP_201_CREATED)
    async def upload(sha256: Annotated[str, InPath(pattern=r"^[0-9a-f]{64}$")], request: Request) -> dict[str, int]:
        """Take a file of a release to come, as the request's body."""
        return {"bytes": await uploads.take(sha256, request.stream())}

    @routes.post("/releases")
    def publish_release(new: NewRelease) -> Response:
        """Publish a release of files that were uploaded, and point a channel to it."""
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
        return carried_out(pointer)

    @routes.post("/channels/canary/promote")
    def promote_canary(why: Reason) -> Response:
        """Make the canary's release stable."""
        return carried_out(promote(current.storage, signing, reason=why.reason))

    @routes.post("/channels/{channel}/rollback")
    def roll_back(channel: Channel, back: GoingBack) -> Response:
        """Point a channel to an earlier release; a canary, to none."""
        return carried_out(rollback(current.storage, signing, channel=channel, to=back.to, reason=back.reason))

    return routes


def rejected(_: Request, error: Exception) -> Response:
    """Answer what the store rejects, in its words."""
    return _json({"detail": str(error)}, status.HTTP_409_CONFLICT)


def failed(_: Request, error: Exception) -> Response:
    """Answer that the storage fails."""
    return _json({"detail": f"the store's files cannot be reached: {error}"}, status.HTTP_503_SERVICE_UNAVAILABLE)


def _json(document: Any, code: int = status.HTTP_200_OK) -> Response:  # noqa: ANN401 - whatever becomes JSON
    return Response(msgspec.json.encode(document), code, media_type=JSON)
