"""The Python device client: streams a phone's readings to a gateway, buffers while it is away, and resumes."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Literal, Self
from urllib.parse import urlsplit

import numpy as np
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI

from har.samples import (
    NOTHING_EARLIER,
    Axes,
    SampleBatch,
    Times,
    check_identifier,
    encode_batch,
    in_order_batch,
)
from har.settings import is_loopback
from ingest.messages import Accepted, Refused, decode_answer

log = logging.getLogger(__name__)

FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 10.0
_PERMANENT_STATUS = (400, 401, 403, 404)


class GatewayRefusesError(RuntimeError):
    """The gateway does not let this device in; trying again is of no use."""


class PhoneClient:
    """Streams one session of one device.

    Readings are numbered in batches, sent in order, and kept until the gateway has said that Kafka has
    them. When the connection breaks, the client connects again (with growing pauses) and sends everything
    that was not answered; what the gateway had already is recognised as a repeat and merged.

    Parameters
    ----------
    url : str
        The gateway's, such as ``ws://127.0.0.1:8600/v1/samples``.
    device : str
        This device's name.
    session : str, optional
        Name of the session; made from the time if not given. A session's numbering begins at 0: after a
        restart, begin another.
    token : str, optional
        What the gateway asks for.
    batch_readings : int
        Readings a batch.
    max_buffered : int
        Batches kept while they are not confirmed. When they are this many, `send` waits.
    on_accepted : callable, optional
        Called with each batch that Kafka has.
    on_refused : callable, optional
        Called with each batch that was refused, and why. Refused batches are not sent again.
    on_disconnected : callable, optional
        Called whenever the gateway is lost or cannot be reached.
    finish_seconds : float, optional
        How long leaving the context waits for Kafka to have everything; without it, as long as it takes.

    Examples
    --------
    ::

        async with PhoneClient("ws://127.0.0.1:8600/v1/samples", "my-phone") as phone:
            await phone.send(times_us, axes)   # int64 (n,), float32 (n, 3) in m/s²
    """

    def __init__(
        self,
        url: str,
        device: str,
        *,
        session: str | None = None,
        token: str | None = None,
        batch_readings: int = 50,
        max_buffered: int = 1_000,
        on_accepted: Callable[[SampleBatch], None] | None = None,
        on_refused: Callable[[SampleBatch, Refused], None] | None = None,
        on_disconnected: Callable[[], None] | None = None,
        finish_seconds: float | None = None,
    ) -> None:
        self.device = device
        self.session = session or f"s{time.time_ns() // 1_000_000}"
        check_identifier("device", self.device)
        check_identifier("session", self.session)
        self._url = url
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._size = batch_readings
        self._max_buffered = max_buffered
        self._on_accepted = on_accepted
        self._on_refused = on_refused
        self._on_disconnected = on_disconnected
        self._finish_seconds = finish_seconds
        # Loopback is reached directly, whatever proxy the environment names.
        self._proxy: Literal[True] | None = None if is_loopback(urlsplit(url).hostname or "") else True
        self._unbatched_times: Times = np.empty(0, np.int64)
        self._unbatched_axes: Axes = np.empty((0, 3), np.float32)
        self._last_time = NOTHING_EARLIER
        self._batched_until = NOTHING_EARLIER
        self._next_sequence = 0
        self._open: deque[SampleBatch] = deque()
        self._sent = 0  # how many of `_open` went over the present connection
        self._changed = asyncio.Condition()
        self._task: asyncio.Task[None] | None = None
        self.accepted = 0
        self.refused = 0
        self.connections = 0

    @property
    def unconfirmed(self) -> int:
        """How many batches Kafka has not confirmed yet."""
        return len(self._open)

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._stay_connected())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                async with asyncio.timeout(self._finish_seconds):
                    await self.finish()
        except TimeoutError:
            log.warning("%s: leaves with %d batches unconfirmed", self.device, len(self._open))
        finally:
            assert self._task is not None
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def send(self, times: Times, axes: Axes) -> None:
        """Take readings and send every full batch; waits while the buffer is full.

        Parameters
        ----------
        times : ndarray of int64, shape (n,)
            µs since the epoch, strictly increasing over the whole session.
        axes : ndarray of float32, shape (n, 3)
            m/s², gravity included.

        Raises
        ------
        ValueError
            If a time is not later than the one before.
        GatewayRefusesError
            If the gateway does not let this device in.
        """
        if not len(times):
            return
        if int(times[0]) <= self._last_time or bool((np.diff(times) <= 0).any()):
            raise ValueError("event times must strictly increase; send what is out of order with send_batch")
        self._last_time = int(times[-1])
        self._unbatched_times = np.concatenate((self._unbatched_times, times))
        self._unbatched_axes = np.concatenate((self._unbatched_axes, axes.astype(np.float32, copy=False)))
        while len(self._unbatched_times) >= self._size:
            await self._send_in_order(self._size)

    async def send_batch(self, batch: SampleBatch) -> None:
        """Send a batch that was made elsewhere, with its own promises; waits while the buffer is full.

        Raises
        ------
        GatewayRefusesError
            If the gateway does not let this device in.
        """
        async with self._changed:
            await self._changed.wait_for(lambda: len(self._open) < self._max_buffered or self._has_failed())
            self._raise_failure()
            self._open.append(batch)
            self._changed.notify_all()

    async def finish(self) -> None:
        """Send what is left and wait until Kafka has everything.

        Raises
        ------
        GatewayRefusesError
            If the gateway does not let this device in.
        """
        if len(self._unbatched_times):
            await self._send_in_order(len(self._unbatched_times))
        async with self._changed:
            await self._changed.wait_for(lambda: not self._open or self._has_failed())
            self._raise_failure()

    async def _send_in_order(self, count: int) -> None:
        times, self._unbatched_times = self._unbatched_times[:count], self._unbatched_times[count:]
        axes, self._unbatched_axes = self._unbatched_axes[:count], self._unbatched_axes[count:]
        batch = in_order_batch(
            self.device, self.session, self._next_sequence, times, axes, earlier_until=self._batched_until
        )
        self._next_sequence += 1
        self._batched_until = int(times[-1])
        await self.send_batch(batch)

    def _has_failed(self) -> bool:
        return self._task is not None and self._task.done()

    def _raise_failure(self) -> None:
        if self._task is not None and self._task.done() and not self._task.cancelled():
            self._task.result()

    async def _stay_connected(self) -> None:
        pause = FIRST_PAUSE_SECONDS
        try:
            while True:
                try:
                    async with connect(
                        self._url,
                        additional_headers=self._headers,
                        compression=None,
                        max_size=65_536,
                        proxy=self._proxy,
                    ) as connection:
                        self.connections += 1
                        pause = FIRST_PAUSE_SECONDS
                        await self._converse(connection)
                except InvalidURI as error:
                    raise GatewayRefusesError(str(error)) from error
                except (ConnectionClosed, OSError, TimeoutError, InvalidHandshake) as error:
                    _raise_if_permanent(error)
                    level = logging.WARNING if pause == FIRST_PAUSE_SECONDS else logging.INFO
                    log.log(level, "%s: no gateway (%s); %d batches wait", self.device, error, len(self._open))
                    if self._on_disconnected:
                        self._on_disconnected()
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
        finally:
            async with self._changed:
                self._changed.notify_all()

    async def _converse(self, connection: ClientConnection) -> None:
        self._sent = 0
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._send_forever(connection))
                tasks.create_task(self._hear_forever(connection))
        except* ConnectionClosed as errors:
            raise errors.exceptions[0] from None

    async def _send_forever(self, connection: ClientConnection) -> None:
        while True:
            async with self._changed:
                await self._changed.wait_for(lambda: self._sent < len(self._open))
                batch = self._open[self._sent]
                self._sent += 1
            await connection.send(encode_batch(batch))

    async def _hear_forever(self, connection: ClientConnection) -> None:
        while True:
            answer = decode_answer(await connection.recv())
            async with self._changed:
                self._settle(answer)
                self._changed.notify_all()

    def _settle(self, answer: Accepted | Refused) -> None:
        batch = self._open.popleft()
        self._sent -= 1
        if isinstance(answer, Accepted):
            if answer.sequence != batch.sequence:
                raise RuntimeError(f"the gateway answered {answer.sequence} before {batch.sequence}")
            self.accepted += 1
            if self._on_accepted:
                self._on_accepted(batch)
            return
        self.refused += 1
        log.warning("%s: batch %d refused: %s: %s", self.device, batch.sequence, answer.code, answer.detail)
        if self._on_refused:
            self._on_refused(batch, answer)


def _raise_if_permanent(error: Exception) -> None:
    if isinstance(error, InvalidStatus) and error.response.status_code in _PERMANENT_STATUS:
        said = error.response.body.decode(errors="replace").strip() if error.response.body else ""
        raise GatewayRefusesError(f"{error.response.status_code}: {said}") from error
