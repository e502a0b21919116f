"""Close sockets that kafka-python leaves to the garbage collector when it gives up a connection (as of 3.0.12).

These are sockets that never connected, and those of a client that was closed while it connected or wrote. Warnings are
errors in the tests; the library's sockets must not fail a test that happens to run when they are collected.
"""

import socket

from kafka.net.inet import KafkaNetSocket


class _DroppedSocket(socket.socket):
    """A socket that closes without a warning when it is collected."""

    def __del__(self) -> None:
        self.close()


def _make(_: KafkaNetSocket, *kind: int) -> socket.socket:
    return _DroppedSocket(*kind)


def close_silently() -> None:
    """Make kafka-python use sockets that close without a warning, from now on."""
    KafkaNetSocket.socket = _make
