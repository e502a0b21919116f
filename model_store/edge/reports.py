"""Report the predictions that a device made itself to a gateway. Readings are never sent."""

import logging
import threading
import time
from collections import deque
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from websockets.exceptions import InvalidURI, WebSocketException
from websockets.sync.client import ClientConnection, connect

from har.activity_reports import MAX_WINDOWS, encode_report
from har.gateway_messages import Accepted, Answer, Rejected, decode_message
from har.predictions import Prediction
from har.process.back_off import BackOff
from har.process.clients import authorization, proxy_for
from har.samples import UNDECODABLE

log = logging.getLogger(__name__)

FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 2.0, 30.0
#: Timeout for a reply, s. Longer than a gateway waits for Kafka before it closes the connection.
ANSWER_SECONDS = 60.0


class ActivityReports:
    """Reports the predictions of one session in order, in a background thread, while its context is open.

    Reports without a reply are kept and sent again over the next connection. Consumers recognise a repeated prediction
    by its window.

    Parameters
    ----------
    url : str
        URL of the gateway, such as ``ws://127.0.0.1:8600/v1/activities``.
    device, session : str
        Names of the device and the session.
    token : str, optional
        Bearer token of the gateway, if it needs one.
    most_waiting : int
        Most predictions that are kept while the gateway is unavailable; by default those of an hour. Beyond that, the
        oldest are dropped and counted.
    finish_seconds : float
        How long leaving the context waits for outstanding reports, s.

    Attributes
    ----------
    reported, rejected, dropped : int
        Numbers of predictions that Kafka confirmed, that the gateway rejected, and that were dropped.
    """

    def __init__(
        self,
        url: str,
        device: str,
        session: str,
        *,
        token: str | None = None,
        most_waiting: int = 3_600,
        finish_seconds: float = 5.0,
    ) -> None:
        self._url = url
        self._device = device
        self._session = session
        self._headers = authorization(token)
        self._proxy = proxy_for(url)
        self._most_waiting = most_waiting
        self._finish_seconds = finish_seconds
        self._waiting: deque[Prediction] = deque()
        self._changed = threading.Condition()
        self._is_closing = False
        self._has_ended = threading.Event()
        self._sequence = 0
        self._thread = threading.Thread(target=self._report_forever, name="activity-reports", daemon=True)
        self.reported = 0
        self.rejected = 0
        self.dropped = 0

    def __enter__(self) -> Self:
        """Start the background thread."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._changed:
            self._is_closing = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._waiting, self._finish_seconds)
            unreported = len(self._waiting)
            self._waiting.clear()
            self.dropped += unreported
        self._has_ended.set()
        if unreported:
            log.warning("dropped %d predictions that were not reported", unreported)

    def add(self, predictions: Sequence[Prediction]) -> None:
        """Add predictions to report. Return at once."""
        with self._changed:
            self._waiting.extend(predictions)
            surplus = len(self._waiting) - self._most_waiting
            if surplus > 0:
                if not self.dropped:
                    log.warning("the gateway was unavailable for too long; dropping the oldest predictions")
                self.dropped += surplus
                for _ in range(surplus):
                    self._waiting.popleft()
            self._changed.notify_all()

    def _report_forever(self) -> None:
        back_off = BackOff(FIRST_PAUSE_SECONDS, longest=LONGEST_PAUSE_SECONDS)
        logged = ""
        while self._wait_for_any():
            before = self.reported + self.rejected
            try:
                with connect(
                    self._url, additional_headers=self._headers, compression=None, proxy=self._proxy
                ) as connection:
                    self._report_over(connection)
            except (OSError, WebSocketException, InvalidURI, *UNDECODABLE) as error:
                if self.reported + self.rejected > before:
                    back_off.reset()
                    logged = ""
                if logged != (logged := str(error)):
                    log.warning("cannot report to the gateway, will retry: %s", error)
                self._has_ended.wait(back_off.next_pause())

    def _report_over(self, connection: ClientConnection) -> None:
        while self._wait_for_any():
            with self._changed:
                report = [self._waiting[number] for number in range(min(len(self._waiting), MAX_WINDOWS))]
            if not report:
                continue
            connection.send(encode_report(self._device, self._session, self._sequence, report))
            self._settle(report, _receive_answer(connection))
            self._sequence += 1

    def _wait_for_any(self) -> bool:
        """Wait until there is something to report; return whether there is."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._is_closing)
            return bool(self._waiting)

    def _settle(self, report: list[Prediction], answer: Answer) -> None:
        """Remove the predictions of an answered report and count them."""
        if isinstance(answer, Rejected):
            log.warning("the gateway rejected a report (%s): %s", answer.code, answer.detail)
        with self._changed:
            answered = set(map(id, report))
            while self._waiting and id(self._waiting[0]) in answered:  # the oldest may have been dropped meanwhile
                self._waiting.popleft()
                if isinstance(answer, Rejected):
                    self.rejected += 1
                else:
                    self.reported += 1
            self._changed.notify_all()


def _receive_answer(connection: ClientConnection) -> Answer:
    deadline = time.monotonic() + ANSWER_SECONDS
    while True:
        message = decode_message(connection.recv(timeout=max(0.0, deadline - time.monotonic())))
        if isinstance(message, Accepted | Rejected):
            return message
