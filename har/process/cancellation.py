"""A guard for services that must stop when they are told to."""

import asyncio


def leave_if_cancelled() -> None:
    """Raise `asyncio.CancelledError` if the current task was cancelled, and something swallowed it.

    Python 3.11's `asyncio.wait_for`, with which redis-py sends, loses a cancellation that comes just as what it
    waits for is done (bpo-37658): a loop around it would then go on for ever.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
