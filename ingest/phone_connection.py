"""One phone's connection: its frames are taken in order, and answered in order once Kafka has them.

While too many batches wait for Kafka, of this phone or of all, nothing more is read from the socket. The
phone is told, TCP slows it, and its client buffers.
"""

import asyncio
import logging
from collections import deque
from dataclasses import dataclass

from prometheus_client import Gauge
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed
from websockets.frames import CloseCode

from har.gateway_messages import Refused, Waiting, encode_message
from har.settings import GatewaySettings
from ingest.frames import Intake, Taken, now_us
from ingest.hang_ups import HangUps
from ingest.publisher import Lane, PublishError
from ingest.refusal_limits import RefusalBudget, RefusalLog

log = logging.getLogger(__name__)

MAX_CLOSE_REASON_BYTES = 120


class Room:
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
        self._taken = taken

    @property
    def is_full(self) -> bool:
        """Whether one has to wait for a place."""
        return self._free.locked()

    async def enter(self) -> None:
        """Take a place; waits while there is none."""
        await self._free.acquire()
        self._taken.inc()

    def leave(self, _: object = None) -> None:
        """Give a place back."""
        self._free.release()
        self._taken.dec()


@dataclass(frozen=True)
class Shared:
    """What all connections of a gateway have in common."""

    settings: GatewaySettings
    intake: Intake
    room: Room
    refusal_log: RefusalLog
    hang_ups: HangUps
    told_to_wait: Gauge


class PhoneConnection:
    """Serves one connection.

    Parameters
    ----------
    connection : ServerConnection
        The phone.
    lane : Lane
        The way to Kafka, for this connection alone.
    shared : Shared
        What all connections have in common.
    """

    def __init__(self, connection: ServerConnection, lane: Lane, shared: Shared) -> None:
        settings = shared.settings
        self._connection = connection
        self._lane = lane
        self._shared = shared
        self._loop = asyncio.get_running_loop()
        self._address = ":".join(str(part) for part in connection.remote_address[:2])
        self._own_places = asyncio.Semaphore(settings.max_unconfirmed_per_connection)
        #: As many at most as there are own places.
        self._owed: asyncio.Queue[Taken] = asyncio.Queue()
        self._budget = RefusalBudget(settings.max_refusals_per_minute, clock=self._loop.time)
        #: When each frame without an answer came, by the loop's clock.
        self._unanswered: deque[float] = deque()
        self._has_unanswered = asyncio.Event()
        self._has_answered = asyncio.Event()
        self._last_answer = self._loop.time()
        self._reading: asyncio.Task[None] | None = None
        self._is_held_up = False
        self._has_left = False
        self._farewell: tuple[int, str] | None = None

    async def serve(self) -> None:
        """Serve until either side ends the connection."""
        descriptor = self._connection.transport.get_extra_info("socket").fileno()
        try:
            with self._shared.hang_ups.watched(descriptor, self._leave):
                async with asyncio.TaskGroup() as tasks:
                    await self._converse(tasks)
        except* ConnectionClosed:
            pass
        except* PublishError as errors:
            reason = str(errors.exceptions[0])
            log.info("phone %s is cut off, Kafka did not take its batches: %s", self._address, reason)
            self._farewell = CloseCode.TRY_AGAIN_LATER, f"Kafka is not taking batches; resume later: {reason}"
        if self._farewell is None:
            log.debug("phone %s left", self._address)
            return
        code, reason = self._farewell
        await self._connection.close(code, reason.encode()[:MAX_CLOSE_REASON_BYTES].decode(errors="ignore"))

    def finish(self, code: int, reason: str) -> None:
        """Read no more, answer what Kafka confirms within the time for that, and close the connection."""
        self._farewell = self._farewell or (code, reason)
        if self._reading is not None:
            self._reading.cancel()

    async def _converse(self, tasks: asyncio.TaskGroup) -> None:
        others = [tasks.create_task(self._answer_forever()), tasks.create_task(self._tell_of_waiting())]
        left = tasks.create_task(self._notice_leaving())
        self._reading = tasks.create_task(self._read())
        if self._farewell is not None:
            self._reading.cancel()
        await asyncio.wait({self._reading})
        if self._farewell is not None and not self._has_left:
            answered = tasks.create_task(self._owed.join())
            seconds = self._shared.settings.stop_seconds
            await asyncio.wait({answered, left}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            others.append(answered)
        for task in (*others, left):
            task.cancel()

    async def _notice_leaving(self) -> None:
        await self._connection.wait_closed()
        self._leave()

    def _leave(self) -> None:
        """End a wait for Kafka: nobody is there any more. What has been taken stays on its way."""
        self._has_left = True
        if self._is_held_up and self._reading is not None:
            self._reading.cancel()
            self._connection.transport.abort()

    async def _read(self) -> None:
        async for frame in self._connection:
            self._unanswered.append(self._loop.time())
            self._has_unanswered.set()
            arrived = now_us()
            if not await self._get_place():
                return
            if not self._take(frame, arrived):
                per_minute = self._shared.settings.max_refusals_per_minute
                self._farewell = (
                    CloseCode.POLICY_VIOLATION,
                    f"over {per_minute} messages refused in a minute; see the answers",
                )
                return

    async def _get_place(self) -> bool:
        """Wait for a place for one more batch; return whether there is one, and a phone to answer to."""
        own, room = self._own_places, self._shared.room
        if own.locked() or room.is_full:
            if self._has_left:
                return False
            self._is_held_up = True
        try:
            await own.acquire()
            await room.enter()
        finally:
            self._is_held_up = False
        return True

    def _take(self, frame: str | bytes, arrived_us: int) -> bool:
        """Take a frame; return whether another one may come."""
        try:
            taken = self._shared.intake.take(frame, self._lane, arrived_us)
        except BaseException:
            self._shared.room.leave()
            raise
        taken.confirmed.add_done_callback(self._shared.room.leave)
        self._owed.put_nowait(taken)
        if not isinstance(taken.answer, Refused):
            return True
        self._shared.refusal_log.note(self._address, len(frame), taken.answer)
        return self._budget.spend()

    async def _answer_forever(self) -> None:
        while True:
            taken = await self._owed.get()
            # Shielded: a phone that leaves must not cancel what others count on.
            await asyncio.shield(taken.confirmed)
            await self._connection.send(encode_message(taken.answer))
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
                await self._connection.send(encode_message(self._waiting()))
                await self._has_answered.wait()

    def _waiting(self) -> Waiting:
        is_alone_held_up = self._is_held_up and len(self._unanswered) == 1
        waited = self._loop.time() - self._unanswered[0]
        return Waiting("room" if is_alone_held_up else "kafka", round(waited, 1))
