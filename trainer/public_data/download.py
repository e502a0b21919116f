"""Download a large file. Interrupted downloads are resumed, also by the next run.

It uses HTTP range requests (RFC 9110, section 14) with `If-Range`: the server sends the rest only if the file has not
changed, otherwise the whole file.
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

from har.process.back_off import RetriesWhileProgressing
from har.samples import UNDECODABLE

CHUNK_BYTES = 1 << 20
#: Exceptions of a broken connection. `urllib.error.URLError` is an OSError.
_BROKEN = (OSError, http.client.HTTPException)


class DownloadError(RuntimeError):
    """A file could not be downloaded. The message contains the reason and a remedy."""


class _InterruptedError(Exception):
    """The connection was interrupted."""


@dataclass(frozen=True)
class DownloadPatience:
    """Timeouts and retries of a download.

    Attributes
    ----------
    silence_seconds : float
        Timeout for connecting and for each read, s.
    attempts : int
        Connections in a row without any new byte after which the download fails.
    pause_seconds : float
        Pause before an attempt, s. It doubles with each further attempt without any new byte.
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
    """Download a file. It appears atomically.

    An incomplete download is kept beside it as ``NAME.part``, and the next call resumes it.

    Parameters
    ----------
    url : str
        An ``http`` or ``https`` URL.
    target : Path
        The file to write.
    patience : DownloadPatience, optional
        Timeouts and retries.
    progress : callable
        Called with the number of bytes on disk and the size of the file, bytes. The size is None if the server does not
        state it.

    Raises
    ------
    DownloadError
        If the server cannot be reached, returns an error, or sends more or less than announced, or the disk is full.
    """
    if urlsplit(url).scheme not in ("http", "https"):
        raise DownloadError(f"{url} is not an http or https URL")
    transfer = _Transfer(url, target, progress)
    patience = patience or DownloadPatience()
    retries = RetriesWhileProgressing(patience.attempts, pause=patience.pause_seconds)
    while True:
        before = transfer.done
        try:
            transfer.resume(patience.silence_seconds)
            break
        except _InterruptedError as error:
            pause = retries.next_pause(made_progress=transfer.done > before)
            if pause is None:
                raise DownloadError(transfer.explain(str(error))) from error
            time.sleep(pause)
    transfer.part.replace(target)
    transfer.version_file.unlink(missing_ok=True)


class _Version(msgspec.Struct, frozen=True):
    """The version of the file that a part belongs to: its URL, and the server's ETag or Last-Modified."""

    url: str
    validator: str | None


class _Transfer:
    """A download in progress."""

    def __init__(self, url: str, target: Path, progress: Callable[[int, int | None], None]) -> None:
        self.url = url
        self.part = target.with_name(f"{target.name}.part")
        self.version_file = target.with_name(f"{target.name}.part.version")
        self.progress = progress
        self.total: int | None = None

    @property
    def done(self) -> int:
        """Number of bytes on disk."""
        return self.part.stat().st_size if self.part.exists() else 0

    def explain(self, reason: str) -> str:
        """Return an error message with the reason and a remedy."""
        kept = f"{self.done:,} bytes are kept in {self.part}; the same command resumes from there."
        return (
            f"cannot download {self.url}: {reason}. "
            + (kept if self.done else "Is this machine online, and is the URL right?")
            + f" Without a connection, download the file elsewhere and copy it to {self.part.with_suffix('')}."
        )

    def resume(self, silence_seconds: float) -> None:
        """Download the missing bytes over one connection."""
        if self.total is not None and self.done == self.total:
            return
        try:
            with urllib.request.urlopen(self._request(), timeout=silence_seconds) as response:
                self._receive(response)
        except urllib.error.HTTPError as error:
            with error:
                self._handle_error(error)
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

    def _receive(self, response: http.client.HTTPResponse) -> None:
        begin = 0
        if response.status == http.HTTPStatus.PARTIAL_CONTENT:
            begin, self.total = _content_range(response.headers.get("Content-Range", ""))
            if begin != self.done:
                raise DownloadError(f"{self.url}: the server sent bytes from {begin}, not from {self.done}")
        else:
            length = response.headers.get("Content-Length")
            self.total = int(length) if length else None
            # Delete the old part before the new version is stored. Otherwise, after a failure, the next run could
            # join parts of two versions.
            self.part.unlink(missing_ok=True)
            self._store_version(response.headers)
        self._require_space(begin)
        self._write(response)
        if self.total is not None and self.done != self.total:
            raise _InterruptedError(f"the connection ended after {self.done:,} of {self.total:,} bytes")

    def _store_version(self, headers: Message) -> None:
        etag = headers.get("ETag") or ""
        validator = etag if etag.startswith('"') else headers.get("Last-Modified")  # not a weak ETag
        self.version_file.write_bytes(msgspec.json.encode(_Version(self.url, validator)))

    def _version(self) -> _Version | None:
        try:
            return msgspec.json.decode(self.version_file.read_bytes(), type=_Version)
        except (FileNotFoundError, *UNDECODABLE):
            return None

    def _require_space(self, begin: int) -> None:
        free = shutil.disk_usage(self.part.parent).free
        if self.total is not None and self.total - begin > free:
            raise DownloadError(
                f"{self.url} needs {self.total - begin:,} bytes, but {self.part.parent.resolve()} has {free:,} left"
            )

    def _write(self, response: http.client.HTTPResponse) -> None:
        while chunk := response.read(CHUNK_BYTES):
            try:
                with self.part.open("ab") as file:
                    file.write(chunk)
            except OSError as error:  # such as a full disk; a retry would not help
                raise DownloadError(self.explain(f"cannot write {self.part} ({error.strerror})")) from error
            self.progress(self.done, self.total)

    def _handle_error(self, error: urllib.error.HTTPError) -> None:
        status = http.HTTPStatus
        if error.code == status.REQUESTED_RANGE_NOT_SATISFIABLE:
            self.total = _content_range(error.headers.get("Content-Range", ""))[1]
            if self.done != self.total:
                self.part.unlink(missing_ok=True)
                raise _InterruptedError("the server's file is shorter than the part on disk") from error
            return
        if error.code == status.TOO_MANY_REQUESTS or error.code >= status.INTERNAL_SERVER_ERROR:
            raise _InterruptedError(f"the server answered {error.code} {error.reason}") from error
        raise DownloadError(
            f"{self.url}: the server answered {error.code} {error.reason}: is the URL right?"
        ) from error


def _content_range(text: str) -> tuple[int, int | None]:
    """Return the first byte and the size from ``bytes 100-199/200``, or 0 and the size from ``bytes */200``."""
    try:
        unit, _, rest = text.partition(" ")
        span, _, total = rest.partition("/")
        first = 0 if span == "*" else int(span.partition("-")[0])
        whole = None if total in ("", "*") else int(total)
    except ValueError as error:
        raise DownloadError(f"the server sent an invalid Content-Range: {text!r}") from error
    if unit != "bytes":
        raise DownloadError(f"the server sent an invalid Content-Range: {text!r}")
    return first, whole
