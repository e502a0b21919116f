"""Stop sending when the person, or a supervisor, asks for it."""

import asyncio
import signal
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager

_STOPPING = (signal.SIGINT, signal.SIGTERM)


async def unless_stopped(stop: asyncio.Event, work: Awaitable[None]) -> None:
    """Wait for `work`, but give it up when `stop` is set."""
    working, stopping = asyncio.ensure_future(work), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait((working, stopping), return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            await working
    finally:
        for task in (working, stopping):
            task.cancel()
        await asyncio.wait((working, stopping))
        if not working.cancelled():
            working.exception()  # leaving the client's context raises it again


@contextmanager
def stop_of_signals() -> Iterator[asyncio.Event]:
    """Yield an event that SIGINT and SIGTERM set; a second signal cancels the current task."""
    stop, loop, task = asyncio.Event(), asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None

    def leave() -> None:
        if stop.is_set():
            task.cancel()
        stop.set()

    for number in _STOPPING:
        loop.add_signal_handler(number, leave)
    try:
        yield stop
    finally:
        for number in _STOPPING:
            loop.remove_signal_handler(number)


@contextmanager
def interrupted_by_sigterm() -> Iterator[None]:
    """Within the context, let SIGTERM raise `KeyboardInterrupt`, so that temporary files are removed."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
