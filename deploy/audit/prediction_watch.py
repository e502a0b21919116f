"""Predictions in Kafka, as a downstream consumer reads them."""

import threading
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import msgspec

from deploy.audit.topic_reader import LEISURELY_FETCH_MS, EndOfLog, TopicReader
from har import topics
from har.predictions import Prediction, decode_prediction
from har.process.clock import now_us
from har.process.kafka_clients import Partition
from har.process.kafka_connection import KafkaConnection
from har.samples import UNDECODABLE

WindowKey = tuple[str, str, int]
#: Each partition's high watermark and next offset to read.
ReadUntil = tuple[dict[Partition, int | None], dict[Partition, int]]


@dataclass
class SeenMessages:
    """Predictions that were read from Kafka: the newest of each window, and faults of the others.

    Attributes
    ----------
    predictions : dict of WindowKey to Prediction
        The newest prediction of each window.
    latencies_ms : list of float
        Time from a window's last arrival to its first prediction, ms, by window in the order read.
    repeats : Counter of WindowKey
        Number of further predictions of a window.
    contradicted : set of WindowKey
        Windows with two different predictions of one release.
    heads_of_contradicted : dict of WindowKey to set of int
        The personal heads that the predictions of contradicted windows name.
    disordered : list of WindowKey
        Windows first predicted after a later window of their session.
    first_us, last_us : int
        When the first and the last prediction were read, µs since the epoch.
    undecodable : int
        Number of messages that are no prediction.
    made_on_devices : int
        Number of predictions that devices reported; not counted above, since their readings are not in Kafka.
    """

    predictions: dict[WindowKey, Prediction] = field(default_factory=dict)
    latencies_ms: list[float] = field(default_factory=list)
    repeats: Counter[WindowKey] = field(default_factory=Counter)
    contradicted: set[WindowKey] = field(default_factory=set)
    heads_of_contradicted: dict[WindowKey, set[int]] = field(default_factory=dict)
    disordered: list[WindowKey] = field(default_factory=list)
    first_us: int = 0
    last_us: int = 0
    undecodable: int = 0
    made_on_devices: int = 0
    _newest_start: dict[tuple[str, str], int] = field(default_factory=dict)

    @property
    def repeated(self) -> int:
        """Number of predictions that repeat a window."""
        return self.repeats.total()

    def add(self, message: bytes | None, seen_us: int) -> None:
        """Add a message of the predictions' topic, read at `seen_us` µs since the epoch."""
        try:
            prediction = decode_prediction(message or b"")
        except UNDECODABLE:
            self.undecodable += 1
            return
        if prediction.made_on == "device":
            self.made_on_devices += 1
            return
        self.first_us = self.first_us or seen_us
        self.last_us = seen_us
        known = self.predictions.get(prediction.key)
        if known is None:
            self.latencies_ms.append((seen_us - prediction.arrived) / 1000)
            self._note_order(prediction)
        else:
            self.repeats[prediction.key] += 1
            if known.release == prediction.release and _values(known) != _values(prediction):
                self.contradicted.add(prediction.key)
                named = {made.personal for made in (known, prediction) if made.personal is not None}
                self.heads_of_contradicted.setdefault(prediction.key, set()).update(named)
        self.predictions[prediction.key] = prediction

    def _note_order(self, prediction: Prediction) -> None:
        session = prediction.device, prediction.session
        newest = self._newest_start.get(session, prediction.start)
        if prediction.start < newest:
            self.disordered.append(prediction.key)
        self._newest_start[session] = max(newest, prediction.start)


def _values(prediction: Prediction) -> Prediction:
    """Return what must be the same if a window is predicted again. A repeated batch may arrive at another time."""
    return msgspec.structs.replace(prediction, arrived=0)


class PredictionWatch:
    """Reads the predictions' topic from its beginning in a thread, as a downstream consumer would.

    Latency therefore ends when a consumer has the prediction, not when it was sent.

    Parameters
    ----------
    kafka : KafkaConnection
        How to connect to Kafka.
    since_us : int, optional
        Predictions with an earlier Kafka timestamp are left out, µs since the epoch.
    fetch_wait_ms : int
        How long a broker may wait for predictions before it answers a fetch, ms.
    """

    def __init__(
        self, kafka: KafkaConnection, *, since_us: int | None = None, fetch_wait_ms: int = LEISURELY_FETCH_MS
    ) -> None:
        self._reader = TopicReader(kafka, topics.PREDICTIONS.name, since_us=since_us, fetch_wait_ms=fetch_wait_ms)
        self._seen = SeenMessages()
        self._read_until: ReadUntil = ({}, {})
        self._changed = threading.Condition()
        self._failure: Exception | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._read, name="prediction-watch", daemon=True)

    def start(self) -> None:
        """Start reading.

        Raises
        ------
        har.process.kafka_reading.MissingTopicError
            If the topic does not exist.
        """
        self._reader.open()
        self._read_until = dict(self._reader.ends), dict(self._reader.positions)
        self._thread.start()

    def wait_for(self, keys: Iterable[WindowKey], timeout_seconds: float) -> SeenMessages:
        """Wait until all windows were seen, or the time is over; return the predictions so far.

        Raises
        ------
        kafka.errors.KafkaError, OSError
            If the predictions cannot be read any more.
        """
        expected = set(keys)
        self._wait(lambda: expected <= self._seen.predictions.keys(), timeout_seconds)
        return self._seen

    def wait_for_count(self, windows: int, timeout_seconds: float) -> SeenMessages:
        """Wait until this many distinct windows were seen, or the time is over; return the predictions so far.

        It raises what `wait_for` raises.
        """
        self._wait(lambda: len(self._seen.predictions) >= windows, timeout_seconds)
        return self._seen

    def wait_for_end(self, timeout_seconds: float) -> bool:
        """Wait until everything that the topic holds now was read; return False if the time is over first.

        It raises what `wait_for` raises.
        """
        end = EndOfLog()
        return self._wait(lambda: end.is_reached(*self._read_until), timeout_seconds)

    def close(self) -> None:
        """Stop reading."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        self._reader.close()

    def _wait(self, is_met: Callable[[], bool], timeout_seconds: float) -> bool:
        with self._changed:
            result = self._changed.wait_for(lambda: self._failure is not None or is_met(), timeout_seconds)
            if self._failure is not None:
                raise self._failure
            return result

    def _read(self) -> None:
        try:
            self._read_until_stopped()
        except Exception as error:
            # What was read until now would look like everything that was predicted.
            with self._changed:
                self._failure = error
                self._changed.notify_all()

    def _read_until_stopped(self) -> None:
        while not self._stop.is_set():
            records = self._reader.poll()
            seen_us = now_us()
            with self._changed:
                for record in records:
                    self._seen.add(record.value, seen_us)
                # Under the lock: what counts as read must be in `_seen`.
                self._read_until = dict(self._reader.ends), dict(self._reader.positions)
                self._changed.notify_all()
