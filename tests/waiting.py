"""Wait until a condition is true, and fail with what was waited for if it takes too long."""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

Value = TypeVar("Value")
#: What is waited for, to follow "waited 30 s for"; a function returns the text at the timeout, to show a state.
What = str | Callable[[], str]


def wait_for(condition: Callable[[], Value], what: What, seconds: float = 30, *, every: float = 0.05) -> Value:
    """Check a condition every `every` seconds until it is true.

    Parameters
    ----------
    condition : callable
        Returns a true value when the wait is over. Its exceptions end the wait.
    what : str or callable
        What is waited for.
    seconds : float
        Timeout, s. It does not interrupt a running check.
    every : float
        Pause between two checks, s.

    Returns
    -------
    object
        The true value of the condition.

    Raises
    ------
    AssertionError
        If the condition is still false after `seconds`.
    """
    __tracebackhide__ = True
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        _check(deadline, seconds, what)
        time.sleep(every)
    return value


async def until(
    condition: Callable[[], Value | Awaitable[Value]], what: What, seconds: float = 60, *, every: float = 0.05
) -> Value:
    """Do the same as `wait_for` in an event loop; the condition may return an awaitable."""
    __tracebackhide__ = True
    deadline = time.monotonic() + seconds
    while not (value := await _value(condition)):
        _check(deadline, seconds, what)
        await asyncio.sleep(every)
    return value


async def _value(condition: Callable[[], Value | Awaitable[Value]]) -> Value:
    value = condition()
    return await value if inspect.isawaitable(value) else value


def _check(deadline: float, seconds: float, what: What) -> None:
    __tracebackhide__ = True
    if time.monotonic() >= deadline:
        raise AssertionError(f"waited {seconds:g} s for {what if isinstance(what, str) else what()}")
