"""One browser's share of the live stream."""

import asyncio
import logging

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed
from websockets.frames import CloseCode

from dashboard.browser_messages import LiveStatus
from dashboard.limits import BrowserLimits
from dashboard.live_state import LiveState

logger = logging.getLogger(__name__)


class Ticker:
    """Wakes all browser sessions together, so that those that keep pace can share what is encoded.

    Parameters
    ----------
    state : LiveState
        Whose status is prepared once a heartbeat for all.
    limits : BrowserLimits
        How often.
    """

    def __init__(self, state: LiveState, limits: BrowserLimits) -> None:
        self.status: LiveStatus = state.status()
        self._state = state
        self._limits = limits
        self._tick = asyncio.Event()

    async def run(self) -> None:
        """Tick until cancelled."""
        clock = self._state.clock.monotonic
        next_status = clock()
        while True:
            await asyncio.sleep(self._limits.delta_interval)
            if clock() >= next_status:
                self._state.forget_silent()
                self.status = self._state.status()
                next_status = clock() + self._limits.heartbeat
            self._tick.set()
            self._tick = asyncio.Event()

    async def next(self) -> None:
        """Wait for the next tick."""
        await self._tick.wait()


class BrowserSession:
    """Sends one browser a snapshot and then what changes, at the pace at which it takes it.

    Parameters
    ----------
    connection : ServerConnection
        The browser.
    state : LiveState
        What it sees.
    ticker : Ticker
        When to look for changes.
    limits : BrowserLimits
        How long to wait for it.
    """

    def __init__(self, connection: ServerConnection, state: LiveState, ticker: Ticker, limits: BrowserLimits) -> None:
        self._connection = connection
        self._state = state
        self._ticker = ticker
        self._limits = limits

    async def run(self) -> None:
        """Serve the browser until it goes, says something it should not, or does not keep up."""
        sending = asyncio.create_task(self._send_all())
        try:
            # A page never sends anything, so the first thing to come is its leave, or a fault.
            await self._until_first(sending)
        finally:
            sending.cancel()
            await asyncio.wait([sending])

    async def _until_first(self, sending: asyncio.Task[None]) -> None:
        receiving = asyncio.create_task(self._connection.recv())
        try:
            await asyncio.wait([sending, receiving], return_when=asyncio.FIRST_COMPLETED)
            if sending.done():
                sending.result()
            elif receiving.exception() is None:
                await self._connection.close(CloseCode.POLICY_VIOLATION, "this stream takes no messages")
        finally:
            receiving.cancel()
            await asyncio.wait([receiving])

    async def _send_all(self) -> None:
        known = 0
        sent_status: LiveStatus | None = None
        try:
            while True:
                revision, status = self._state.revision, self._ticker.status
                if revision != known or status is not sent_status:
                    for message in self._state.messages_since(known, status):
                        await self._send(message)
                    known, sent_status = revision, status
                await self._ticker.next()
        except ConnectionClosed:
            return
        except TimeoutError:
            logger.warning(
                "Dropped browser %s: it took nothing for %g s",
                self._connection.remote_address,
                self._limits.browser_timeout,
            )
            # A closing handshake would wait behind the data that the browser does not take.
            self._connection.transport.abort()

    async def _send(self, message: bytes) -> None:
        async with asyncio.timeout(self._limits.browser_timeout):
            await self._connection.send(message, text=True)
