"""The gateway's server: it receives messages over WebSocket and HTTP, and acknowledges what Kafka has confirmed.

It uses aiohttp and not FastAPI because aiohttp reads from each phone's socket only on request: while Kafka is slow, the
gateway stops reading, and TCP slows the phone (`ingest.gateway.phone_socket`).
"""

import asyncio
from contextlib import AsyncExitStack, ExitStack, aclosing
from dataclasses import replace
from functools import partial
from typing import Self

from aiohttp import WSCloseCode, web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from har.process.background import BackgroundTasks
from har.process.clock import now_us
from har.samples import MAX_MESSAGE_BYTES
from har.time_units import MICROSECONDS
from ingest.devices.errors import NotAdmittedError
from ingest.gateway.activity_intake import ActivityIntake
from ingest.gateway.admission import PROTOCOL, Admission, Caller
from ingest.gateway.app_rejections import tell_the_app
from ingest.gateway.clocks import DeviceClocks
from ingest.gateway.device_routes import DeviceRoutes
from ingest.gateway.forwarded import trust_proxy
from ingest.gateway.hang_ups import HangUps
from ingest.gateway.label_choices import LabelChoices
from ingest.gateway.labels import LabelRoutes
from ingest.gateway.metrics import GatewayMetrics
from ingest.gateway.pacing import Paces
from ingest.gateway.pages import PhonePage
from ingest.gateway.phone_connection import REVOKED, TOKEN_EXPIRED, InFlightLimit, PhoneConnection, Shared
from ingest.gateway.phone_requests import CLOSE_CODES, UpgradeCheck, explaining_paths, is_page, unavailable
from ingest.gateway.phone_socket import PhoneSocket
from ingest.gateway.publisher import KafkaPublisher
from ingest.gateway.rejected_requests import RejectedDocuments, answering_rejections
from ingest.gateway.rejection_limits import RejectionLog
from ingest.gateway.release_files import ReleaseFiles
from ingest.gateway.sample_intake import SampleIntake
from ingest.gateway.sensor_logger_route import SensorLoggerRoute
from ingest.gateway.server_predictions import ServerPredictions
from ingest.gateway.settings import GatewaySettings
from ingest.gateway.sockets import SPARE_CONNECTIONS, ConnectionLimiter
from ingest.gateway.trust import TrustPage

SAMPLES_PATH = "/v1/samples"
#: For reports of devices that classify their own readings.
ACTIVITIES_PATH = "/v1/activities"
#: A longer frame closes the connection. A shorter one that is too long for a message is rejected with an answer.
MAX_FRAME_BYTES = 4 * MAX_MESSAGE_BYTES
PING_SECONDS = 20
#: How long the gateway waits for a phone to answer its close frame; the phone may be gone, s.
CLOSE_SECONDS = 1.0
STOPPING = "The gateway is stopping. Connect again and resend all messages without an answer."
#: Largest number of connections that wait to be accepted.
BACKLOG = 1_024


class Gateway:
    """The gateway's server. It serves while its context is open.

    Parameters
    ----------
    settings : GatewaySettings
        Address, credentials and limits.
    publisher : KafkaPublisher
        Publishes messages to Kafka.
    background : BackgroundTasks
        Runs what the gateway does beside its connections.

    Raises
    ------
    OSError
        On entering, if the address cannot be bound or a certificate cannot be read.
    RegistryError
        On entering, if the device registry cannot be read.
    """

    def __init__(self, settings: GatewaySettings, publisher: KafkaPublisher, background: BackgroundTasks) -> None:
        self._settings = settings
        self._background = background
        self._publisher = publisher
        self._phones: dict[PhoneConnection, asyncio.Task[None]] = {}
        self._is_stopping = False
        self._opened = AsyncExitStack()
        self._upgrade_check = UpgradeCheck()
        self.metrics = GatewayMetrics()

    @property
    def address(self) -> tuple[str, int]:
        """The host and port that the gateway listens on."""
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
            phone.finish(WSCloseCode.SERVICE_RESTART, STOPPING)
        if self._phones:
            await asyncio.wait(self._phones.values(), timeout=self._settings.stop_seconds + 2 * CLOSE_SECONDS)
        await self._opened.aclose()

    async def _open(self, opened: AsyncExitStack) -> None:
        settings = self._settings
        registry = None
        if settings.registry is not None:
            from ingest.devices.registry import Registry  # noqa: PLC0415  (importing SQLAlchemy is a fifth of the start time)

            registry = opened.enter_context(await asyncio.to_thread(Registry, settings.registry))
        operator_token = settings.token.get_secret_value() if settings.token else None
        admission = partial(Admission, operator_token, registry, public_url=settings.public_url)
        self._admission = await asyncio.to_thread(admission, token_seconds=60 * settings.token_minutes)
        self._predictions = ServerPredictions(settings.redis_url, self.metrics)
        choices = await opened.enter_async_context(aclosing(LabelChoices(settings.redis_url, self.metrics)))
        paces = Paces(settings.max_device_rate, settings.max_rate, clock=asyncio.get_running_loop().time)
        clocks = DeviceClocks()
        samples = SampleIntake(settings, self.metrics, clocks)
        shared = self._make_shared(opened.enter_context(ExitStack()), samples, paces)
        self._shared = {
            SAMPLES_PATH: shared,
            ACTIVITIES_PATH: replace(shared, intake=ActivityIntake(settings, self.metrics)),
        }
        releases = ReleaseFiles(settings, self._admission)
        opened.push_async_callback(releases.close)
        middlewares = [tell_the_app, explaining_paths(settings.path_prefix), answering_rejections(self.metrics)]
        if settings.behind_proxy:
            middlewares.insert(0, trust_proxy)
        app = web.Application(middlewares=middlewares)
        app.add_routes(
            [
                web.get(SAMPLES_PATH, self._serve_phone),
                web.get(ACTIVITIES_PATH, self._serve_phone),
                web.get("/healthz", self._health),
                web.get("/metrics", self._get_metrics),
                *SensorLoggerRoute(shared, self._admission, self._publisher, samples, choices, self.metrics).routes(),
                *DeviceRoutes(settings, self._admission).routes(),
                *LabelRoutes(shared, self._admission, self._publisher, clocks, choices, self.metrics).routes(),
                *releases.routes(),
                *PhonePage(settings, self._admission).routes(),
                *(TrustPage(settings.local_authority).routes() if settings.local_authority else ()),
            ]
        )
        await self._listen(app, opened)
        opened.push_async_callback(self._background.cancel)
        revocations = self._admission.follow_revocations(settings.revocation_seconds, self._disconnect_revoked)
        self._background.start("disconnect revoked devices", revocations)
        self._background.start("forward predictions to phone pages", self._predictions.run())

    def _make_shared(self, opened: ExitStack, samples: SampleIntake, paces: Paces) -> Shared:
        settings = self._settings
        rejection_log = RejectionLog()
        opened.callback(rejection_log.close)
        return Shared(
            settings,
            samples,
            InFlightLimit(settings.max_unconfirmed, self.metrics.unconfirmed),
            paces,
            rejection_log,
            RejectedDocuments(
                settings.max_rejections_per_minute,
                settings.max_rate,
                rejection_log,
                self.metrics,
                clock=asyncio.get_running_loop().time,
            ),
            opened.enter_context(HangUps()),
            self.metrics.waiting,
        )

    async def _listen(self, app: web.Application, opened: AsyncExitStack) -> None:
        settings = self._settings
        # `keepalive_timeout` also limits how long a connection may take to send its first request.
        runner = web.AppRunner(
            app,
            access_log=None,
            keepalive_timeout=settings.request_seconds,
            lingering_time=CLOSE_SECONDS,
            shutdown_timeout=CLOSE_SECONDS,
        )
        await runner.setup()
        opened.push_async_callback(runner.cleanup)
        server = runner.server
        assert server is not None
        limiter = ConnectionLimiter(
            server,
            lambda: len(server.connections),
            settings.max_connections + SPARE_CONNECTIONS,
            self.metrics.connections_rejected,
        )
        self._server = await asyncio.get_running_loop().create_server(
            limiter,
            settings.host,
            settings.port,
            ssl=(context := settings.tls_context()),
            ssl_handshake_timeout=settings.request_seconds if context else None,
            backlog=BACKLOG,
        )
        opened.callback(self._server.close)

    async def _health(self, _: web.Request) -> web.Response:
        # The gateway works without Redis: phone pages then show no predictions of the server.
        redis = f"redis: {self._predictions.condition.status}\n" if self._settings.redis_url else ""
        return web.Response(text=f"ok\n{redis}")

    async def _get_metrics(self, request: web.Request) -> web.Response:
        self._admission.operator(request)
        return web.Response(body=generate_latest(self.metrics.registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def _serve_phone(self, request: web.Request) -> web.StreamResponse:
        try:
            caller = self._admission.caller(request)
        except NotAdmittedError as error:
            if not is_page(request):
                raise
            self.metrics.not_admitted.labels(error.reason).inc()
            return await self._close_with_reason(request, error)
        if (reason := self._unavailability()) is not None:
            return unavailable(reason)
        if (rejected := self._upgrade_check.rejection(request)) is not None:
            return rejected
        socket = await self._open_socket(request)
        phone = PhoneConnection(socket, caller, self._publisher.ordered_sender(), self._shared[request.path])
        task = asyncio.current_task()
        assert task is not None
        self._phones[phone] = task
        self.metrics.connections.set(len(self._phones))
        if self._is_stopping:
            phone.finish(WSCloseCode.SERVICE_RESTART, STOPPING)
        expiry = self._schedule_expiry(phone, caller)
        try:
            with ExitStack() as listening:
                if is_page(request):
                    phone.on_device = lambda device: listening.enter_context(self._predictions.listening(phone, device))
                await phone.serve()
        finally:
            if expiry is not None:
                expiry.cancel()
            del self._phones[phone]
            self.metrics.connections.set(len(self._phones))
        return socket.response

    def _unavailability(self) -> str | None:
        """Return why no further phone is accepted; None if it is."""
        if not self._publisher.is_ready:
            return "Kafka is not available"
        if len(self._phones) >= self._settings.max_connections:
            return "too many phones are connected"
        return None

    async def _open_socket(self, request: web.Request) -> PhoneSocket:
        return await PhoneSocket.open(
            request,
            max_frame_bytes=MAX_FRAME_BYTES,
            # While frames wait for Kafka, the gateway does not read the pong behind them.
            # So it waits for the pong longer than frames may wait.
            patience_seconds=PING_SECONDS + self._settings.delivery_timeout_seconds,
            close_seconds=CLOSE_SECONDS,
            protocol=PROTOCOL,
        )

    async def _close_with_reason(self, request: web.Request, error: NotAdmittedError) -> web.StreamResponse:
        """Report to a page why it is rejected, in a close frame: browsers hide the HTTP status from pages."""
        socket = await self._open_socket(request)
        await socket.close(CLOSE_CODES.get(error.reason, TOKEN_EXPIRED), error.detail)
        return socket.response

    def _schedule_expiry(self, phone: PhoneConnection, caller: Caller) -> asyncio.TimerHandle | None:
        if caller.expires is None:
            return None
        seconds = max(0.0, (caller.expires - now_us()) / MICROSECONDS)
        return asyncio.get_running_loop().call_later(seconds, self._disconnect, phone, "expired")

    def _disconnect_revoked(self) -> None:
        for phone in self._phones:
            device = phone.caller.device
            if device is not None and self._admission.is_revoked(device, phone.caller.generation):
                self._disconnect(phone, "revoked")

    def _disconnect(self, phone: PhoneConnection, reason: str) -> None:
        self.metrics.disconnected.labels(reason).inc()
        if reason == "revoked":
            phone.finish(REVOKED, "This device was revoked. Enrol it again.")
        else:
            phone.finish(
                TOKEN_EXPIRED, "The token has expired. Request a new one and resend all messages without an answer."
            )
