"""An HTTP server for a store's files that simulates attackers and bad connections."""

import random
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path

from tests.http_server import answering

#: Maps a file's name and content to the content that is served; None for status 404.
Change = Callable[[str, bytes | None], bytes | None]
#: Sends the body of a response.
Send = Callable[["Answer"], None]


def with_a_flipped_byte(kind: str) -> Change:
    """Flip a byte of each file whose name ends with `kind`; in metadata, a byte of a signature."""

    def flip(name: str, content: bytes | None) -> bytes | None:
        if content is None or not name.endswith(kind):
            return content
        document = bytearray(content)
        at = content.index(b'"sig":') + 20 if name.startswith("metadata/") else len(content) // 2
        document[at] = ord("a") if document[at] != ord("a") else ord("b")
        return bytes(document)

    return flip


@dataclass
class Answer:
    """The body of a response."""

    name: str
    content: bytes
    begin: int
    handler: BaseHTTPRequestHandler
    stopped: threading.Event

    def write(self, content: bytes) -> None:
        self.handler.wfile.write(content)
        self.handler.wfile.flush()

    def cut(self) -> None:
        """Close the connection."""
        self.handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.handler.close_connection = True


@dataclass
class ServedStore:
    """A running server."""

    folder: Path
    change: Change = lambda name, content: content
    send: Send | None = None
    knows_ranges: bool = True
    asked: list[str] = field(default_factory=list)
    url: str = ""
    stopped: threading.Event = field(default_factory=threading.Event)

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer a request."""
        name = handler.path.lstrip("/")
        self.asked.append(name)
        path = self.folder / name
        content = self.change(name, path.read_bytes() if path.is_file() else None)
        if content is None:
            handler.send_error(404)
            return
        asked = re.fullmatch(r"bytes=(\d+)-", handler.headers.get("Range", "")) if self.knows_ranges else None
        begin = int(asked[1]) if asked else 0
        handler.send_response(206 if asked else 200)
        handler.send_header("Content-Length", str(len(content) - begin))
        handler.end_headers()
        answer = Answer(name, content[begin:], begin, handler, self.stopped)
        try:
            if self.send is not None:
                self.send(answer)
            else:
                answer.write(answer.content)
        except OSError:
            handler.close_connection = True


@contextmanager
def served(folder: Path) -> Iterator[ServedStore]:
    """Serve a store's folder on loopback."""
    store = ServedStore(folder)
    with answering(store.answer, keep_alive=True) as store.url:
        try:
            yield store
        finally:
            store.stopped.set()


def trickle(answer: Answer) -> None:
    """Send one byte every half second, without end."""
    for at in range(len(answer.content)):
        answer.write(answer.content[at : at + 1])
        if answer.stopped.wait(0.5):
            return


def cutting(often: int, seed: int) -> Send:
    """Close the connection before the end of a body, `often` times in total."""
    chance, left = random.Random(seed), [often]

    def send(answer: Answer) -> None:
        if left[0] > 0:
            left[0] -= 1
            answer.write(answer.content[: chance.randrange(max(1, len(answer.content)))])
            answer.cut()
        else:
            answer.write(answer.content)

    return send
