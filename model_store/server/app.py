"""The store's HTTP API as an ASGI application."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from fastapi import Depends, FastAPI
from fastapi_offline import FastAPIOffline

from har.process.background import BackgroundTasks
from har.release_documents import ReleaseError
from model_store.repository.refreshing import refresh, soon
from model_store.repository.signed_state import Signing
from model_store.repository.storage import Storage
from model_store.server.access import StoreAccess
from model_store.server.announcing import Announcer
from model_store.server.canary_judge import CanaryJudge
from model_store.server.current_state import CurrentState
from model_store.server.files import file_routes
from model_store.server.judging import judging_routes
from model_store.server.releases import changing_routes, failed, reading_routes, rejected
from model_store.server.uploads import Uploads

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class StoreUpkeep:
    """Renews the signatures of online roles in the background.

    Attributes
    ----------
    storage : Storage
        The store.
    signing : Signing
        The online keys.
    every_seconds : float
        Time between two checks for expiring signatures, s.
    """

    storage: Storage
    signing: Signing
    every_seconds: float

    async def run(self) -> None:
        """Renew expiring signatures until cancelled."""
        while True:
            try:
                await asyncio.to_thread(self._refresh)
            except (ReleaseError, OSError) as error:
                log.error("cannot renew signatures, will retry: %s", error)
            await asyncio.sleep(self.every_seconds)

    def _refresh(self) -> None:
        for role in refresh(self.storage, self.signing):
            log.info("renewed the signature of %s", role)


def create_app(
    current: CurrentState,
    signing: Signing,
    uploads: Uploads,
    access: StoreAccess,
    announcer: Announcer,
    upkeep: StoreUpkeep,
    background: BackgroundTasks,
    canary_judge: CanaryJudge | None = None,
) -> FastAPI:
    """Build the application.

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
    announcer : Announcer
        Announces changes; runs with the application.
    upkeep : StoreUpkeep
        Renews signatures; runs with the application.
    background : BackgroundTasks
        Runs these and the judge.
    canary_judge : CanaryJudge, optional
        Judges the canary; runs with the application. None if nothing judges it.
    """

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        background.start("announce the store's channels", announcer.run())
        background.start("renew signatures", upkeep.run())
        if canary_judge is not None:
            background.start("judge the canary", canary_judge.run())
        try:
            yield
        finally:
            await background.cancel()

    app = FastAPIOffline(title="Store of releases", version="1", lifespan=lifespan)

    @app.get("/healthz", tags=["health"])
    def health() -> dict[str, object]:
        """Check that the store can be read; return the roles that a person must renew soon, and whether Redis works."""
        state = current.look().state
        return {
            "timestamp": state.timestamp.signed.version,
            "renew_soon": soon(state, signing),
            "redis": announcer.redis_status,
        }

    reading = [Depends(access.reader)]
    app.include_router(file_routes(current.storage), dependencies=reading)
    app.include_router(reading_routes(current), dependencies=reading)
    app.include_router(judging_routes(current, canary_judge), dependencies=reading)
    app.include_router(changing_routes(current, signing, uploads, access, announcer.look))
    app.add_exception_handler(ReleaseError, rejected)
    app.add_exception_handler(OSError, failed)
    return app
