"""`har store serve`: serve the store over HTTP."""

import logging
import logging.config
import socket
import sys

import uvicorn

from har.process.log_format import logging_config
from har.process.record_codecs import MissingCodecError, require_codecs
from har.releases import ReleaseError
from model_store.canary.judgement import CanaryLimits
from model_store.repository.signed_state import Signing
from model_store.repository.signing_keys import Keyring
from model_store.repository.storage import Storage
from model_store.server.access import StoreAccess
from model_store.server.announcing import Announcer
from model_store.server.app import StoreUpkeep, create_app
from model_store.server.canary_judge import CanaryJudge
from model_store.server.current_state import CurrentState
from model_store.server.uploads import Uploads
from model_store.settings import ServeSettings

log = logging.getLogger(__name__)

FAILURE = 1
IDLE_SECONDS = 10
STOP_SECONDS = 5


def serve(settings: ServeSettings) -> int:
    """Serve until stopped; return the exit status."""
    logging.config.dictConfig(logging_config("store"))
    log.info("%s", settings.describe())
    storage, signing = Storage(settings.store), Signing(Keyring(settings.online_keys))
    current = CurrentState(storage)
    try:
        require_codecs()  # which the judge of a canary needs, perhaps weeks later
        current.look()
        uploads = Uploads(settings.uploads)
    except (ReleaseError, MissingCodecError, OSError) as error:
        print(f"har store serve: {error}", file=sys.stderr)
        return FAILURE
    kafka = settings.kafka_if_set
    announcer = Announcer(
        current,
        kafka,
        settings.redis_url,
        look_seconds=settings.look_seconds,
        lead_seconds=settings.lead_seconds,
    )
    canary_judge = None
    if kafka is not None:
        canary_judge = CanaryJudge(current, signing, announcer, kafka, limits_of(settings), auto=settings.auto)
    app = create_app(
        current,
        signing,
        uploads,
        StoreAccess(settings.token, settings.publish_token),
        announcer,
        StoreUpkeep(storage, signing, settings.refresh_seconds),
        canary_judge,
    )
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        ssl_certfile=settings.tls_certificate,
        ssl_keyfile=settings.tls_key,
        log_config=None,
        access_log=False,
        server_header=False,
        limit_concurrency=settings.max_connections,
        timeout_keep_alive=IDLE_SECONDS,
        timeout_graceful_shutdown=STOP_SECONDS,
    )
    server = _Server(config, settings)
    server.run()
    return 0 if server.started else FAILURE


def limits_of(settings: ServeSettings) -> CanaryLimits:
    """Return the limits for a canary from the settings."""
    return CanaryLimits(
        devices=settings.canary_devices,
        windows=settings.canary_windows,
        seconds=settings.canary_seconds,
        agreement=settings.least_agreement,
        confidence_loss=settings.most_confidence_loss,
        latency_ratio=settings.most_latency_ratio,
        accuracy_loss=settings.most_accuracy_loss,
    )


class _Server(uvicorn.Server):
    """A server that logs where it serves."""

    def __init__(self, config: uvicorn.Config, settings: ServeSettings) -> None:
        super().__init__(config)
        self._settings = settings

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Bind, and log the address."""
        await super().startup(sockets)
        if self.started:
            log.info("serving releases at %s", self._settings.origin(self.servers[0].sockets[0].getsockname()[1]))
