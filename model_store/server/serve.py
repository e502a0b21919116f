"""`har store serve`: serve the store over HTTP."""

import asyncio
import logging
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import redis.asyncio
import uvicorn
from kafka import KafkaAdminClient
from kafka.errors import KafkaError

from har import rights
from har.process.background import BackgroundTasks
from har.process.ending import NOT_REACHED, REACHED, report_failure
from har.process.kafka_access import require_access
from har.process.kafka_clients import KafkaRefusedError
from har.process.kafka_connection import KafkaConnection
from har.process.kafka_probe import KafkaUnreachableError, require_reachable
from har.process.log_format import configure_logs
from har.process.path_prefix import PathPrefix
from har.process.reachability import fault_of_redis, fault_of_servers
from har.process.record_codecs import MissingCodecError, require_codecs
from har.process.start_line import log_start
from har.release_documents import ReleaseError
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

IDLE_SECONDS = 10
STOP_SECONDS = 5


def serve(settings: ServeSettings) -> int:
    """Serve until stopped; return the exit status."""
    configure_logs("store", settings)
    storage, signing = Storage(settings.store), Signing(Keyring(settings.online_keys))
    current = CurrentState(storage)
    try:
        require_codecs()  # which the judge of a canary needs, perhaps weeks later
        current.look()
        uploads = Uploads(settings.uploads)
    except (ReleaseError, MissingCodecError, OSError) as error:
        report_failure("har store serve", error)
        return NOT_REACHED
    kafka = settings.kafka_if_set
    if kafka is not None and not _has_rights(kafka):
        return NOT_REACHED
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

    def stop() -> None:
        server.should_exit = True

    background = BackgroundTasks(on_failure=stop)
    app = create_app(
        current,
        signing,
        uploads,
        StoreAccess(settings.token, settings.publish_token),
        announcer,
        StoreUpkeep(storage, signing, settings.refresh_seconds),
        background,
        canary_judge,
    )
    server = _Server(_config(settings, PathPrefix(app, settings.path_prefix, log)), settings)
    return _run(server, background)


def _config(settings: ServeSettings, app: PathPrefix) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        ssl_certfile=settings.tls_certificate,
        ssl_keyfile=settings.tls_key,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=settings.max_connections,
        timeout_keep_alive=IDLE_SECONDS,
        timeout_graceful_shutdown=STOP_SECONDS,
    )


def _has_rights(kafka: KafkaConnection) -> bool:
    """Return whether Kafka lets the store announce; report why not. A Kafka that is away comes back later."""
    try:
        require_reachable(kafka)
        require_access(KafkaAdminClient, kafka, rights.STORE)
    except (KafkaRefusedError, KafkaUnreachableError) as error:
        if not isinstance(error, KafkaUnreachableError) or not error.is_transient:
            report_failure("har store serve", error)
            return False
        log.warning("%s; announcing when it is back", error)
    except KafkaError as error:
        log.warning("cannot ask Kafka at %s for the store's rights: %s", kafka, error)
    return True


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
    """A server that logs its start, and that ends like the other services when a signal asks it to stop."""

    def __init__(self, config: uvicorn.Config, settings: ServeSettings) -> None:
        super().__init__(config)
        self._settings = settings
        self._start_logged: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Bind, and log the start once it is known what answers."""
        await super().startup(sockets)
        if self.started:
            self._start_logged = asyncio.create_task(self._log_start())

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop on a signal. uvicorn would raise it again at the end, and the process would end with its status."""
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    async def _log_start(self) -> None:
        settings = self._settings
        connections = {}
        if settings.bootstrap is not None:
            connections["Kafka"] = (settings.bootstrap, await fault_of_servers(settings.bootstrap))
        if settings.redis_url is not None:
            connections["Redis"] = (settings.redis_url, await fault_of_redis(redis.asyncio, settings.redis_url))
        log_start(
            log,
            settings,
            listens={"releases": settings.origin(self.servers[0].sockets[0].getsockname()[1])},
            connections=connections,
            uses={"store": settings.store},
        )


def _run(server: _Server, background: BackgroundTasks) -> int:
    try:
        server.run()
    except OSError as error:  # a certificate cannot be read
        report_failure("har store serve", error)
        return NOT_REACHED
    except SystemExit:  # uvicorn has logged why it cannot start
        return NOT_REACHED
    if not server.started:
        return NOT_REACHED
    if background.failure is not None:
        report_failure("har store serve", background.failure)
        return NOT_REACHED
    log.info("stopped")
    return REACHED
