"""Fetch files from a store over HTTP, in bounded time. Interrupted downloads are resumed."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import urllib3
from tuf.api.exceptions import DownloadError, DownloadHTTPError
from tuf.ngclient.fetcher import FetcherInterface
from urllib3.exceptions import HTTPError

from har.process.back_off import RetriesWhileProgressing
from har.process.clients import authorization
from har.process.settings import masked_url
from model_store.client.errors import SlowDownloadError

READ_BYTES = 65_536
OK, PARTIAL, UNAUTHORIZED, SERVER_ERROR = 200, 206, 401, 500


@dataclass(frozen=True)
class Patience:
    """Time limits and retries of a pull.

    Attributes
    ----------
    deadline_seconds : float
        Time limit for all downloads of one pull, s.
    least_bytes_per_second : float
        Minimum average rate of a file, bytes/s.
    grace_seconds : float
        Time from the start of a file during which the rate is not checked, s.
    silence_seconds : float
        Timeout for connecting and for each read, s.
    fruitless_attempts : int
        Connections in a row without any new byte after which a download fails.
    pause_seconds : float
        Pause before a file is requested again, s. It doubles with each further attempt without any new byte.
    """

    deadline_seconds: float = 120.0
    least_bytes_per_second: float = 2_000.0
    grace_seconds: float = 5.0
    silence_seconds: float = 5.0
    fruitless_attempts: int = 4
    pause_seconds: float = 0.1


class BoundedFetcher(FetcherInterface):
    """Fetches files within the time limits of a pull.

    Parameters
    ----------
    patience : Patience
        Time limits and retries.
    token : str, optional
        Bearer token for reading, if the store needs one.
    """

    def __init__(self, patience: Patience | None = None, *, token: str | None = None) -> None:
        self._patience = patience or Patience()
        self._pool = urllib3.PoolManager(retries=False)
        self._headers = {"Accept-Encoding": "identity"} | authorization(token)
        self._deadline = 0.0
        self._response: urllib3.BaseHTTPResponse | None = None
        self.restart()

    def restart(self) -> None:
        """Begin another pull: reset the deadline."""
        self._deadline = time.monotonic() + self._patience.deadline_seconds

    def close(self) -> None:
        """End a pull: close all connections, including unfinished responses."""
        if self._response is not None:
            self._response.close()
        self._pool.clear()

    def _fetch(self, url: str) -> Iterator[bytes]:
        return self.fetch_from(url, 0)

    def fetch_from(self, url: str, begin: int) -> Iterator[bytes]:
        """Yield the content of a file from an offset on. Reconnect and resume if the connection breaks.

        Parameters
        ----------
        url : str
            URL of the file. Its content must not change.
        begin : int
            Offset of the first byte to fetch.

        Raises
        ------
        DownloadHTTPError
            If the store answers with a status between 201 and 499, other than 206.
        SlowDownloadError
            If the download is slower than the minimum rate, or exceeds the deadline of the pull.
        DownloadError
            If too many attempts in a row bring no new byte.
        """
        patience = self._patience
        at = begin
        retries = RetriesWhileProgressing(patience.fruitless_attempts, pause=patience.pause_seconds)
        began = time.monotonic()
        while True:
            before = at
            try:
                for piece in self._connection(url, at):
                    at += len(piece)
                    self._check_rate(url, at - begin, began)
                    yield piece
            except (HTTPError, OSError) as error:
                pause = retries.next_pause(made_progress=at > before)
                if pause is None:
                    raise DownloadError(f"cannot download {masked_url(url)}: {error}") from error
                self._check_rate(url, at - begin, began)
                time.sleep(min(pause, max(0.0, self._deadline - time.monotonic())))
            else:
                return

    def _connection(self, url: str, begin: int) -> Iterator[bytes]:
        """Yield the content of a file from an offset on, over one connection."""
        left = max(0.01, self._deadline - time.monotonic())
        silence = min(self._patience.silence_seconds, left)
        headers = self._headers | ({"Range": f"bytes={begin}-"} if begin else {})
        self._response = response = self._pool.request(
            "GET",
            url,
            headers=headers,
            preload_content=False,
            redirect=False,
            timeout=urllib3.Timeout(connect=silence, read=silence),
        )
        try:
            if response.status >= SERVER_ERROR:
                raise OSError(f"the store answered {response.status}")
            if response.status not in (OK, PARTIAL) or (response.status == PARTIAL and not begin):
                why = ": the token is missing or wrong" if response.status == UNAUTHORIZED else ""
                raise DownloadHTTPError(
                    f"{masked_url(url)}: the store answered {response.status}{why}", response.status
                )
            skip = begin if response.status == OK else 0  # a server without range requests sends the whole file
            while piece := response.read1(READ_BYTES):
                new = piece[skip:]
                skip -= len(piece) - len(new)
                if new:
                    yield new
                elif time.monotonic() > self._deadline:
                    raise TimeoutError("the deadline passed before the store sent a byte that was not here yet")
        finally:
            response.close()

    def _check_rate(self, url: str, received: int, began: float) -> None:
        now = time.monotonic()
        if now > self._deadline:
            raise SlowDownloadError(
                f"{masked_url(url)} was not downloaded within {self._patience.deadline_seconds:g} s"
            )
        seconds = now - began
        if seconds > self._patience.grace_seconds and received < seconds * self._patience.least_bytes_per_second:
            raise SlowDownloadError(
                f"{masked_url(url)} arrives at {received / seconds:.0f} bytes a second; "
                f"the minimum is {self._patience.least_bytes_per_second:.0f}"
            )
