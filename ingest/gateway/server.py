"""The gateway: phones reach it by WebSocket, by HTTP push, or with its own page; it acknowledges what Kafka has."""

import asyncio
import gc
import logging
import logging.config
import resource
import signal
import sys
from contextlib import AsyncExitStack, ExitStack
from dataclasses import replace
from typing import Self

from aiohttp import WSCloseCode, web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from har import topics
from har.process.log_format import logging_config
from har.samples import MAX_MESSAGE_BYTES
from ingest.devices.errors import NotAdmittedError, RegistryError
from ingest.gateway.activity_intake import ActivityIntake
from ingest.gateway.admission import PROTOCOL, Admission, Caller
from ingest.gateway.clocks import DeviceClocks
from ingest.gateway.device_routes import DeviceRoutes
from ingest.gateway.frames import now_us
from ingest.gateway.hang_ups import HangUps
from ingest.gateway.labels import LabelRoutes
from ingest.gateway.metrics import GatewayMetrics
from ingest.gateway.pacing import Paces
from ingest.gateway.pages import PhonePage
from ingest.gateway.phone_connection import REVOKED, TOKEN_EXPIRED, InFlightLimit, PhoneConnection, Shared
from ingest.gateway.phone_socket import PhoneSocket
from ingest.gateway.publisher import KafkaPublisher, PublishError
from ingest.gateway.rejected_requests import RETRY_AFTER_SECONDS, answering_rejections
from ingest.gateway.rejection_limits import RejectionLog
from ingest.gateway.release_files import ReleaseFiles
from ingest.gateway.sample_intake import SampleIntake
from ingest.gateway.sensor_logger_route import SensorLoggerRoute
from ingest.gateway.server_answers import ServerAnswers
from ingest.gateway.settings import GatewaySettings
from ingest.gateway.sockets import SPARE, ConnectionLimiter
from ingest.gateway.trust import TrustPage

log = logging.getLogger(__name__)

SAMPLES_PATH = "/v1/samples"
#: For devices that classify themselves.
ACTIVITIES_PATH = "/v1/activities"
#: Frames beyond this are rejected by closing the connection; those up to it are rejected with an answer.
MAX_FRAME_BYTES = 4 * MAX_MESSAGE_BYTES
PING_SECONDS = 20
#: How long a phone that is cut off may take to say so too; it may not be listening.
CLOSE_SECONDS = 1.0
FAREWELL = "the gateway stops; connect again and send what was not answered"
#: Connections that wait to be accepted.
BACKLOG = 1_024


class Gateway:
    """Serves phones while its context is open.

    Parameters
    ----------
    settings : GatewaySettings
        Address and limits.
    publisher : KafkaPublisher
        Where batches go.

    Raises
    ------
    OSError
        On entering, if the address cannot be bound or the certificate not be read.
    RegistryError
        On entering, if the registry of devices cannot be read.
    """

    def __init__(self, settings: GatewaySettings, publisher: KafkaPublisher) -> None:
        self._settings = settings
        self._publisher = publisher
        self._phones: dict[PhoneConnection, asyncio.Task[None]] = {}
        self._is_stopping = False
        self._opened = AsyncExitStack()
        self.measures = GatewayMetrics()

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens: host and port."""
        host, port = self._server.sockets[0].getsockname()[:2]
        return host, port

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as opened:
            await self._open(opened)
            self._opened = opened.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._is_stopping = True
        self._server.close()
        for phone in self._phones:
            phone.finish(WSCloseCode.SERVICE_RESTART, FAREWELL)
        if self._phones:
            await asyncio.wait(self._phones.values(), timeout=self._settings.stop_seconds + 2 * CLOSE_SECONDS)
        await self._opened.aclose()

    async def _open(self, opened: AsyncExitStack) -> None:
        settings = self._settings
        registry = None
        if settings.registry is not None:
            from ingest.devices.registry import Registry  # noqa: PLC0415  (SQLAlchemy takes a fifth of the start)

            registry = opened.enter_context(await asyncio.to_thread(Registry, settings.registry))
        operator_token = settings.token.get_secret_value() if settings.token else None
        self._admission = await asyncio.to_thread(
            Admission, operator_token, registry, token_seconds=60 * settings.token_minutes
        )
        self._answers = ServerAnswers(str(settings.redis_url) if settings.redis_url else None)
        paces = Paces(settings.max_device_rate, settings.max_rate, clock=asyncio.get_running_loop().time)
        clocks = DeviceClocks()
        samples = SampleIntake(settings, self.measures, clocks)
        shared = self._shared_by_phones(opened.enter_context(ExitStack()), samples, paces)
        self._shared = {
            SAMPLES_PATH: shared,
            ACTIVITIES_PATH: replace(shared, intake=ActivityIntake(settings, self.measures)),
        }
        releases = ReleaseFiles(settings, self._admission)
        opened.push_async_callback(releases.close)
        app = web.Application(middlewares=[answering_rejections(self.measures)])
        app.add_routes(
            [
                web.get(SAMPLES_PATH, self._serve_phone),
                web.get(ACTIVITIES_PATH, self._serve_phone),
                web.get("/healthz", self._health),
                web.get("/metrics", self._show_measures),
                *SensorLoggerRoute(shared, self._admission, self._publisher, samples, self.measures).routes(),
                *DeviceRoutes(settings, self._admission).routes(),
                *LabelRoutes(settings, self._admission, self._publisher, clocks, paces, self.measures).routes(),
                *releases.routes(),
                *PhonePage(settings, self._admission).routes(),
                *(TrustPage(settings.local_authority).routes() if settings.local_authority else ()),
            ]
        )
        await self._listen(app, opened)
        for work in (
            self._admission.follow_revocations(settings.revocation_seconds, self._cut_off_revoked),
            self._answers.run(),
        ):
            task = asyncio.create_task(work)
            opened.push_async_callback(_end, task)

    def _shared_by_phones(self, opened: ExitStack, samples: SampleIntake, paces: Paces) -> Shared:
        settings = self._settings
        rejection_log = RejectionLog()
        opened.callback(rejection_log.close)
        return Shared(
            settings,
            samples,
            InFlightLimit(settings.max_unconfirmed, self.measures.unconfirmed),
            paces,
            rejection_log,
            opened.enter_context(HangUps()),
            self.measures.waiting,
        )

    async def _listen(self, app: web.Application, opened: AsyncExitStack) -> None:
        settings = self._settings
        # Until its first request has come, and between two, a connection is held for so long only.
        runner = web.AppRunner(
            app,
            access_log=None,
            keepalive_timeout=settings.request_seconds,
            lingering_time=CLOSE_SECONDS,
            shutdown_timeout=CLOSE_SECONDS,
        )
        await runner.setup()
        opened.push_async_callback(runner.cleanup)
        made = runner.server
        assert made is not None
        door = ConnectionLimiter(
            made, lambda: len(made.connections), settings.max_connections + SPARE, self.measures.turned_away
        )
        self._server = await asyncio.get_running_loop().create_server(
            door,
            settings.host,
            settings.port,
            ssl=(context := settings.tls_context()),
            ssl_handshake_timeout=settings.request_seconds if context else None,
            backlog=BACKLOG,
        )
        opened.callback(self._server.close)

    async def _health(self, _: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def _show_measures(self, request: web.Request) -> web.Response:
        self._admission.operator(request)
        return web.Response(body=generate_latest(self.measures.registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def _serve_phone(self, request: web.Request) -> web.StreamResponse:
        try:
            caller = self._admission.caller(request)
        except NotAdmittedError as error:
            if not _is_page(request):
                raise
            self.measures.not_admitted.labels(error.reason).inc()
            return await self._close_at_once(request, error)
        if (reason := self._no_room_for_phone()) is not None:
            return _unavailable(reason)
        socket = await self._open_socket(request)
        phone = PhoneConnection(socket, caller, self._publisher.lane(), self._shared[request.path])
        task = asyncio.current_task()
        assert task is not None
        self._phones[phone] = task
        self.measures.connections.set(len(self._phones))
        if self._is_stopping:
            phone.finish(WSCloseCode.SERVICE_RESTART, FAREWELL)
        expiry = self._at_expiry(phone, caller)
        try:
            with ExitStack() as listening:
                if _is_page(request):
                    phone.on_device = lambda device: listening.enter_context(self._answers.listening(phone, device))
                await phone.serve()
        finally:
            if expiry is not None:
                expiry.cancel()
            del self._phones[phone]
            self.measures.connections.set(len(self._phones))
        return socket.response

    def _no_room_for_phone(self) -> str | None:
        """Return why a phone is not let in, or None if it is."""
        if not self._publisher.is_ready:
            return "Kafka is away"
        if len(self._phones) >= self._settings.max_connections:
            return "too many phones are connected"
        return None

    async def _open_socket(self, request: web.Request) -> PhoneSocket:
        return await PhoneSocket.open(
            request,
            max_frame_bytes=MAX_FRAME_BYTES,
            # A phone whose frames wait for Kafka is alive, but its pong is behind them.
            patience_seconds=PING_SECONDS + self._settings.delivery_timeout_seconds,
            close_seconds=CLOSE_SECONDS,
            protocol=PROTOCOL,
        )

    async def _close_at_once(self, request: web.Request, error: NotAdmittedError) -> web.StreamResponse:
        """Tell a page why it is not let in: of an HTTP status, a browser tells it nothing."""
        socket = await self._open_socket(request)
        is_over = error.reason in ("expired", "no_token", "malformed_token")
        await socket.close(TOKEN_EXPIRED if is_over else REVOKED, error.detail)
        return socket.response

    def _at_expiry(self, phone: PhoneConnection, caller: Caller) -> asyncio.TimerHandle | None:
        if caller.expires is None:
            return None
        seconds = max(0.0, (caller.expires - now_us()) / 1_000_000)
        return asyncio.get_running_loop().call_later(seconds, self._cut_off, phone, "expired")

    def _cut_off_revoked(self) -> None:
        for phone in self._phones:
            device = phone.caller.device
            if device is not None and self._admission.is_revoked(device, phone.caller.generation):
                self._cut_off(phone, "revoked")

    def _cut_off(self, phone: PhoneConnection, reason: str) -> None:
        self.measures.cut_off.labels(reason).inc()
        if reason == "revoked":
            phone.finish(REVOKED, "this device was revoked: enrol again")
        else:
            phone.finish(TOKEN_EXPIRED, "the token has expired: get another one, and send what was not answered")


def _is_page(request: web.Request) -> bool:
    spoken = request.headers.get("Sec-WebSocket-Protocol", "").split(",")
    return PROTOCOL in [name.strip() for name in spoken]


def _unavailable(reason: str) -> web.Response:
    text = f"{reason}; keep your readings and try again in {RETRY_AFTER_SECONDS} s\n"
    return web.Response(status=503, text=text, headers={"Retry-After": str(RETRY_AFTER_SECONDS)})


async def _end(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.wait([task])


async def serve_until_stopped(settings: GatewaySettings) -> None:
    """Serve until SIGINT or SIGTERM.

    Raises
    ------
    PublishError
        If Kafka cannot be reached at the start.
    OSError
        If the address cannot be bound.
    RegistryError
        If the registry of devices cannot be read.
    """
    async with publisher_for(settings) as publisher:
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        async with Gateway(settings, publisher) as gateway:
            host, port = gateway.address
            secure = "s" if settings.tls_certificate else ""
            log.info("phones stream to ws%s://%s:%s%s", secure, host, port, SAMPLES_PATH)
            log.info("the phone page is at http%s://%s:%s/phone/", secure, host, port)
            await stop.wait()
            log.info("stopping")


def publisher_for(settings: GatewaySettings) -> KafkaPublisher:
    """Return the publisher that a gateway needs."""
    return KafkaPublisher(
        settings.bootstrap,
        (topics.SAMPLES.name, topics.PREDICTIONS.name, topics.REJECTED.name, topics.LABELS.name),
        delivery_timeout_seconds=settings.delivery_timeout_seconds,
    )


def run(settings: GatewaySettings) -> int:
    """Run the gateway until it is stopped; return the exit status."""
    logging.config.dictConfig(logging_config("gateway"))
    log.info("%s", settings.describe())
    _allow_many_sockets()
    _spare_collections()
    try:
        asyncio.run(serve_until_stopped(settings))
    except (PublishError, RegistryError, OSError, ValueError) as error:
        print(f"har gateway: {error}", file=sys.stderr)
        return 1
    return 0


def _spare_collections() -> None:
    """Look for cyclic garbage less often: thousands of connections are many objects that stay.

    With the usual thresholds a full collection, which looks at all of them, takes a fifth of the time under load.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


def _allow_many_sockets() -> None:
    """Use as many file descriptors as this process may; a shell's usual limit is 1,024."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
