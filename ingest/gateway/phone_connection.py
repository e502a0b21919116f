"""One phone's connection: its frames are published in order, and answered in order once Kafka has confirmed them.

While too many batches of this phone or of all phones wait for Kafka, the gateway reads no further frames. It notifies
the phone; TCP slows the phone down, and its client buffers.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass

from aiohttp import WSCloseCode
from prometheus_client import Gauge

from har.gateway_messages import Clock, GatewayMessage, Rejected, Waiting, decode_question, encode_message
from har.process.clock import now_us
from ingest.gateway.admission import Caller
from ingest.gateway.frames import Intake, PendingFrame
from ingest.gateway.hang_ups import HangUps
from ingest.gateway.pacing import Paces
from ingest.gateway.phone_socket import PhoneLeftError, PhoneSocket
from ingest.gateway.publisher import OrderedSender, PublishError
from ingest.gateway.rejected_requests import RejectedDocuments
from ingest.gateway.rejection_limits import RejectionBudget, RejectionLog
from ingest.gateway.settings import GatewaySettings

log = logging.getLogger(__name__)

#: Close codes of this protocol.
TOKEN_EXPIRED = 4401
REVOKED = 4403
#: Interval between pings to a phone.
PING_SECONDS = 20.0


class InFlightLimit:
    """Limits the number of batches, of all phones together, that wait for Kafka.

    Parameters
    ----------
    limit : int
        The largest number of batches in flight.
    in_flight : Gauge
        Shows the current number of batches in flight.
    """

    def __init__(self, limit: int, in_flight: Gauge) -> None:
        self._free = asyncio.Semaphore(limit)
        self._in_flight = 0
        in_flight.set_function(lambda: self._in_flight)

    @property
    def is_full(self) -> bool:
        """Whether the limit is reached, so that `acquire` has to wait."""
        return self._free.locked()

    async def acquire(self) -> None:
        """Add a batch; wait while the limit is reached."""
        await self._free.acquire()
        self._in_flight += 1

    def release(self, _: object = None) -> None:
        """Remove a batch."""
        self._free.release()
        self._in_flight -= 1


@dataclass(frozen=True)
class Shared:
    """The objects that all connections of a gateway share.

    Attributes
    ----------
    settings : GatewaySettings
        Limits.
    intake : Intake
        Checks and publishes frames.
    in_flight : InFlightLimit
        Limits the batches of all connections that wait for Kafka.
    paces : Paces
        Limits the messages per second.
    rejection_log : RejectionLog
        Logs rejections.
    rejected_documents : RejectedDocuments
        Keeps the rejected documents of HTTP requests.
    hang_ups : HangUps
        Detects phones that disconnect while their sockets are not read.
    waiting : Gauge
        Shows the number of phones that were notified that they have to wait.
    """

    settings: GatewaySettings
    intake: Intake
    in_flight: InFlightLimit
    paces: Paces
    rejection_log: RejectionLog
    rejected_documents: RejectedDocuments
    hang_ups: HangUps
    waiting: Gauge


class PhoneConnection:
    """Serves one phone's connection.

    Parameters
    ----------
    socket : PhoneSocket
        The phone's WebSocket.
    caller : Caller
        Who the phone is, by its token.
    ordered_sender : OrderedSender
        Publishes this connection's messages to Kafka, in order.
    shared : Shared
        The objects that all connections share.
    """

    def __init__(self, socket: PhoneSocket, caller: Caller, ordered_sender: OrderedSender, shared: Shared) -> None:
        settings = shared.settings
        self._socket = socket
        self.caller = caller
        self._ordered_sender = ordered_sender
        self._shared = shared
        self._loop = asyncio.get_running_loop()
        self._address = socket.address
        #: Whose rate limit applies: the device's, or the address's for callers that may send as any device.
        self._pace_key = caller.sender(self._address)
        self._own_slots = asyncio.Semaphore(settings.max_unconfirmed_per_connection)
        #: Frames that wait for Kafka, in order; at most `max_unconfirmed_per_connection`.
        self._pending: asyncio.Queue[PendingFrame] = asyncio.Queue()
        self._budget = RejectionBudget(settings.max_rejections_per_minute, clock=self._loop.time)
        #: Arrival time of each frame without an answer, by the loop's clock, s.
        self._unanswered: deque[float] = deque()
        self._has_unanswered = asyncio.Event()
        self._has_answered = asyncio.Event()
        self._last_answer = self._loop.time()
        self._reading: asyncio.Task[None] | None = None
        self._is_blocked = False
        self._is_paced = False
        self._has_left = asyncio.Event()
        self._close_reason: tuple[int, str] | None = None
        #: Called once with the device's name, as soon as it is known.
        self.on_device: Callable[[str], None] | None = None

    async def serve(self) -> None:
        """Serve until the phone or the gateway closes the connection."""
        try:
            with self._shared.hang_ups.watched(self._socket.descriptor, self._on_hang_up):
                async with asyncio.TaskGroup() as tasks:
                    await self._run_tasks(tasks)
        except* PhoneLeftError:
            pass
        except* PublishError as errors:
            reason = str(errors.exceptions[0])
            log.info("disconnecting phone %s: Kafka did not confirm its batches: %s", self._address, reason)
            self._close_reason = WSCloseCode.TRY_AGAIN_LATER, f"Kafka does not confirm batches; resume later: {reason}"
        if self._close_reason is None:
            log.debug("phone %s disconnected", self._address)
            return
        await self._socket.close(*self._close_reason)

    async def notify(self, message: GatewayMessage) -> None:
        """Send a message between the answers; do nothing if the phone has disconnected."""
        with suppress(PhoneLeftError):
            await self._socket.send(encode_message(message))

    def finish(self, code: int, reason: str) -> None:
        """Stop reading, answer what Kafka confirms within `stop_seconds`, and close the connection."""
        self._close_reason = self._close_reason or (code, reason)
        if self._reading is not None:
            self._reading.cancel()

    async def _run_tasks(self, tasks: asyncio.TaskGroup) -> None:
        background = [
            tasks.create_task(work) for work in (self._send_answers(), self._notify_waiting(), self._keep_alive())
        ]
        self._reading = tasks.create_task(self._read())
        if self._close_reason is not None:
            self._reading.cancel()
        await asyncio.wait({self._reading})
        if self._close_reason is not None and not self._has_left.is_set():
            answered, left = tasks.create_task(self._pending.join()), tasks.create_task(self._has_left.wait())
            seconds = self._shared.settings.stop_seconds
            await asyncio.wait({answered, left}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            answered.cancel()
            left.cancel()
        for task in background:
            task.cancel()

    def _on_hang_up(self) -> None:
        """Stop reading if it is blocked, because the phone has disconnected; pending frames are still published."""
        self._has_left.set()
        if self._is_blocked and self._reading is not None:
            self._reading.cancel()
            self._socket.abort()

    async def _read(self) -> None:
        frames = self._socket.frames()
        async with aclosing(frames):
            async for frame in frames:
                arrived = now_us()
                if (question := decode_question(frame) if _may_be_question(frame) else None) is not None:
                    await self._socket.send(encode_message(Clock(question.sent, arrived)))
                    continue
                self._unanswered.append(self._loop.time())
                self._has_unanswered.set()
                if not await self._acquire_slots():
                    return
                if not self._handle(frame, arrived):
                    per_minute = self._shared.settings.max_rejections_per_minute
                    self._close_reason = (
                        WSCloseCode.POLICY_VIOLATION,
                        f"Over {per_minute} messages were rejected in a minute. See the answers.",
                    )
                    return

    async def _acquire_slots(self) -> bool:
        """Wait until one more batch may be in flight; return False if the phone has disconnected before."""
        own, in_flight = self._own_slots, self._shared.in_flight
        delay = self._shared.paces.take(self._pace_key)
        if delay or own.locked() or in_flight.is_full:
            if self._has_left.is_set():
                return False
            self._is_blocked = True
        try:
            if delay:
                self._is_paced = True
                await asyncio.sleep(delay)
                self._is_paced = False
            await own.acquire()
            await in_flight.acquire()
        finally:
            self._is_blocked = False
        return True

    def _handle(self, frame: str | bytes, arrived_us: int) -> bool:
        """Publish a frame, or its rejection; return whether further frames are allowed."""
        try:
            pending = self._shared.intake.handle(frame, self._ordered_sender, arrived_us, self.caller)
        except BaseException:
            self._shared.in_flight.release()
            raise
        pending.confirmed.add_done_callback(self._shared.in_flight.release)
        if pending.device is not None and self.on_device is not None:
            on_device, self.on_device = self.on_device, None
            on_device(pending.device)
        self._pending.put_nowait(pending)
        if not isinstance(pending.answer, Rejected):
            return True
        self._shared.rejection_log.note(self._address, len(frame), pending.answer)
        return self._budget.spend()

    async def _send_answers(self) -> None:
        while True:
            pending = await self._pending.get()
            # Shielded, so that the end of this task does not cancel a publication whose outcome is still counted.
            await asyncio.shield(pending.confirmed)
            await self._socket.send(encode_message(pending.answer))
            self._last_answer = self._loop.time()
            self._own_slots.release()
            self._unanswered.popleft()
            if not self._unanswered:
                self._has_unanswered.clear()
            self._has_answered.set()
            self._pending.task_done()

    async def _notify_waiting(self) -> None:
        while True:
            await self._has_unanswered.wait()
            # Answers that are late but steady need no notification.
            waits_since = max(self._unanswered[0], self._last_answer)
            overdue_in = waits_since + self._shared.settings.waiting_notice_seconds - self._loop.time()
            if overdue_in > 0:
                await asyncio.sleep(overdue_in)
                continue
            self._has_answered.clear()
            with self._shared.waiting.track_inprogress():
                await self._socket.send(encode_message(self._waiting()))
                await self._has_answered.wait()

    async def _keep_alive(self) -> None:
        """Send pings, because proxies end a connection over which nothing is sent, nginx after 60 s."""
        while True:
            await asyncio.sleep(PING_SECONDS)
            await self._socket.ping()

    def _waiting(self) -> Waiting:
        waited = round(self._loop.time() - self._unanswered[0], 1)
        if len(self._unanswered) == 1 and self._is_blocked:
            return Waiting("rate" if self._is_paced else "room", waited)
        return Waiting("kafka", waited)


def _may_be_question(frame: str | bytes) -> bool:
    return isinstance(frame, str) and len(frame) < 100
