"""A guard against lost cancellations, for services that must stop when cancelled."""

import asyncio


def leave_if_cancelled() -> None:
    """Raise `asyncio.CancelledError` if the current task was cancelled but the exception was swallowed.

    redis-py sends with `asyncio.wait_for`. In Python 3.11 this loses a cancellation that arrives just as the awaited
    operation completes (bpo-37658). A loop around it would then never end.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
