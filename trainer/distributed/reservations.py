"""A safe replacement for TensorFlowOnSpark's reservation server, with which nodes register on the driver.

TensorFlowOnSpark's own server listens on all interfaces without authentication and unpickles any message, so anybody
who reaches the port can run code on the driver. This server listens only on the address that the nodes use, accepts
only plain values, and stops when training ends.
"""

import io
import logging
import pickle
import select
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from tensorflowonspark import reservation

log = logging.getLogger(__name__)

#: Longest message, bytes. A node sends its number, role, address and keys, some hundred bytes.
MAX_MESSAGE_BYTES = 65_536
#: Time limit to receive a message, s. Meanwhile the server handles no other node.
RECEIVE_SECONDS = 10.0
_LENGTH = struct.Struct(">I")


class PlainUnpickler(pickle.Unpickler):
    """Unpickles numbers, strings, bytes and containers of them; rejects anything that would import or call code."""

    def find_class(self, module: str, name: str) -> object:
        """Reject every class and function.

        Raises
        ------
        pickle.UnpicklingError
            Always.
        """
        raise pickle.UnpicklingError(f"{module}.{name} is not a plain value")


class ReservationServer(reservation.Server):  # type: ignore[misc, unused-ignore]
    """The reservation server; its clients are those of TensorFlowOnSpark.

    Parameters
    ----------
    count : int
        Number of nodes that register.
    """

    def __init__(self, count: int) -> None:
        super().__init__(count)
        self._wake, self._woken = socket.socketpair()
        self._thread: threading.Thread | None = None

    def start(self) -> tuple[str, int]:
        """Listen in a thread; return host and port.

        Raises
        ------
        OSError
            If no port is free.
        """
        listening = self.start_listening_socket()
        host, port = listening.getsockname()[:2]
        self._thread = threading.Thread(target=self._serve, args=(listening,), name="reservations", daemon=True)
        self._thread.start()
        return host, port

    def start_listening_socket(self) -> socket.socket:
        """Listen on the address that clients use, on the first free of the allowed ports.

        Raises
        ------
        OSError
            If no port is free.
        """
        address = self.get_server_ip()
        failure = OSError("no port is allowed")
        for port in self.get_server_ports():
            try:
                return socket.create_server((address, port), backlog=128)
            except OSError as error:
                failure = error
        raise failure

    def receive(self, sock: socket.socket) -> object:
        """Receive one message.

        Raises
        ------
        ValueError
            If the message is too long.
        pickle.UnpicklingError
            If the message contains anything but plain values.
        OSError
            If the message does not arrive in time.
        """
        sock.settimeout(RECEIVE_SECONDS)
        (length,) = _LENGTH.unpack(_read(sock, _LENGTH.size))
        if length > MAX_MESSAGE_BYTES:
            raise ValueError(f"the message is too long: {length} bytes")
        return PlainUnpickler(io.BytesIO(_read(sock, length))).load()

    def stop(self) -> None:
        """Stop listening, and close all connections."""
        super().stop()
        self._wake.close()
        if self._thread is not None:
            self._thread.join(2 * RECEIVE_SECONDS)
        self._woken.close()

    def _serve(self, listening: socket.socket) -> None:
        with ExitStack() as opened:
            opened.enter_context(listening)
            connections: list[socket.socket] = []
            opened.callback(_close_all, connections)
            while not self.done:
                readable, _, _ = select.select([listening, self._woken, *connections], [], [])
                if listening in readable:
                    connections.append(listening.accept()[0])
                for connection in [known for known in connections if known in readable]:
                    if not self._answer(connection):
                        connections.remove(connection)
                        connection.close()

    def _answer(self, connection: socket.socket) -> bool:
        """Answer one message; return False if the connection must be closed."""
        try:
            self._handle_message(connection, self.receive(connection))
        except Exception as error:  # no message may stop the server
            log.info("closed the connection of a node or another client: %s", error)
            return False
        return True


def _close_all(connections: list[socket.socket]) -> None:
    for connection in connections:
        connection.close()


def _read(sock: socket.socket, length: int) -> bytes:
    parts = []
    while length > 0:
        part = sock.recv(length)
        if not part:
            raise ConnectionError("the connection was closed within a message")
        parts.append(part)
        length -= len(part)
    return b"".join(parts)


@contextmanager
def safe_reservations() -> Iterator[None]:
    """Let TensorFlowOnSpark use `ReservationServer` for clusters started in the block; stop the servers at its end."""
    started: list[ReservationServer] = []

    def start(count: int) -> ReservationServer:
        started.append(ReservationServer(count))
        return started[-1]

    replaced = reservation.Server
    reservation.Server = start
    try:
        yield
    finally:
        reservation.Server = replaced
        for server in started:
            server.stop()
