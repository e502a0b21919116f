"""Messages that are neither a batch nor a label: a copy goes to the dead-letter topic, and the log reports them."""

import logging

from kafka import KafkaProducer
from kafka.errors import KafkaError

from har import topics
from har.process.kafka_clients import open_client
from har.process.kafka_connection import KafkaConnection
from har.process.limited_log import LimitedLog
from har.rejections import Rejection

log = logging.getLogger(__name__)

CONFIRM_SECONDS = 30.0


class RejectedMessages:
    """Publishes rejections to the dead-letter topic; `confirm` waits until Kafka has them.

    Parameters
    ----------
    kafka : KafkaConnection
        How to connect to Kafka.
    """

    def __init__(self, kafka: KafkaConnection) -> None:
        self._kafka = kafka
        self._producer: KafkaProducer | None = None
        self._waiting: list[Rejection] = []
        self._lines = LimitedLog(log)

    def __len__(self) -> int:
        """Return the number of unconfirmed rejections."""
        return len(self._waiting)

    def reject(self, rejection: Rejection) -> None:
        """Add a rejection; it is held until it is confirmed."""
        self._waiting.append(rejection)
        self._lines.warn(
            rejection.code,
            "rejected %d bytes at %s: %s: %s",
            len(rejection.message),
            rejection.origin,
            rejection.code,
            rejection.detail,
        )

    def confirm(self) -> None:
        """Publish the held rejections and wait until Kafka has them.

        Raises
        ------
        KafkaError
            If Kafka does not accept them all. The next call publishes all of them again, so some may be in Kafka twice.
        """
        self._lines.flush_if_due()
        if not self._waiting:
            return
        if self._producer is None:
            self._producer = open_client(KafkaProducer, self._kafka, acks="all", metrics_enabled=False)
        sent = [
            self._producer.send(
                topics.REJECTED.name, key=rejection.key, value=rejection.value, headers=rejection.headers
            )
            for rejection in self._waiting
        ]
        for future in sent:
            future.get(timeout=CONFIRM_SECONDS)
        self._waiting.clear()

    def drop(self) -> None:
        """Drop unconfirmed rejections, as their messages are read again."""
        self._waiting.clear()

    def close(self) -> None:
        """Close the connection to Kafka."""
        self._lines.flush()
        if self._producer is not None:
            try:
                self._producer.close(timeout=1)
            except KafkaError as error:
                log.warning("Kafka did not confirm all rejections: %s", error)
