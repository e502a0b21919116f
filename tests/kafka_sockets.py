"""Sockets of kafka-python, which it leaves to the garbage collector where it gives up a connection (as of 3.0.12).

They are those that never connected, and those that a client had begun to connect or to write to when it was closed.
Warnings are errors in the tests; the library's sockets must not fail a test that happens to run when they go.
"""

import socket

from kafka.net.inet import KafkaNetSocket


class _DroppedSocket(socket.socket):
    """Is closed without a warning when nothing refers to it any more."""

    def __del__(self) -> None:
        self.close()


def _make(_: KafkaNetSocket, *kind: int) -> socket.socket:
    return _DroppedSocket(*kind)


def let_them_go() -> None:
    """Make kafka-python connect by sockets that may be dropped, from now on."""
    KafkaNetSocket.socket = _make
