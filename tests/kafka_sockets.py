"""Close sockets that kafka-python leaves to the garbage collector when it gives up a connection (as of 3.0.12).

These are sockets that never connected, those whose TLS handshake failed, and those of a client that was closed while it
connected or wrote. Warnings are errors in the tests; the library's sockets must not fail a test that happens to run
when they are collected.
"""

import socket
import ssl
from collections.abc import Mapping

from kafka.net.inet import KafkaNetSocket
from kafka.net.transport import KafkaSSLTransport

_build_context = KafkaSSLTransport._build_ssl_context


class _DroppedSocket(socket.socket):
    """A socket that closes without a warning when it is collected."""

    def __del__(self) -> None:
        self.close()


class _DroppedTlsSocket(ssl.SSLSocket):
    """The same after a TLS handshake began: TLS takes the connection over from the plain socket."""

    def __del__(self) -> None:
        self.close()


def _make(_: KafkaNetSocket, *kind: int) -> socket.socket:
    return _DroppedSocket(*kind)


def _tls_context(settings: Mapping[str, object]) -> ssl.SSLContext:
    context: ssl.SSLContext = _build_context(settings)
    context.sslsocket_class = _DroppedTlsSocket
    return context


def close_silently() -> None:
    """Make kafka-python use sockets that close without a warning, from now on."""
    KafkaNetSocket.socket = _make
    KafkaSSLTransport._build_ssl_context = staticmethod(_tls_context)
