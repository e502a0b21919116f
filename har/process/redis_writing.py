"""The loop of a service that writes to Redis in the background: wait for news, write, and back off after an error."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from har.process.back_off import BackOff
from har.process.cancellation import leave_if_cancelled


async def write_forever(
    news: asyncio.Event,
    write: Callable[[], Awaitable[Exception | None]],
    note: Callable[[Exception | None], Awaitable[None]],
    back_off: BackOff,
    *,
    look_seconds: float | None = None,
) -> None:
    """Write until cancelled.

    Parameters
    ----------
    news : asyncio.Event
        Set when there is something to write.
    write : callable
        Writes everything that waits. Returns the error if that fails; what is left is tried again after a pause.
    note : callable
        Called after each attempt with its error; None if it succeeded.
    back_off : BackOff
        The pauses after errors.
    look_seconds : float, optional
        The longest time without an attempt, s.
    """
    while True:
        with suppress(TimeoutError):
            await asyncio.wait_for(news.wait(), look_seconds)
        news.clear()
        error = await write()
        await note(error)
        if error is None:
            back_off.reset()
        else:
            news.set()
            await asyncio.sleep(back_off.next_pause())
        leave_if_cancelled()
