"""Messages that are no batch and no label: a copy goes to the dead-letter topic, and it is said in the log."""

import logging
import time
from collections import Counter
from collections.abc import Callable

from kafka import KafkaProducer
from kafka.errors import KafkaError

from har import topics
from har.process.kafka_clients import open_client
from har.rejections import Rejection

log = logging.getLogger(__name__)

#: Rejections are said in full this often in `LOG_SECONDS`; the others are counted.
MOST_LINES = 10
LOG_SECONDS = 10.0
CONFIRM_SECONDS = 30.0


class RejectedMessages:
    """Publishes rejections; they count once `confirm` has returned.

    Parameters
    ----------
    bootstrap : str
        ``host:port,host:port``.
    """

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._producer: KafkaProducer | None = None
        self._waiting: list[Rejection] = []
        self._lines = RejectionLines()

    def __len__(self) -> int:
        """Return how many are not confirmed yet."""
        return len(self._waiting)

    def reject(self, rejection: Rejection) -> None:
        """Take a rejection; it is kept until it is confirmed."""
        self._waiting.append(rejection)
        self._lines.note(rejection)

    def confirm(self) -> None:
        """Publish what was rejected, and wait until Kafka has it.

        Raises
        ------
        KafkaError
            If Kafka does not take it; it is tried again next time, and what Kafka took already comes twice.
        """
        self._lines.end_period()
        if not self._waiting:
            return
        if self._producer is None:
            self._producer = open_client(
                KafkaProducer, bootstrap_servers=self._bootstrap.split(","), acks="all", metrics_enabled=False
            )
        sent = [
            self._producer.send(topics.REJECTED.name, key=each.key, value=each.value, headers=each.headers)
            for each in self._waiting
        ]
        for future in sent:
            future.get(timeout=CONFIRM_SECONDS)
        self._waiting.clear()

    def drop(self) -> None:
        """Take back what is not confirmed: its messages are read again."""
        self._waiting.clear()

    def close(self) -> None:
        """Disconnect."""
        self._lines.end_period()
        if self._producer is not None:
            try:
                self._producer.close(timeout=1)
            except KafkaError as error:
                log.warning("Kafka has not confirmed every rejection: %s", error)


class RejectionLines:
    """Logs rejections: some in full, the others as a count."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lines = 0
        self._counted: Counter[str] = Counter()
        self._began_at = clock()

    def note(self, rejection: Rejection) -> None:
        """Log or count one rejection."""
        if self._clock() - self._began_at >= LOG_SECONDS:
            self.end_period()
        if self._lines < MOST_LINES:
            self._lines += 1
            log.warning(
                "rejected %d bytes at %s: %s: %s",
                len(rejection.message),
                rejection.origin,
                rejection.code,
                rejection.detail,
            )
        else:
            self._counted[rejection.code] += 1

    def end_period(self) -> None:
        """Say what was only counted."""
        if self._clock() - self._began_at < LOG_SECONDS:
            return
        if self._counted:
            codes = ", ".join(f"{code} {count}" for code, count in self._counted.most_common())
            log.warning("rejected %d more messages: %s", self._counted.total(), codes)
        self._lines, self._began_at = 0, self._clock()
        self._counted.clear()
