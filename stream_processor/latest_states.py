"""Keep each device's latest prediction in Redis, under a key of its own."""

import asyncio
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import redis.asyncio

from har.live import device_key
from har.process.back_off import BackOff
from har.process.redis_clients import OpenedRedis, failures_of
from har.process.redis_commands import failed_of, first_error, set_each
from har.process.redis_condition import RedisCondition, RedisFault
from har.process.redis_errors import kind_of
from har.process.redis_writing import write_forever

MAX_IN_ONE_TRIP = 500
MAX_DEVICES = 10_000
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.1, 5.0
PURPOSE = "keep the latest predictions of devices"

_FAILURES = failures_of(redis.asyncio)


class _State(NamedTuple):
    message: bytes
    offered: float


@dataclass(frozen=True)
class KeepingTimes:
    """How long a state counts.

    Attributes
    ----------
    latest_seconds : int
        How long Redis keeps a device's latest prediction, s.
    clock : callable
        Returns seconds.
    """

    latest_seconds: int
    clock: Callable[[], float] = time.monotonic


class LatestStates:
    """Writes the newest state of each device. A state that Redis rejects is tried again until it is too old.

    Parameters
    ----------
    times : KeepingTimes
        How long a state counts.
    condition : RedisCondition
        Notes successes and failures.
    on_fault : callable
        Called with each fault, so that dashboards can be told.
    on_end : callable
        Called with the newest fault when an attempt succeeds again.
    on_dropped : callable
        Called for each state that is dropped because too many devices wait.
    """

    def __init__(
        self,
        times: KeepingTimes,
        condition: RedisCondition,
        *,
        on_fault: Callable[[RedisFault], None],
        on_end: Callable[[RedisFault], None],
        on_dropped: Callable[[], None],
    ) -> None:
        self._times = times
        self._condition = condition
        self._on_fault = on_fault
        self._on_end = on_end
        self._on_dropped = on_dropped
        self._waiting: dict[str, _State] = {}
        self._in_flight = 0
        self._news = asyncio.Event()

    def __len__(self) -> int:
        """Return the number of devices whose state waits."""
        return len(self._waiting) + self._in_flight

    def offer(self, device: str, message: bytes) -> None:
        """Replace the state of a device; the oldest state is dropped if too many devices wait."""
        self._waiting.pop(device, None)
        if len(self._waiting) >= MAX_DEVICES:
            del self._waiting[next(iter(self._waiting))]
            self._on_dropped()
        self._waiting[device] = _State(message, self._times.clock())
        self._news.set()

    async def run(self, opened: OpenedRedis["redis.asyncio.Redis"]) -> None:
        """Write states until cancelled."""

        async def write() -> Exception | None:
            try:
                return await self._write_all(opened)
            except _FAILURES as error:
                return error

        async def note(error: Exception | None) -> None:
            if error is not None:
                self._on_fault(self._condition.note_failure(PURPOSE, error))
                await self._leave_replica(opened, error)
            elif (ended := self._condition.note_success(PURPOSE)) is not None:
                self._on_end(ended)

        back_off = BackOff(FIRST_PAUSE_SECONDS, longest=LONGEST_PAUSE_SECONDS)
        await write_forever(self._news, write, note, back_off)

    async def _write_all(self, opened: OpenedRedis["redis.asyncio.Redis"]) -> Exception | None:
        """Write what waits; stop at the first trip with an error, and return that error."""
        while self._waiting:
            states = self._take()
            self._in_flight = len(states)
            error: Exception | None = None
            failed = states
            try:
                outcomes = await set_each(
                    opened,
                    [(device_key(device), state.message, self._seconds_left(state)) for device, state in states],
                )
                error = first_error(outcomes)
                failed = failed_of(states, outcomes)
            finally:
                self._in_flight = 0
                for device, state in failed:
                    self._waiting.setdefault(device, state)  # unless there is a newer one by now
            if error is not None:
                return error
        return None

    def _take(self) -> list[tuple[str, _State]]:
        names = list(self._waiting)[:MAX_IN_ONE_TRIP]
        states = [(device, self._waiting.pop(device)) for device in names]
        return [(device, state) for device, state in states if self._seconds_left(state) > 0]

    def _seconds_left(self, state: _State) -> int:
        return math.ceil(self._times.latest_seconds - (self._times.clock() - state.offered))

    async def _leave_replica(self, opened: OpenedRedis["redis.asyncio.Redis"], error: Exception) -> None:
        """Connect again if the server has become a replica: the name in the URL may belong to a new master by now."""
        if not opened.is_cluster and kind_of(error) == "READONLY":
            # Those in use break off only when they have done their work: publications on their way come once.
            pool: Any = opened.client.connection_pool  # redis-py states no types there
            await pool.update_active_connections_for_reconnect()
            await pool.disconnect(inuse_connections=False)
