"""TensorFlowOnSpark's meeting point on the driver, where nodes register, without its dangers.

TensorFlowOnSpark listens on every interface of the driver's machine, without a password, and unpickles what anybody
sends: whoever reaches the port could run programs here. This server listens only on the address that the nodes are
told, takes nothing but plain values, and is gone when training ends.
"""

import io
import pickle
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tensorflowonspark import reservation

#: A node says its number, part, address and keys: some hundred bytes.
MOST_BYTES = 65_536
#: A node that begins to speak has so long to end, s; meanwhile no other one is heard.
SPEAK_SECONDS = 10.0
_LENGTH = struct.Struct(">I")


class PlainUnpickler(pickle.Unpickler):
    """Reads numbers, texts, bytes and containers of them; anything that would load or call code is refused."""

    def find_class(self, module: str, name: str) -> object:
        """Refuse.

        Raises
        ------
        pickle.UnpicklingError
            Always.
        """
        raise pickle.UnpicklingError(f"{module}.{name} is not a plain value")


class ReservationServer(reservation.Server):  # type: ignore[misc, unused-ignore]
    """The server; its clients are TensorFlowOnSpark's own."""

    _listening: socket.socket | None = None

    def start_listening_socket(self) -> socket.socket:
        """Listen on the address that clients are told, on the first free port of those that are allowed.

        Raises
        ------
        OSError
            If none is free.
        """
        address = self.get_server_ip()
        refused = OSError("no port is allowed")
        for port in self.get_server_ports():
            try:
                self._listening = socket.create_server((address, port), backlog=128)
            except OSError as error:
                refused = error
            else:
                return self._listening
        raise refused

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
        """Stop listening."""
        super().stop()
        if self._listening is None:
            return
        # The server looks whether it is to end when somebody comes or goes, else once a minute. A node that goes may
        # have ended it already, or do so before it is reached here: then there is nothing left to wake.
        with suppress(OSError):
            socket.create_connection(self._listening.getsockname()[:2], timeout=1).close()


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
