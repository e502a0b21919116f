import asyncio

import pytest

from ingest.senders.stopping import unless_stopped


async def test_a_phone_that_waits_for_a_full_buffer_stops():
    stop, room = asyncio.Event(), asyncio.Event()
    sending = asyncio.create_task(unless_stopped(stop, _wait(room)))
    await asyncio.sleep(0)
    stop.set()
    await asyncio.wait_for(sending, 10)


async def test_the_failure_of_a_phone_is_raised():
    async def fail() -> None:
        raise RuntimeError("rejected")

    with pytest.raises(RuntimeError, match="rejected"):
        await unless_stopped(asyncio.Event(), fail())


async def _wait(event: asyncio.Event) -> None:
    await event.wait()
