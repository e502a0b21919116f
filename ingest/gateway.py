"""The gateway: phones stream batches over WebSockets; each is acknowledged once Kafka has it."""

import asyncio
import hmac
import logging
import logging.config
import signal
import sys
from contextlib import ExitStack, suppress
from dataclasses import replace
from http import HTTPStatus
from typing import Self

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.frames import CloseCode
from websockets.http11 import Request, Response

from har import topics
from har.log_format import logging_config
from har.samples import MAX_MESSAGE_BYTES
from har.settings import GatewaySettings
from ingest.activity_intake import ActivityIntake
from ingest.gateway_measures import GatewayMeasures
from ingest.hang_ups import HangUps
from ingest.phone_connection import PhoneConnection, Room, Shared
from ingest.publisher import KafkaPublisher, PublishError
from ingest.refusal_limits import RefusalLog
from ingest.sample_intake import SampleIntake

log = logging.getLogger(__name__)

SAMPLES_PATH = "/v1/samples"
#: For devices that classify themselves.
ACTIVITIES_PATH = "/v1/activities"
#: Frames beyond this are refused by closing the connection; those up to it are refused with an answer.
MAX_FRAME_BYTES = 4 * MAX_MESSAGE_BYTES
PING_SECONDS = 20
#: How long a phone that is cut off may take to say so too; it may not be listening.
CLOSE_SECONDS = 1.0
#: How soon a phone that was turned away may ask again.
RETRY_AFTER_SECONDS = 2
FAREWELL = "the gateway stops; connect again and send what was not answered"


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
    """

    def __init__(self, settings: GatewaySettings, publisher: KafkaPublisher) -> None:
        self._settings = settings
        self._publisher = publisher
        self._phones: set[PhoneConnection] = set()
        self._is_stopping = False
        self._opened = ExitStack()
        self.measures = GatewayMeasures()

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens: host and port."""
        host, port = self._server.sockets[0].getsockname()[:2]
        return host, port

    async def __aenter__(self) -> Self:
        settings = self._settings
        refusal_log = RefusalLog()
        self._opened.callback(refusal_log.close)
        shared = Shared(
            settings,
            SampleIntake(settings, self.measures),
            Room(settings.max_unconfirmed, self.measures.unconfirmed),
            refusal_log,
            self._opened.enter_context(HangUps()),
            self.measures.waiting,
        )
        self._shared = {
            SAMPLES_PATH: shared,
            ACTIVITIES_PATH: replace(shared, intake=ActivityIntake(settings, self.measures)),
        }
        try:
            self._server = await self._listen()
        except OSError:
            self._opened.close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        self._is_stopping = True
        self._server.close(close_connections=False)
        for phone in self._phones:
            phone.finish(CloseCode.SERVICE_RESTART, FAREWELL)
        # Who is only about to open a connection is not waited for.
        with suppress(TimeoutError):
            async with asyncio.timeout(self._settings.stop_seconds + 2 * CLOSE_SECONDS):
                await self._server.wait_closed()
        self._opened.close()

    async def _listen(self) -> Server:
        settings = self._settings
        return await serve(
            self._serve_phone,
            settings.host,
            settings.port,
            ssl=settings.tls_context(),
            process_request=self._before_upgrade,
            max_size=MAX_FRAME_BYTES,
            max_queue=4,
            compression=None,
            open_timeout=10,
            ping_interval=PING_SECONDS,
            # A phone whose frames wait for Kafka is alive, but its pong is behind them.
            ping_timeout=PING_SECONDS + settings.delivery_timeout_seconds,
            close_timeout=CLOSE_SECONDS,
        )

    def _before_upgrade(self, connection: ServerConnection, request: Request) -> Response | None:
        if request.path == "/healthz":
            return connection.respond(HTTPStatus.OK, "ok\n")
        if request.path == "/metrics" and self._is_authorised(request):
            headers = Headers({"Content-Type": CONTENT_TYPE_LATEST})
            return Response(200, "OK", headers, generate_latest(self.measures.registry))
        if request.path not in self._shared:
            text = f"phones stream to {SAMPLES_PATH}, and report what they classified to {ACTIVITIES_PATH}\n"
            return connection.respond(HTTPStatus.NOT_FOUND, text)
        return self._turn_away(connection, request)

    def _turn_away(self, connection: ServerConnection, request: Request) -> Response | None:
        """Return why a phone is not let in, or None if it is."""
        if not self._is_authorised(request):
            return connection.respond(HTTPStatus.UNAUTHORIZED, "send the gateway's token: Authorization: Bearer …\n")
        if not self._publisher.is_ready:
            return _unavailable(connection, "Kafka is away")
        if len(self._phones) >= self._settings.max_connections:
            return _unavailable(connection, "too many phones are connected")
        return None

    def _is_authorised(self, request: Request) -> bool:
        if self._settings.token is None:
            return True
        said = request.headers.get("Authorization", "")
        expected = f"Bearer {self._settings.token.get_secret_value()}"
        return hmac.compare_digest(said.encode(), expected.encode())

    async def _serve_phone(self, connection: ServerConnection) -> None:
        if self._is_stopping:
            await connection.close(CloseCode.SERVICE_RESTART, FAREWELL)
            return
        assert connection.request is not None
        phone = PhoneConnection(connection, self._publisher.lane(), self._shared[connection.request.path])
        self._phones.add(phone)
        self.measures.connections.set(len(self._phones))
        try:
            await phone.serve()
        finally:
            self._phones.discard(phone)
            self.measures.connections.set(len(self._phones))


def _unavailable(connection: ServerConnection, reason: str) -> Response:
    response = connection.respond(
        HTTPStatus.SERVICE_UNAVAILABLE, f"{reason}; keep your readings and try again in {RETRY_AFTER_SECONDS} s\n"
    )
    response.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return response


async def serve_until_stopped(settings: GatewaySettings) -> None:
    """Serve until SIGINT or SIGTERM.

    Raises
    ------
    PublishError
        If Kafka cannot be reached at the start.
    OSError
        If the address cannot be bound.
    """
    async with publisher_for(settings) as publisher:
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        async with Gateway(settings, publisher) as gateway:
            host, port = gateway.address
            scheme = "wss" if settings.tls_certificate else "ws"
            log.info("phones stream to %s://%s:%s%s", scheme, host, port, SAMPLES_PATH)
            await stop.wait()
            log.info("stopping")


def publisher_for(settings: GatewaySettings) -> KafkaPublisher:
    """Return the publisher that a gateway needs."""
    return KafkaPublisher(
        settings.bootstrap,
        (topics.SAMPLES.name, topics.PREDICTIONS.name, topics.REFUSED.name),
        delivery_timeout_seconds=settings.delivery_timeout_seconds,
    )


def run(settings: GatewaySettings) -> int:
    """Run the gateway until it is stopped; return the exit status."""
    logging.config.dictConfig(logging_config("gateway"))
    log.info("%s", settings.describe())
    try:
        asyncio.run(serve_until_stopped(settings))
    except (PublishError, OSError) as error:
        print(f"har gateway: {error}", file=sys.stderr)
        return 1
    return 0
