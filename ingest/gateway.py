"""The gateway: phones stream batches over WebSockets; each is acknowledged once Kafka has it.

Back-pressure goes all the way: while too many batches wait for Kafka, nothing more is read from the
sockets, and TCP slows the phones, whose clients buffer.
"""

import asyncio
import hmac
import logging
import logging.config
import signal
import sys
import time
from http import HTTPStatus

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, generate_latest
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from har import topics
from har.assembly import GRACE_US
from har.log_format import logging_config
from har.refusals import Refusal
from har.samples import (
    MAX_MESSAGE_BYTES,
    RejectedBatch,
    SampleBatch,
    decode_batch,
    decode_json_batch,
    encode_batch,
)
from har.settings import GatewaySettings
from ingest.live_limits import LiveLimits
from ingest.messages import Accepted, Answer, Refused, encode_answer
from ingest.publisher import KafkaPublisher, PublishError

log = logging.getLogger(__name__)

SAMPLES_PATH = "/v1/samples"
#: Frames beyond this are refused by closing the connection; those up to it are refused with an answer.
MAX_FRAME_BYTES = 4 * MAX_MESSAGE_BYTES
#: A connection that sent this many refused messages in a row is closed.
MAX_REFUSALS_IN_A_ROW = 100


def now_us() -> int:
    """Return the time in µs since the epoch."""
    return time.time_ns() // 1000


class GatewayMeasures:
    """What the gateway counts, on its `/metrics` page."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.accepted = Counter("har_batches_accepted_total", "Batches Kafka has", registry=self.registry)
        self.readings = Counter("har_readings_accepted_total", "Readings Kafka has", registry=self.registry)
        self.refused = Counter("har_refused_total", "Messages refused", ["code"], registry=self.registry)
        self.failed = Counter("har_batches_failed_total", "Batches Kafka did not take", registry=self.registry)
        self.connections = Gauge("har_connections", "Phones connected", registry=self.registry)
        self.unconfirmed = Gauge("har_unconfirmed", "Batches waiting for Kafka", registry=self.registry)


class Gateway:
    """Serves phones.

    Parameters
    ----------
    settings : GatewaySettings
        Address and limits.
    publisher : KafkaPublisher
        Where batches go.
    """

    def __init__(self, settings: GatewaySettings, publisher: KafkaPublisher) -> None:
        self._settings = settings
        self._publisher = publisher
        self._limits = LiveLimits(
            max_ahead_seconds=settings.max_ahead_seconds,
            max_behind_seconds=settings.max_behind_seconds,
            clock_us=now_us,
        )
        self._room = asyncio.Semaphore(settings.max_unconfirmed)
        self._connected = 0
        self.measures = GatewayMeasures()

    async def listen(self) -> Server:
        """Start to listen; the server is used as an async context manager."""
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
            ping_interval=20,
            ping_timeout=20,
            # A phone that is cut off may not be listening: its socket is full of what was not read.
            close_timeout=1,
        )

    def _before_upgrade(self, connection: ServerConnection, request: Request) -> Response | None:
        if request.path == "/healthz":
            return connection.respond(HTTPStatus.OK, "ok\n")
        if request.path == "/metrics" and self._is_authorised(request):
            headers = Headers({"Content-Type": CONTENT_TYPE_LATEST})
            return Response(200, "OK", headers, generate_latest(self.measures.registry))
        if request.path != SAMPLES_PATH:
            return connection.respond(HTTPStatus.NOT_FOUND, f"phones stream to {SAMPLES_PATH}\n")
        return self._turn_away(connection, request)

    def _turn_away(self, connection: ServerConnection, request: Request) -> Response | None:
        """Return why a phone is not let in, or None if it is."""
        if not self._is_authorised(request):
            return connection.respond(HTTPStatus.UNAUTHORIZED, "send the gateway's token: Authorization: Bearer …\n")
        if not self._publisher.is_ready:
            return connection.respond(HTTPStatus.SERVICE_UNAVAILABLE, "Kafka is away; try again later\n")
        if self._connected >= self._settings.max_connections:
            return connection.respond(HTTPStatus.SERVICE_UNAVAILABLE, "too many phones; try again later\n")
        return None

    def _is_authorised(self, request: Request) -> bool:
        if self._settings.token is None:
            return True
        said = request.headers.get("Authorization", "")
        expected = f"Bearer {self._settings.token.get_secret_value()}"
        return hmac.compare_digest(said.encode(), expected.encode())

    async def _serve_phone(self, connection: ServerConnection) -> None:
        phone = _Phone(connection, self._settings.max_unconfirmed_per_connection)
        self._connected += 1
        self.measures.connections.set(self._connected)
        try:
            async with asyncio.TaskGroup() as tasks:
                answering = tasks.create_task(phone.answer_forever())
                async for frame in connection:
                    await self._take(frame, phone)
                answering.cancel()  # the phone has closed the connection: nobody listens any more
        except* ConnectionClosed:
            log.debug("phone %s left", connection.remote_address)
        except* PublishError as errors:
            self.measures.failed.inc()
            log.error("Kafka did not take a batch of %s: %s", connection.remote_address, errors.exceptions[0])
            await connection.close(1013, f"Kafka is not taking batches; resume later: {errors.exceptions[0]}"[:120])
        finally:
            self._connected -= 1
            self.measures.connections.set(self._connected)

    async def _take(self, frame: str | bytes, phone: "_Phone") -> None:
        arrived = now_us()
        await self._room.acquire()
        self.measures.unconfirmed.inc()
        try:
            answer, done, readings = self._handle(frame, phone, arrived)
        except BaseException:
            self._leave_room()
            raise
        done.add_done_callback(self._leave_room)
        self._count_when_done(done, answer, readings)
        await phone.owe(answer, done)
        if phone.refused_in_a_row >= MAX_REFUSALS_IN_A_ROW:
            await phone.connection.close(1008, "only refused messages")

    def _handle(self, frame: str | bytes, phone: "_Phone", arrived: int) -> tuple[Answer, "asyncio.Future[None]", int]:
        """Publish a frame, as a batch or as a refusal; return the answer, when it is due, and the readings."""
        raw = frame.encode() if isinstance(frame, str) else frame
        is_json = isinstance(frame, str)
        batch: SampleBatch | None = None
        try:
            batch = decode_json_batch(raw, grace_us=GRACE_US) if is_json else decode_batch(raw)
            self._limits.check(batch)
            answer: Answer = Accepted(batch.session, batch.sequence)
            done = self._publish_batch(batch, encode_batch(batch) if is_json else raw, arrived)
            phone.refused_in_a_row = 0
        except RejectedBatch as rejected:
            answer = Refused(
                rejected.code,
                rejected.detail,
                batch.session if batch else None,
                batch.sequence if batch else None,
            )
            done = self._publish_refusal(raw, rejected, batch, arrived)
            phone.refused_in_a_row += 1
        return answer, done, len(batch) if batch else 0

    def _leave_room(self, _: "asyncio.Future[None] | None" = None) -> None:
        self._room.release()
        self.measures.unconfirmed.dec()

    def _count_when_done(self, done: "asyncio.Future[None]", answer: Answer, readings: int) -> None:
        def count(finished: "asyncio.Future[None]") -> None:
            if finished.cancelled() or finished.exception() is not None:
                return
            if isinstance(answer, Refused):
                self.measures.refused.labels(answer.code).inc()
            else:
                self.measures.accepted.inc()
                self.measures.readings.inc(readings)

        done.add_done_callback(count)

    def _publish_batch(self, batch: SampleBatch, message: bytes, arrived: int) -> "asyncio.Future[None]":
        return self._publisher.publish(
            topics.SAMPLES.name, batch.device.encode(), message, arrived_us=arrived, headers=[]
        )

    def _publish_refusal(
        self, message: bytes, rejected: RejectedBatch, batch: SampleBatch | None, arrived: int
    ) -> "asyncio.Future[None]":
        refusal = Refusal(message, rejected.code, rejected.detail, "gateway", batch.device if batch else None)
        log.warning("refused a message of %d bytes: %s", len(message), rejected)
        return self._publisher.publish(
            topics.REFUSED.name, refusal.key, refusal.value, arrived_us=arrived, headers=refusal.headers
        )


class _Phone:
    """One connection: the answers it is owed, in the order of its messages."""

    def __init__(self, connection: ServerConnection, max_unconfirmed: int) -> None:
        self.connection = connection
        self.refused_in_a_row = 0
        self._owed: asyncio.Queue[tuple[Answer, asyncio.Future[None]]] = asyncio.Queue(max_unconfirmed)

    async def owe(self, answer: Answer, confirmed: "asyncio.Future[None]") -> None:
        """Promise an answer once Kafka has confirmed; waits while too many are open."""
        await self._owed.put((answer, confirmed))

    async def answer_forever(self) -> None:
        """Send each answer when it is due."""
        while True:
            answer, confirmed = await self._owed.get()
            # Shielded: a phone that leaves must not cancel what others count on.
            await asyncio.shield(confirmed)
            await self.connection.send(encode_answer(answer))


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
        async with await Gateway(settings, publisher).listen() as server:
            address = server.sockets[0].getsockname()
            log.info("phones stream to ws://%s:%s%s", address[0], address[1], SAMPLES_PATH)
            await stop.wait()


def publisher_for(settings: GatewaySettings) -> KafkaPublisher:
    """Return the publisher that a gateway needs."""
    return KafkaPublisher(
        settings.bootstrap,
        (topics.SAMPLES.name, topics.REFUSED.name),
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
