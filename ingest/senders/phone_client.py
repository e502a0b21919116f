"""The Python client of the gateway: streams a phone's readings, buffers them while disconnected, and resumes."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI

from har.batching import LiveBatches, SessionName
from har.binary_samples import encode_batch
from har.gateway_messages import Accepted, Answer, Rejected, Waiting, decode_message
from har.process.back_off import BackOff
from har.process.clients import authorization, new_session, proxy_for
from har.samples import Axes, SampleBatch, Times
from ingest.senders.disconnects import (
    LONGEST_PAUSE_SECONDS,
    GatewayRejectsError,
    GatewayUnreachableError,
    explain_disconnect,
)

log = logging.getLogger(__name__)
FIRST_PAUSE_SECONDS = 0.2
_PERMANENT_STATUS = (400, 401, 403, 404)
#: Longer than a gateway waits for Kafka. While it waits, it may not read the connection, and so not answer pings.
PING_TIMEOUT_SECONDS = 40


class PhoneClient:
    """Streams one session of one device.

    Readings are cut into numbered batches, sent in order, and kept until the gateway acknowledges that Kafka has them.
    If the connection is lost, the client connects again after a back-off and sends every batch that was not answered.
    Batches that the gateway already had are recognised as repeats downstream.

    Parameters
    ----------
    url : str
        The gateway's URL, such as ``ws://127.0.0.1:8600/v1/samples``.
    device : str
        This device's name.
    session : str, optional
        Name of the session; derived from the time if not given. Its batches count from 0: a restart needs a new one.
    token : str, optional
        The gateway's token, or this device's own.
    batch_readings : int
        Readings per batch.
    max_buffered : int
        Unconfirmed batches that are kept at most; `send` waits while the buffer is full.
    on_accepted : callable, optional
        Called with each batch that Kafka has.
    on_rejected : callable, optional
        Called with each rejected batch and the rejection. Rejected batches are not sent again.
    on_waiting : callable, optional
        Called when the gateway reports that it cannot accept batches for now; not called again until a batch is
        answered. The client continues to buffer.
    on_disconnected : callable, optional
        Called whenever the connection is lost or cannot be opened.
    first_seconds : float, optional
        How long to try to open the first connection, s; without it, without limit.
    finish_seconds : float, optional
        How long leaving the context waits until Kafka has all batches, s; without it, without limit.

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
        on_rejected: Callable[[SampleBatch, Rejected], None] | None = None,
        on_waiting: Callable[[Waiting], None] | None = None,
        on_disconnected: Callable[[], None] | None = None,
        first_seconds: float | None = None,
        finish_seconds: float | None = None,
    ) -> None:
        self.device = device
        self.session = session or new_session()
        self._batches = LiveBatches(SessionName(self.device, self.session), batch_readings)
        self._url = url
        self._headers = authorization(token)
        self._max_buffered = max_buffered
        self._on_accepted = on_accepted
        self._on_rejected = on_rejected
        self._on_waiting = on_waiting
        self._on_disconnected = on_disconnected
        self._first_seconds = first_seconds
        self._finish_seconds = finish_seconds
        self._proxy = proxy_for(url)
        self._open: deque[SampleBatch] = deque()
        self._sent = 0  # number of batches of `_open` that were sent over the current connection
        self._changed = asyncio.Condition()
        self._back_off = BackOff(FIRST_PAUSE_SECONDS, longest=LONGEST_PAUSE_SECONDS)
        self._is_waiting = False
        self._task: asyncio.Task[None] | None = None
        self.accepted = 0
        self.rejected = 0
        self.connections = 0

    @property
    def unconfirmed(self) -> int:
        """Number of batches that Kafka has not confirmed yet."""
        return len(self._open)

    async def __aenter__(self) -> Self:
        self._began_at = time.monotonic()
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
            log.warning("%s: stopped with %d batches unconfirmed", self.device, len(self._open))
        finally:
            assert self._task is not None
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def send(self, times: Times, axes: Axes) -> None:
        """Add readings and send every full batch; wait while the buffer is full.

        Parameters
        ----------
        times : ndarray of int64, shape (n,)
            Event times, µs since the epoch, strictly increasing over the whole session.
        axes : ndarray of float32, shape (n, 3)
            Acceleration with gravity, m/s².

        Raises
        ------
        ValueError
            If a time is not later than the previous one.
        GatewayRejectsError
            If the gateway rejects this device.
        """
        self._batches.add(times, axes)
        while self._batches.has_full:
            await self._queue(self._batches.cut)

    async def send_batch(self, batch: SampleBatch) -> None:
        """Send a batch that the caller made; wait while the buffer is full.

        Raises
        ------
        GatewayRejectsError
            If the gateway rejects this device.
        """
        await self._queue(lambda: batch)

    async def failure(self) -> None:
        """Wait until the client gives up, and raise the reason as `finish` does. A sender that pauses waits for it."""
        async with self._changed:
            await self._changed.wait_for(self._has_failed)
            self._raise_failure()

    async def finish(self) -> None:
        """Send the remaining readings and wait until every batch is answered.

        Raises
        ------
        GatewayRejectsError
            If the gateway rejects this device.
        """
        if self._batches.has_any:
            await self._queue(self._batches.cut)
        async with self._changed:
            await self._changed.wait_for(lambda: not self._open or self._has_failed())
            self._raise_failure()

    async def _queue(self, next_batch: Callable[[], SampleBatch]) -> None:
        async with self._changed:
            await self._changed.wait_for(lambda: len(self._open) < self._max_buffered or self._has_failed())
            self._raise_failure()
            # Cut the batch only now, so that a caller that is cancelled while it waits loses no reading.
            self._open.append(next_batch())
            self._changed.notify_all()

    def _has_failed(self) -> bool:
        return self._task is not None and self._task.done()

    def _raise_failure(self) -> None:
        if self._task is not None and self._task.done() and not self._task.cancelled():
            self._task.result()

    async def _stay_connected(self) -> None:
        try:
            while True:
                try:
                    async with connect(
                        self._url,
                        additional_headers=self._headers,
                        compression=None,
                        max_size=65_536,
                        ping_timeout=PING_TIMEOUT_SECONDS,
                        proxy=self._proxy,
                    ) as connection:
                        self.connections += 1
                        await self._exchange(connection)
                except InvalidURI as error:
                    raise GatewayRejectsError(str(error)) from error
                except (ConnectionClosed, OSError, TimeoutError, InvalidHandshake) as error:
                    await self._pause_after(error)
        finally:
            async with self._changed:
                self._changed.notify_all()

    async def _pause_after(self, error: Exception) -> None:
        status, reason, retry_after = explain_disconnect(error)
        if status in _PERMANENT_STATUS:
            raise GatewayRejectsError(reason) from error
        waited = time.monotonic() - self._began_at
        if self._first_seconds is not None and not self.connections and waited >= self._first_seconds:
            raise GatewayUnreachableError(f"cannot connect to the gateway at {self._url}: {reason}") from error
        level = logging.WARNING if self._back_off.is_fresh else logging.INFO
        log.log(level, "%s: not connected to the gateway (%s); %d batches wait", self.device, reason, len(self._open))
        if self._on_disconnected:
            self._on_disconnected()
        await asyncio.sleep(self._back_off.next_pause(retry_after))

    async def _exchange(self, connection: ClientConnection) -> None:
        self._sent = 0
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._send_forever(connection))
                tasks.create_task(self._receive_forever(connection))
        except* ConnectionClosed as errors:
            raise errors.exceptions[0] from None

    async def _send_forever(self, connection: ClientConnection) -> None:
        while True:
            async with self._changed:
                await self._changed.wait_for(lambda: self._sent < len(self._open))
                batch = self._open[self._sent]
                self._sent += 1
            await connection.send(encode_batch(batch))

    async def _receive_forever(self, connection: ClientConnection) -> None:
        while True:
            text = await connection.recv()
            message = decode_message(text)
            if message is None:
                log.debug("%s: ignored a message of an unknown type: %.200s", self.device, text)
            elif isinstance(message, Waiting):
                self._note_waiting(message)
            elif isinstance(message, Accepted | Rejected):
                async with self._changed:
                    self._handle_answer(message)
                    self._changed.notify_all()

    def _note_waiting(self, waiting: Waiting) -> None:
        if self._is_waiting:  # reported over an earlier connection, and no batch was answered since
            return
        self._is_waiting = True
        reason = {"kafka": "Kafka", "room": "free buffer space", "rate": "this device's rate limit"}[waiting.reason]
        log.warning("%s: the gateway waits for %s; %d batches wait", self.device, reason, len(self._open))
        if self._on_waiting:
            self._on_waiting(waiting)

    def _handle_answer(self, answer: Answer) -> None:
        self._back_off.reset()
        if self._is_waiting:
            self._is_waiting = False
            log.info("%s: the gateway no longer waits", self.device)
        batch = self._open.popleft()
        self._sent -= 1
        if isinstance(answer, Accepted):
            if answer.sequence != batch.sequence:
                raise RuntimeError(f"the gateway accepted batch {answer.sequence} before batch {batch.sequence}")
            self.accepted += 1
            if self._on_accepted:
                self._on_accepted(batch)
            return
        self.rejected += 1
        level = logging.WARNING if self.rejected == 1 else logging.INFO  # there may be thousands
        log.log(level, "%s: gateway rejected batch %d: %s: %s", self.device, batch.sequence, answer.code, answer.detail)
        if self._on_rejected:
            self._on_rejected(batch, answer)
