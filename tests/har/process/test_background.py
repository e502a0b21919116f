"""Tasks in the background of a service."""

import asyncio

import pytest

from har.process.background import BackgroundTasks


async def test_the_first_failure_is_reported_once_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    failed = asyncio.Queue[None]()
    tasks = BackgroundTasks(on_failure=lambda: failed.put_nowait(None))
    may_fail = asyncio.Event()

    async def fail(reason: str) -> None:
        await may_fail.wait()
        raise KeyError(reason)

    tasks.start("count sheep", fail("first"))
    tasks.start("count goats", fail("second"))
    may_fail.set()
    async with asyncio.timeout(10):
        await failed.get()
        await tasks.cancel()
    assert failed.empty()
    assert str(tasks.failure) == "cannot count sheep any more because of an unexpected error: KeyError('first')"
    assert "Traceback" in caplog.text


async def test_a_task_that_returns_or_is_cancelled_has_not_failed() -> None:
    tasks = BackgroundTasks(on_failure=pytest.fail)
    began = asyncio.Event()

    async def wait() -> None:
        began.set()
        await asyncio.Event().wait()

    tasks.start("do nothing", asyncio.sleep(0))
    tasks.start("wait", wait())
    async with asyncio.timeout(10):
        await began.wait()
        await tasks.cancel()
    assert tasks.failure is None
