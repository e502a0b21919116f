"""Detection of phones that disconnect while their sockets are not read.

Under back-pressure the gateway stops reading. The end of a stream is only visible after all unread bytes, so the
gateway would not notice that a phone has disconnected. epoll reports it directly (``EPOLLRDHUP``).
"""

import asyncio
import select
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Self


class HangUps:
    """Watches sockets for disconnects.

    On systems without epoll nothing is detected; pings and time limits of the sockets' users remain.

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
        """Call `on_hang_up` once from the event loop if the peer disconnects within the context.

        Parameters
        ----------
        descriptor : int
            File descriptor of a connected socket, which may be closed within the context. If it is negative, because
            the socket is closed already, nothing is watched.
        """
        if sys.platform != "linux" or descriptor < 0:
            yield
            return
        self._callbacks[descriptor] = on_hang_up
        self._epoll.register(descriptor, select.EPOLLRDHUP | select.EPOLLONESHOT)
        try:
            yield
        finally:
            # If the socket was closed, its descriptor may belong to another socket that is watched by now.
            if self._callbacks.get(descriptor) is on_hang_up:
                del self._callbacks[descriptor]
                with suppress(OSError, ValueError):  # the socket or the epoll is closed
                    self._epoll.unregister(descriptor)

    def _report(self) -> None:
        if sys.platform == "linux":
            for descriptor, _ in self._epoll.poll(0):
                if (on_hang_up := self._callbacks.get(descriptor)) is not None:
                    on_hang_up()
