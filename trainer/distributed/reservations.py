"""TensorFlowOnSpark's meeting point on the driver, where nodes register, without its dangers.

TensorFlowOnSpark listens on every interface of the driver's machine, without a password, and unpickles what anybody
sends: whoever reaches the port could run programs here. This server listens only on the address that the nodes are
told, takes nothing but plain values, and is gone when training ends.
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

#: A node says its number, part, address and keys: some hundred bytes.
MOST_BYTES = 65_536
#: A node that begins to speak has so long to end, s; meanwhile no other one is heard.
SPEAK_SECONDS = 10.0
_LENGTH = struct.Struct(">I")


class PlainUnpickler(pickle.Unpickler):
    """Reads numbers, texts, bytes and containers of them; anything that would load or call code is rejected."""

    def find_class(self, module: str, name: str) -> object:
        """Reject.

        Raises
        ------
        pickle.UnpicklingError
            Always.
        """
        raise pickle.UnpicklingError(f"{module}.{name} is not a plain value")


class ReservationServer(reservation.Server):  # type: ignore[misc, unused-ignore]
    """The server; its clients are TensorFlowOnSpark's own."""

    def __init__(self, count: int) -> None:
        super().__init__(count)
        self._wake, self._woken = socket.socketpair()
        self._thread: threading.Thread | None = None

    def start(self) -> tuple[str, int]:
        """Listen in a thread; return the address.

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
        """Listen on the address that clients are told, on the first free port of those that are allowed.

        Raises
        ------
        OSError
            If none is free.
        """
        address = self.get_server_ip()
        rejected = OSError("no port is allowed")
        for port in self.get_server_ports():
            try:
                return socket.create_server((address, port), backlog=128)
            except OSError as error:
                rejected = error
        raise rejected

    def receive(self, sock: socket.socket) -> object:
        """Receive one message.

        Raises
        ------
        ValueError
            If it is too long.
        pickle.UnpicklingError
            If it is more than plain values.
        OSError
            If it does not come.
        """
        sock.settimeout(SPEAK_SECONDS)
        (length,) = _LENGTH.unpack(_read(sock, _LENGTH.size))
        if length > MOST_BYTES:
            raise ValueError(f"a message of {length} bytes")
        return PlainUnpickler(io.BytesIO(_read(sock, length))).load()

    def stop(self) -> None:
        """Stop listening, and close every connection."""
        super().stop()
        self._wake.close()
        if self._thread is not None:
            self._thread.join(2 * SPEAK_SECONDS)
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
                for connection in [each for each in connections if each in readable]:
                    if not self._answers(connection):
                        connections.remove(connection)
                        connection.close()

    def _answers(self, connection: socket.socket) -> bool:
        """Answer one message; return whether its sender may send another."""
        try:
            self._handle_message(connection, self.receive(connection))
        except Exception as error:  # whatever somebody sends, the others are heard
            log.info("a node or somebody else is not heard any more: %s", error)
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
            raise ConnectionError("closed in the middle of a message")
        parts.append(part)
        length -= len(part)
    return b"".join(parts)


@contextmanager
def closed_reservations() -> Iterator[None]:
    """Have TensorFlowOnSpark use `ReservationServer` for the clusters that it starts meanwhile, and stop it after."""
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
