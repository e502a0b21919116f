"""Noticing that a peer has hung up while nothing is read from its socket.

Under back-pressure the gateway stops reading, and a socket that is not read does not show its end: it comes
after what was not read. The kernel knows, and says so to whoever asks for that alone.
"""

import asyncio
import select
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Self


class HangUps:
    """Watches sockets for the other side's end.

    Where the system has no epoll, nothing is noticed, and what the sockets' users have besides (pings, time
    limits) must do.

    Examples
    --------
    ::

        with HangUps() as hang_ups, hang_ups.watched(socket.fileno(), on_hang_up):
            ...
    """

    def __init__(self) -> None:
        self._callbacks: dict[int, Callable[[], None]] = {}

    def __enter__(self) -> Self:
        if sys.platform == "linux":
            self._epoll = select.epoll()
            asyncio.get_running_loop().add_reader(self._epoll.fileno(), self._report)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if sys.platform == "linux":
            asyncio.get_running_loop().remove_reader(self._epoll.fileno())
            self._epoll.close()

    @contextmanager
    def watched(self, descriptor: int, on_hang_up: Callable[[], None]) -> Iterator[None]:
        """Call `on_hang_up` once from the event loop if the other side ends within the context.

        Parameters
        ----------
        descriptor : int
            A connected socket's; it may be closed before the context is left. If it is negative, because the
            socket is closed already, nothing is watched.
        """
        if sys.platform != "linux" or descriptor < 0:
            yield
            return
        self._callbacks[descriptor] = on_hang_up
        self._epoll.register(descriptor, select.EPOLLRDHUP | select.EPOLLONESHOT)
        try:
            yield
        finally:
            # Once it is closed, its number may belong to another socket, which may be watched as well.
            if self._callbacks.get(descriptor) is on_hang_up:
                del self._callbacks[descriptor]
                with suppress(OSError, ValueError):  # it is closed, or the epoll is
                    self._epoll.unregister(descriptor)

    def _report(self) -> None:
        if sys.platform == "linux":
            for descriptor, _ in self._epoll.poll(0):
                if (on_hang_up := self._callbacks.get(descriptor)) is not None:
                    on_hang_up()
