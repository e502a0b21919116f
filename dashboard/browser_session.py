"""One browser's share of the live stream."""

import asyncio
import logging
from collections.abc import Iterator

from fastapi import WebSocket, WebSocketDisconnect
from starlette.status import WS_1008_POLICY_VIOLATION

from dashboard.browser_messages import LiveStatus
from dashboard.connections import drain_browser, drop_browser
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
    websocket : WebSocket
        The browser, accepted.
    state : LiveState
        What it sees.
    ticker : Ticker
        When to look for changes.
    limits : BrowserLimits
        How long to wait for it.
    """

    def __init__(self, websocket: WebSocket, state: LiveState, ticker: Ticker, limits: BrowserLimits) -> None:
        self._websocket = websocket
        self._state = state
        self._ticker = ticker
        self._limits = limits

    async def run(self) -> None:
        """Serve the browser until it goes, sends something, or does not keep up."""
        sending = asyncio.create_task(self._send_all())
        # A page never sends anything, so the first event is that it has gone, or a fault.
        receiving = asyncio.create_task(self._websocket.receive())
        both = (sending, receiving)
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in both:
                task.cancel()
            await asyncio.wait(both)
        if not sending.cancelled():
            sending.result()
        elif receiving.result()["type"] == "websocket.receive":
            await self._reject_message()

    @property
    def _address(self) -> str:
        client = self._websocket.client
        return "of unknown address" if client is None else f"{client.host}:{client.port}"

    async def _reject_message(self) -> None:
        try:
            async with asyncio.timeout(self._limits.shutdown):
                await self._websocket.close(WS_1008_POLICY_VIOLATION, "this stream takes no messages")
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
            logger.warning("Dropped browser %s: it took nothing for %g s", self._address, self._limits.browser_timeout)
            drop_browser(self._websocket.scope)

    async def _send_since(self, known: int, status: LiveStatus) -> None:
        messages = self._state.messages_since(known, status)
        # No message has a name here: while a browser takes one, only the connection's buffer holds it.
        is_more = True
        while is_more:
            await drain_browser(self._websocket.scope, self._limits.browser_timeout)
            is_more = await self._send_next(messages)

    async def _send_next(self, messages: Iterator[bytes]) -> bool:
        message = next(messages, None)
        if message is None:
            return False
        await self._websocket.send({"type": "websocket.send", "text": message.decode()})
        return True
