"""The live stream of one browser, and the ticker that all browsers share."""

import asyncio
import logging
from collections.abc import Iterator

from fastapi import WebSocket, WebSocketDisconnect
from starlette.status import WS_1008_POLICY_VIOLATION

from dashboard.browser_messages import LiveStatus
from dashboard.connections import drain_browser, drop_browser
from dashboard.limits import BrowserLimits
from dashboard.live_state import LiveState
from har.process.addresses import host_and_port

logger = logging.getLogger(__name__)


class Ticker:
    """Wakes all browser sessions at the same time, so that sessions at the same revision share encoded changes.

    Parameters
    ----------
    state : LiveState
        The live state. Its status is computed once per heartbeat for all sessions.
    limits : BrowserLimits
        The tick interval and the heartbeat.

    Attributes
    ----------
    status : LiveStatus
        The status of the last heartbeat.
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
    """Sends a browser a snapshot and then deltas, as fast as the browser reads them.

    Parameters
    ----------
    websocket : WebSocket
        The accepted connection.
    state : LiveState
        The live state to send.
    ticker : Ticker
        Wakes the session to look for changes.
    limits : BrowserLimits
        The timeouts.
    """

    def __init__(self, websocket: WebSocket, state: LiveState, ticker: Ticker, limits: BrowserLimits) -> None:
        self._websocket = websocket
        self._state = state
        self._ticker = ticker
        self._limits = limits

    async def run(self) -> None:
        """Serve the browser until it disconnects, sends a message, or reads too slowly."""
        sending = asyncio.create_task(self._send_all())
        # The page sends nothing, so the first event is a disconnect or a message that is not allowed.
        receiving = asyncio.create_task(self._websocket.receive())
        tasks = (sending, receiving)
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
        if not sending.cancelled():
            sending.result()
        elif receiving.result()["type"] == "websocket.receive":
            await self._reject_message()

    @property
    def _address(self) -> str:
        client = self._websocket.client
        return "at an unknown address" if client is None else host_and_port(client.host, client.port)

    async def _reject_message(self) -> None:
        try:
            async with asyncio.timeout(self._limits.shutdown):
                await self._websocket.close(WS_1008_POLICY_VIOLATION, "this stream accepts no messages")
        except WebSocketDisconnect:
            return
        except TimeoutError:
            drop_browser(self._websocket.scope)

    async def _send_all(self) -> None:
        known = 0
        sent_status: LiveStatus | None = None
        try:
            while True:
                revision, status = self._state.revision, self._ticker.status
                if revision != known or status is not sent_status:
                    await self._send_since(known, status)
                    known, sent_status = revision, status
                await self._ticker.next()
        except WebSocketDisconnect:
            return
        except TimeoutError:
            logger.warning("dropped browser %s: it read nothing for %g s", self._address, self._limits.browser_timeout)
            drop_browser(self._websocket.scope)

    async def _send_since(self, known: int, status: LiveStatus) -> None:
        messages = self._state.messages_since(known, status)
        # No variable here refers to a message: while the browser reads one, only the connection's buffer holds it.
        has_more = True
        while has_more:
            await drain_browser(self._websocket.scope, self._limits.browser_timeout)
            has_more = await self._send_next(messages)

    async def _send_next(self, messages: Iterator[bytes]) -> bool:
        message = next(messages, None)
        if message is None:
            return False
        await self._websocket.send({"type": "websocket.send", "text": message.decode()})
        return True
