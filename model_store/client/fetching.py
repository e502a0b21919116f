"""Fetching from a store over HTTP, whatever the network does: in bounded time, and going on where it broke."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import urllib3
from tuf.api.exceptions import DownloadError, DownloadHTTPError
from tuf.ngclient.fetcher import FetcherInterface
from urllib3.exceptions import HTTPError

from model_store.client.errors import SlowDownloadError

READ_BYTES = 65_536
OK, PARTIAL, SERVER_ERROR = 200, 206, 500


@dataclass(frozen=True)
class Patience:
    """How long a store is borne with.

    Attributes
    ----------
    deadline_seconds : float
        For all that one pull fetches.
    least_bytes_per_second : float
        A file that comes slower, on the average, is given up.
    grace_seconds : float
        From the start of a file, in which the rate does not count yet.
    silence_seconds : float
        A connection that is silent for so long is broken.
    fruitless_attempts : int
        Connections in a row that bring nothing of a file, until it is given up.
    pause_seconds : float
        Before a file is asked for again; doubled after each attempt that brought nothing.
    """

    deadline_seconds: float = 120.0
    least_bytes_per_second: float = 2_000.0
    grace_seconds: float = 5.0
    silence_seconds: float = 5.0
    fruitless_attempts: int = 4
    pause_seconds: float = 0.1


class BoundedFetcher(FetcherInterface):
    """Fetches files within the time of one pull.

    Parameters
    ----------
    patience : Patience
        How long.
    token : str, optional
        What a store asks for that is not open to everybody.
    """

    def __init__(self, patience: Patience | None = None, *, token: str | None = None) -> None:
        self._patience = patience or Patience()
        self._pool = urllib3.PoolManager(retries=False)
        self._headers = {"Accept-Encoding": "identity"} | ({"Authorization": f"Bearer {token}"} if token else {})
        self._deadline = 0.0
        self._answer: urllib3.BaseHTTPResponse | None = None
        self.restart()

    def restart(self) -> None:
        """Begin another pull: the deadline is put off."""
        self._deadline = time.monotonic() + self._patience.deadline_seconds

    def close(self) -> None:
        """End a pull: close what is connected, also what nobody reads to its end."""
        if self._answer is not None:
            self._answer.close()
        self._pool.clear()

    def _fetch(self, url: str) -> Iterator[bytes]:
        return self.fetch_from(url, 0)

    def fetch_from(self, url: str, begin: int) -> Iterator[bytes]:
        """Fetch a file from a byte on, in pieces as they come; a broken connection is made anew.

        Parameters
        ----------
        url : str
            The file, which does not change meanwhile.
        begin : int
            How much of it is there already.

        Raises
        ------
        DownloadHTTPError
            If the store answers with an error.
        SlowDownloadError
            If it comes too slowly, or not in time.
        DownloadError
            If it does not come at all.
        """
        patience = self._patience
        at, fruitless, pause = begin, 0, patience.pause_seconds
        began = time.monotonic()
        while True:
            before = at
            try:
                for piece in self._connection(url, at):
                    at += len(piece)
                    self._require_pace(url, at - begin, began)
                    yield piece
            except (HTTPError, OSError) as error:
                fruitless, pause = (0, patience.pause_seconds) if at > before else (fruitless + 1, 2 * pause)
                if fruitless >= patience.fruitless_attempts:
                    raise DownloadError(f"{url} does not come: {error}") from error
                self._require_pace(url, at - begin, began)
                time.sleep(min(pause, max(0.0, self._deadline - time.monotonic())))
            else:
                return

    def _connection(self, url: str, begin: int) -> Iterator[bytes]:
        """Yield what one connection brings of a file, from a byte on."""
        left = max(0.01, self._deadline - time.monotonic())
        silence = min(self._patience.silence_seconds, left)
        headers = self._headers | ({"Range": f"bytes={begin}-"} if begin else {})
        self._answer = response = self._pool.request(
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
                raise DownloadHTTPError(f"{url}: the store answered {response.status}", response.status)
            skip = begin if response.status == OK else 0  # a store that does not know ranges sends all of it
            while piece := response.read1(READ_BYTES):
                kept = piece[skip:]
                skip -= len(piece) - len(kept)
                if kept:
                    yield kept
                elif time.monotonic() > self._deadline:
                    raise TimeoutError("what is here already came again until the time was over")
        finally:
            response.close()

    def _require_pace(self, url: str, received: int, began: float) -> None:
        now = time.monotonic()
        if now > self._deadline:
            raise SlowDownloadError(f"{url} was not here within {self._patience.deadline_seconds:g} s")
        seconds = now - began
        if seconds > self._patience.grace_seconds and received < seconds * self._patience.least_bytes_per_second:
            raise SlowDownloadError(
                f"{url} comes with {received / seconds:.0f} bytes a second; "
                f"{self._patience.least_bytes_per_second:.0f} is the least"
            )
