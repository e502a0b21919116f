"""One phone's connection: its frames are taken in order, and answered in order once Kafka has them.

While too many batches wait for Kafka, of this phone or of all, nothing more is read from the socket. The
phone is told, TCP slows it, and its client buffers.
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
from ingest.gateway.admission import Caller
from ingest.gateway.frames import Intake, Taken, now_us
from ingest.gateway.hang_ups import HangUps
from ingest.gateway.pacing import Paces
from ingest.gateway.phone_socket import PhoneLeftError, PhoneSocket
from ingest.gateway.publisher import OrderedSender, PublishError
from ingest.gateway.rejection_limits import RejectionBudget, RejectionLog
from ingest.gateway.settings import GatewaySettings

log = logging.getLogger(__name__)

#: Close codes of this protocol's own.
TOKEN_EXPIRED = 4401
REVOKED = 4403


class InFlightLimit:
    """Places for the batches, of all phones together, that wait for Kafka.

    Parameters
    ----------
    places : int
        How many there are.
    taken : Gauge
        Shows how many are taken.
    """

    def __init__(self, places: int, taken: Gauge) -> None:
        self._free = asyncio.Semaphore(places)
        self._taken = 0
        taken.set_function(lambda: self._taken)

    @property
    def is_full(self) -> bool:
        """Whether one has to wait for a place."""
        return self._free.locked()

    async def enter(self) -> None:
        """Take a place; waits while there is none."""
        await self._free.acquire()
        self._taken += 1

    def leave(self, _: object = None) -> None:
        """Give a place back."""
        self._free.release()
        self._taken -= 1


@dataclass(frozen=True)
class Shared:
    """What all connections of a gateway have in common."""

    settings: GatewaySettings
    intake: Intake
    room: InFlightLimit
    paces: Paces
    rejection_log: RejectionLog
    hang_ups: HangUps
    told_to_wait: Gauge


class PhoneConnection:
    """Serves one connection.

    Parameters
    ----------
    socket : PhoneSocket
        The phone.
    caller : Caller
        Who it is, as far as it had to say so.
    lane : OrderedSender
        The way to Kafka, for this connection alone.
    shared : Shared
        What all connections have in common.
    """

    def __init__(self, socket: PhoneSocket, caller: Caller, lane: OrderedSender, shared: Shared) -> None:
        settings = shared.settings
        self._socket = socket
        self.caller = caller
        self._lane = lane
        self._shared = shared
        self._loop = asyncio.get_running_loop()
        self._address = socket.address
        #: Those that may send as any device share a pace by their address.
        self._paced_as = caller.device or f"@{self._address}"
        self._own_places = asyncio.Semaphore(settings.max_unconfirmed_per_connection)
        #: As many at most as there are own places.
        self._owed: asyncio.Queue[Taken] = asyncio.Queue()
        self._budget = RejectionBudget(settings.max_rejections_per_minute, clock=self._loop.time)
        #: When each frame without an answer came, by the loop's clock.
        self._unanswered: deque[float] = deque()
        self._has_unanswered = asyncio.Event()
        self._has_answered = asyncio.Event()
        self._last_answer = self._loop.time()
        self._reading: asyncio.Task[None] | None = None
        self._is_held_up = False
        self._is_paced = False
        self._left = asyncio.Event()
        self._farewell: tuple[int, str] | None = None
        #: Called once with the device's name, when it is known.
        self.on_device: Callable[[str], None] | None = None

    async def serve(self) -> None:
        """Serve until either side ends the connection."""
        try:
            with self._shared.hang_ups.watched(self._socket.descriptor, self._leave):
                async with asyncio.TaskGroup() as tasks:
                    await self._converse(tasks)
        except* PhoneLeftError:
            pass
        except* PublishError as errors:
            reason = str(errors.exceptions[0])
            log.info("phone %s is cut off, Kafka did not take its batches: %s", self._address, reason)
            self._farewell = WSCloseCode.TRY_AGAIN_LATER, f"Kafka is not taking batches; resume later: {reason}"
        if self._farewell is None:
            log.debug("phone %s left", self._address)
            return
        await self._socket.close(*self._farewell)

    async def tell(self, message: GatewayMessage) -> None:
        """Say something between the answers; a phone that has left is not told."""
        with suppress(PhoneLeftError):
            await self._socket.send(encode_message(message))

    def finish(self, code: int, reason: str) -> None:
        """Read no more, answer what Kafka confirms within the time for that, and close the connection."""
        self._farewell = self._farewell or (code, reason)
        if self._reading is not None:
            self._reading.cancel()

    async def _converse(self, tasks: asyncio.TaskGroup) -> None:
        others = [tasks.create_task(self._answer_forever()), tasks.create_task(self._tell_of_waiting())]
        self._reading = tasks.create_task(self._read())
        if self._farewell is not None:
            self._reading.cancel()
        await asyncio.wait({self._reading})
        if self._farewell is not None and not self._left.is_set():
            answered, left = tasks.create_task(self._owed.join()), tasks.create_task(self._left.wait())
            seconds = self._shared.settings.stop_seconds
            await asyncio.wait({answered, left}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            answered.cancel()
            left.cancel()
        for task in others:
            task.cancel()

    def _leave(self) -> None:
        """End a wait for Kafka: nobody is there any more. What has been taken stays on its way."""
        self._left.set()
        if self._is_held_up and self._reading is not None:
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
                if not await self._get_place():
                    return
                if not self._take(frame, arrived):
                    per_minute = self._shared.settings.max_rejections_per_minute
                    self._farewell = (
                        WSCloseCode.POLICY_VIOLATION,
                        f"over {per_minute} messages rejected in a minute; see the answers",
                    )
                    return

    async def _get_place(self) -> bool:
        """Wait for a place for one more batch; return whether there is one, and a phone to answer to."""
        own, room = self._own_places, self._shared.room
        too_early = self._shared.paces.take(self._paced_as)
        if too_early or own.locked() or room.is_full:
            if self._left.is_set():
                return False
            self._is_held_up = True
        try:
            if too_early:
                self._is_paced = True
                await asyncio.sleep(too_early)
                self._is_paced = False
            await own.acquire()
            await room.enter()
        finally:
            self._is_held_up = False
        return True

    def _take(self, frame: str | bytes, arrived_us: int) -> bool:
        """Take a frame; return whether another one may come."""
        try:
            taken = self._shared.intake.take(frame, self._lane, arrived_us, self.caller)
        except BaseException:
            self._shared.room.leave()
            raise
        taken.confirmed.add_done_callback(self._shared.room.leave)
        if taken.device is not None and self.on_device is not None:
            tell, self.on_device = self.on_device, None
            tell(taken.device)
        self._owed.put_nowait(taken)
        if not isinstance(taken.answer, Rejected):
            return True
        self._shared.rejection_log.note(self._address, len(frame), taken.answer)
        return self._budget.spend()

    async def _answer_forever(self) -> None:
        while True:
            taken = await self._owed.get()
            # Shielded: a phone that leaves must not cancel what others count on.
            await asyncio.shield(taken.confirmed)
            await self._socket.send(encode_message(taken.answer))
            self._last_answer = self._loop.time()
            self._own_places.release()
            self._unanswered.popleft()
            if not self._unanswered:
                self._has_unanswered.clear()
            self._has_answered.set()
            self._owed.task_done()

    async def _tell_of_waiting(self) -> None:
        while True:
            await self._has_unanswered.wait()
            # What is answered late but steadily is no reason to say anything.
            waits_since = max(self._unanswered[0], self._last_answer)
            overdue_in = waits_since + self._shared.settings.waiting_notice_seconds - self._loop.time()
            if overdue_in > 0:
                await asyncio.sleep(overdue_in)
                continue
            self._has_answered.clear()
            with self._shared.told_to_wait.track_inprogress():
                await self._socket.send(encode_message(self._waiting()))
                await self._has_answered.wait()

    def _waiting(self) -> Waiting:
        waited = round(self._loop.time() - self._unanswered[0], 1)
        if len(self._unanswered) == 1 and self._is_held_up:
            return Waiting("rate" if self._is_paced else "room", waited)
        return Waiting("kafka", waited)


def _may_be_question(frame: str | bytes) -> bool:
    return isinstance(frame, str) and len(frame) < 100
