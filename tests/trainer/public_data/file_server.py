"""An HTTP server for one file that can simulate faults of servers and connections."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler

from tests.http_server import answering


@dataclass
class FileServer:
    """A file to serve, and the faults to simulate.

    Attributes
    ----------
    content : bytes
        The file.
    cuts : list of int
        After how many bytes of its body each answer is cut, in turn; answers after those are whole.
    rejections : list of int
        Statuses that the first requests are answered with.
    ranges : bool
        Whether range requests are understood.
    stated_length : int or None
        The value of Content-Length; None for the true one.
    etag : str
        What this version of the file is called.
    asked : list of str
        The Range of each request, empty where it had none.
    """

    content: bytes
    cuts: list[int] = field(default_factory=list)
    rejections: list[int] = field(default_factory=list)
    ranges: bool = True
    stated_length: int | None = None
    etag: str = '"first"'
    asked: list[str] = field(default_factory=list)
    url: str = ""

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        """Handle a request."""
        wanted = handler.headers.get("Range", "")
        self.asked.append(wanted)
        if self.rejections:
            handler.send_response(self.rejections.pop(0))
            handler.send_header("Content-Length", "0")
            handler.end_headers()
            return
        begin = 0
        if wanted and self.ranges and handler.headers.get("If-Range", self.etag) == self.etag:
            begin = int(wanted.removeprefix("bytes=").removesuffix("-"))
        if begin and begin >= len(self.content):
            handler.send_response(416)
            handler.send_header("Content-Range", f"bytes */{len(self.content)}")
            handler.send_header("Content-Length", "0")
            handler.end_headers()
            return
        body = self.content[begin:]
        handler.send_response(206 if begin else 200)
        if begin:
            handler.send_header("Content-Range", f"bytes {begin}-{len(self.content) - 1}/{len(self.content)}")
        handler.send_header("Content-Length", str(self.stated_length or len(body)))
        handler.send_header("ETag", self.etag)
        handler.end_headers()
        handler.wfile.write(body[: self.cuts.pop(0)] if self.cuts else body)
        handler.close_connection = True


@contextmanager
def serving(content: bytes) -> Iterator[FileServer]:
    """Serve a file on loopback until the context ends."""
    file = FileServer(content)

    with answering(file.answer) as url:
        file.url = f"{url}/data.zip"
        yield file
