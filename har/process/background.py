"""Tasks in the background of a service, none of which may end without notice."""

import asyncio
import logging
from collections.abc import Callable, Coroutine

log = logging.getLogger(__name__)


class BackgroundError(RuntimeError):
    """A task in the background failed with an unexpected error; the message names the task and the error."""


class BackgroundTasks:
    """Runs tasks until they are cancelled, and reports the first one that fails.

    A task handles the errors that it expects. Any other error is a bug: the service must then end, so that it is
    started again, and not continue without one of its parts.

    Parameters
    ----------
    on_failure : callable
        Called after the first failure.

    Attributes
    ----------
    failure : BackgroundError or None
        The first failure; None if there was none.
    """

    def __init__(self, on_failure: Callable[[], None]) -> None:
        self.failure: BackgroundError | None = None
        self._on_failure = on_failure
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, purpose: str, work: Coroutine[None, None, None]) -> None:
        """Start a task.

        Parameters
        ----------
        purpose : str
            What it does, as in "cannot … any more".
        work : coroutine
            What to run; it may return if there is nothing to do.
        """
        self._tasks.append(asyncio.create_task(self._run(purpose, work)))

    async def cancel(self) -> None:
        """Cancel all tasks, and wait until they have ended."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _run(self, purpose: str, work: Coroutine[None, None, None]) -> None:
        try:
            await work
        except Exception as error:  # of any kind, because the expected ones are handled in the task
            log.exception("cannot %s any more", purpose)
            if self.failure is None:
                self.failure = BackgroundError(f"cannot {purpose} any more because of an unexpected error: {error!r}")
                self._on_failure()
