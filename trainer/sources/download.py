"""Downloading a large file: a broken connection is taken up where it broke, also by the next run.

HTTP's range requests (RFC 9110, section 14) with `If-Range`: the server sends the rest only if the file is still the
one that the beginning is of, and else all of it.
"""

import http
import http.client
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

CHUNK_BYTES = 1 << 20
#: What a connection that breaks raises; `urllib.error.URLError` is an OSError, too.
_BROKEN = (OSError, http.client.HTTPException)


class DownloadError(RuntimeError):
    """A file could not be fetched; the text says why, and what to do."""


class _InterruptedError(Exception):
    """The connection broke."""


@dataclass(frozen=True)
class DownloadPatience:
    """How long a server is waited for.

    Attributes
    ----------
    silence_seconds : float
        A connection on which nothing comes for so long is broken.
    attempts : int
        Connections in a row that bring nothing, until the download is given up.
    pause_seconds : float
        Before the second attempt; doubled before each further one.
    """

    silence_seconds: float = 30.0
    attempts: int = 5
    pause_seconds: float = 1.0


def download(
    url: str,
    target: Path,
    *,
    patience: DownloadPatience | None = None,
    progress: Callable[[int, int | None], None] = lambda _done, _total: None,
) -> None:
    """Fetch a file; it appears under its name only when all of it is there.

    What came is kept beside it, as ``NAME.part``, and the next call goes on from there.

    Parameters
    ----------
    url : str
        ``http`` or ``https``.
    target : Path
        The file.
    patience : DownloadPatience, optional
        How long the server is waited for.
    progress : callable
        Called with the bytes that are there and the bytes of the whole, if the server says how many.

    Raises
    ------
    DownloadError
        If the server cannot be reached, rejects, or sends less or more than it said, or the disk is full.
    """
    if urlsplit(url).scheme not in ("http", "https"):
        raise DownloadError(f"{url} is no http or https address")
    transfer = _Transfer(url, target, progress)
    patience = patience or DownloadPatience()
    failed = 0
    while True:
        before = transfer.done
        try:
            transfer.go_on(patience.silence_seconds)
            break
        except _InterruptedError as error:
            failed = 0 if transfer.done > before else failed + 1
            if failed >= patience.attempts:
                raise DownloadError(transfer.explain(str(error))) from error
            time.sleep(patience.pause_seconds * 2 ** max(0, failed - 1))
    transfer.part.replace(target)
    transfer.version_file.unlink(missing_ok=True)


class _Version(msgspec.Struct, frozen=True):
    """Which file a part is of: its address, and what the server calls this version of it."""

    url: str
    validator: str | None


class _Transfer:
    """A file that is on its way."""

    def __init__(self, url: str, target: Path, progress: Callable[[int, int | None], None]) -> None:
        self.url = url
        self.part = target.with_name(f"{target.name}.part")
        self.version_file = target.with_name(f"{target.name}.part.version")
        self.progress = progress
        self.total: int | None = None

    @property
    def done(self) -> int:
        """Bytes that are there."""
        return self.part.stat().st_size if self.part.exists() else 0

    def explain(self, reason: str) -> str:
        """Say what failed and what to do."""
        kept = f"{self.done:,} bytes are kept in {self.part}, and the same command goes on from there."
        return (
            f"{self.url} cannot be fetched: {reason}. "
            + (kept if self.done else "Is this machine online, and is the address right?")
            + f" Without a network, fetch the file elsewhere and put it at {self.part.with_suffix('')}."
        )

    def go_on(self, silence_seconds: float) -> None:
        """Fetch what is missing, over one connection."""
        if self.total is not None and self.done == self.total:
            return
        try:
            with urllib.request.urlopen(self._request(), timeout=silence_seconds) as answer:
                self._take(answer)
        except urllib.error.HTTPError as error:
            with error:
                self._rejected(error)
        except _BROKEN as error:
            reason = error.reason if isinstance(error, urllib.error.URLError) else error
            raise _InterruptedError(str(reason) or type(error).__name__) from error

    def _request(self) -> urllib.request.Request:
        headers = {"User-Agent": "har-stream", "Accept-Encoding": "identity"}
        version = self._version()
        if self.done and version is not None and version.url == self.url:
            headers["Range"] = f"bytes={self.done}-"
            if version.validator is not None:
                headers["If-Range"] = version.validator
        return urllib.request.Request(self.url, headers=headers)

    def _take(self, answer: http.client.HTTPResponse) -> None:
        begin = 0
        if answer.status == http.HTTPStatus.PARTIAL_CONTENT:
            begin, self.total = _content_range(answer.headers.get("Content-Range", ""))
            if begin != self.done:
                raise DownloadError(f"{self.url}: the server sent bytes from {begin}, not from {self.done}")
        else:
            length = answer.headers.get("Content-Length")
            self.total = int(length) if length else None
            # Before the version is noted, whatever fails after that: the next run would join two files.
            self.part.unlink(missing_ok=True)
            self._note_version(answer.headers)
        self._require_space(begin)
        self._write(answer)
        if self.total is not None and self.done != self.total:
            raise _InterruptedError(f"the connection ended after {self.done:,} of {self.total:,} bytes")

    def _note_version(self, headers: Message) -> None:
        etag = headers.get("ETag") or ""
        validator = etag if etag.startswith('"') else headers.get("Last-Modified")  # a weak tag does not count here
        self.version_file.write_bytes(msgspec.json.encode(_Version(self.url, validator)))

    def _version(self) -> _Version | None:
        try:
            return msgspec.json.decode(self.version_file.read_bytes(), type=_Version)
        except (FileNotFoundError, msgspec.DecodeError):
            return None

    def _require_space(self, begin: int) -> None:
        free = shutil.disk_usage(self.part.parent).free
        if self.total is not None and self.total - begin > free:
            raise DownloadError(
                f"{self.url} needs {self.total - begin:,} bytes, but {self.part.parent.resolve()} has {free:,} left"
            )

    def _write(self, answer: http.client.HTTPResponse) -> None:
        while chunk := answer.read(CHUNK_BYTES):
            try:
                with self.part.open("ab") as file:
                    file.write(chunk)
            except OSError as error:  # a full disk, say: no other connection would help
                raise DownloadError(self.explain(f"{self.part} cannot be written ({error.strerror})")) from error
            self.progress(self.done, self.total)

    def _rejected(self, error: urllib.error.HTTPError) -> None:
        status = http.HTTPStatus
        if error.code == status.REQUESTED_RANGE_NOT_SATISFIABLE:
            self.total = _content_range(error.headers.get("Content-Range", ""))[1]
            if self.done != self.total:  # more is here than there
                self.part.unlink(missing_ok=True)
                raise _InterruptedError("the server's file is shorter than what is here") from error
            return
        if error.code == status.TOO_MANY_REQUESTS or error.code >= status.INTERNAL_SERVER_ERROR:
            raise _InterruptedError(f"the server answers {error.code} {error.reason}") from error
        raise DownloadError(
            f"{self.url}: the server answers {error.code} {error.reason}: is the address right?"
        ) from error


def _content_range(text: str) -> tuple[int, int | None]:
    """Read ``bytes 100-199/200``, or ``bytes */200`` where there is nothing to send."""
    try:
        unit, _, rest = text.partition(" ")
        span, _, total = rest.partition("/")
        first = 0 if span == "*" else int(span.partition("-")[0])
        whole = None if total in ("", "*") else int(total)
    except ValueError as error:
        raise DownloadError(f"the server sent a Content-Range that is none: {text!r}") from error
    if unit != "bytes":
        raise DownloadError(f"the server sent a Content-Range that is none: {text!r}")
    return first, whole
