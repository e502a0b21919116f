"""The archiver: commits the readings and labels in Kafka to the archive's tables, each exactly once.

A commit holds the rows and the Kafka offsets that they reach. The offsets are stored nowhere else, so a new archiver
reads again what a killed one had not committed.

Another process may commit at any time: a second archiver, `forget`, or a compaction. The next commit here then fails.
The archiver drops the rows that it holds and reads them again from the offsets that the tables now have.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import msgspec
from kafka import KafkaAdminClient
from kafka.errors import KafkaError

from har import rights
from har.process.back_off import BackOff
from har.process.clock import now_us
from har.process.kafka_access import require_rights
from har.process.kafka_clients import KafkaRecord, Partition, is_refusal
from har.process.kafka_reading import MissingTopicError
from har.process.unreadable_batch import UnreadableBatch
from har.rejections import RejectedMessage, Rejection
from har.samples import check_size
from ingest.archive.forgotten import Forgotten
from ingest.archive.held_rows import HeldLabels, HeldRows, HeldSamples, Origin
from ingest.archive.location import Location
from ingest.archive.log_reader import LogReader
from ingest.archive.metrics import ArchiveMetrics
from ingest.archive.rejecting import RejectedMessages
from ingest.archive.settings import ArchiveRunSettings
from ingest.archive.state import TableState
from ingest.archive.table_kinds import KINDS, LABELS, SAMPLES
from ingest.archive.tables import STORAGE_ERRORS, ArchiveTable, ChangedElsewhereError
from ingest.archive.upkeep import TablesUpkeep

log = logging.getLogger(__name__)

FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 1.0, 60.0
#: An unconfirmed rejection counts as this many held readings, as its message may be that large.
REJECTION_WEIGHT = 2_000
_FAILURES = (*STORAGE_ERRORS, KafkaError, MissingTopicError, TimeoutError)


class Archiver:
    """Reads Kafka and commits to an archive.

    Parameters
    ----------
    settings : ArchiveRunSettings
        Kafka's address, the archive's location, and how often to commit.
    metrics : ArchiveMetrics
        Counters to update.
    now_us : callable, optional
        Returns the current time, µs since the epoch.

    Raises
    ------
    LogError
        If Kafka is unreachable.
    MissingTopicError
        If a topic does not exist.
    DeltaError, OSError
        If the archive cannot be read or created.
    """

    def __init__(
        self,
        settings: ArchiveRunSettings,
        metrics: ArchiveMetrics,
        now_us: Callable[[], int] = now_us,
    ) -> None:
        self._settings = settings
        self._metrics = metrics
        self._now_us = now_us
        self._location = Location(settings.archive)
        self._held: dict[str, HeldRows] = {SAMPLES.topic.name: HeldSamples(), LABELS.topic.name: HeldLabels()}
        self._rejected = RejectedMessages(settings.kafka)
        self._upkeep = TablesUpkeep(settings, now_us)
        self._must_restart = True
        self._reader = LogReader(settings.kafka, [kind.topic.name for kind in KINDS])
        try:
            self._begin()
        except BaseException:
            self._reader.close()
            raise

    def run(self, stop: threading.Event) -> int:
        """Archive until `stop` is set, then commit the held rows.

        Returns
        -------
        int
            The exit status: 1 if the last commit failed. Its messages are still in Kafka.
        """
        try:
            flushed_at = time.monotonic()
            while not stop.is_set():
                self._poll(stop)
                is_due = time.monotonic() - flushed_at >= self._settings.flush_seconds
                is_full = self._weight() >= self._settings.flush_readings
                if is_due or is_full or self._reader.has_changed():
                    self._flush_until_done(stop)
                    flushed_at = time.monotonic()
            return 0 if self._try_to_flush() is None else 1
        finally:
            self._rejected.close()
            self._reader.close()

    def _restart(self) -> None:
        """Look the topics up anew, drop the held rows, and read on from the committed offsets."""
        self._must_restart = True  # until all steps are done
        self._reader.look_up_topics()
        self._begin()

    def _begin(self) -> None:
        """Load the state of the tables, drop the held rows, and seek to the committed offsets."""
        self._must_restart = True  # until all steps are done
        with self._location.exclusive():
            self._tables = {kind.topic.name: ArchiveTable(self._location, kind) for kind in KINDS}
        self._states = {topic: TableState.of(table) for topic, table in self._tables.items()}
        forgotten = Forgotten()  # shared by both tables, so that a device's readings and labels are both kept out
        for state in self._states.values():
            forgotten.merge(state.forgotten.devices, state.forgotten.sessions)
            state.forgotten = forgotten
        for held in self._held.values():
            held.clear()
        self._rejected.drop()
        self._committed = self._seek_reader()
        self._must_restart = False

    def _seek_reader(self) -> dict[Partition, int | None]:
        replaced = {topic for topic in self._tables if self._is_replaced(topic)}
        offsets = {
            partition: None if partition.topic in replaced else self._tables[partition.topic].offset(partition.number)
            for partition in self._reader.partitions()
        }
        with self._count_lost():
            self._reader.begin(offsets)
        return offsets

    def _is_replaced(self, topic: str) -> bool:
        """Return whether Kafka's topic is not the one that was archived, and store its identity."""
        state, identity = self._states[topic], self._reader.identities[topic]
        is_replaced = state.topic is not None and state.topic != identity
        if is_replaced:
            log.error("%s is not the topic that was archived before, but another topic of the same name: reading it "
                      "from its beginning", topic)  # fmt: skip
            state.topic_from = self._now_us()
        state.topic = identity
        return is_replaced

    def _poll(self, stop: threading.Event) -> None:
        records: list[KafkaRecord] = []
        try:
            with self._count_lost():
                records = self._reader.poll()
        except KafkaError as error:
            self._end_if_refused(error)
            log.error("cannot read Kafka, retrying: %s", error)
            stop.wait(FIRST_PAUSE_SECONDS)
        for record in records:
            self._process(record)
        self._metrics.held.set(self._held[SAMPLES.topic.name].row_count)
        for partition, position in self._committed.items():
            end = self._reader.end(partition)
            if end is not None:
                self._metrics.lag.labels(*map(str, partition)).set(max(0, end - (position or 0)))

    @contextmanager
    def _count_lost(self) -> Iterator[None]:
        before = self._reader.lost.messages
        try:
            yield
        finally:
            self._metrics.lost.inc(self._reader.lost.messages - before)

    def _process(self, record: KafkaRecord) -> None:
        if isinstance(record.value, UnreadableBatch):
            rejection = record.value.rejection(record.topic, record.partition, "archiver")
            self._metrics.rejected.labels(rejection.code).inc(rejection.offsets)
            self._rejected.reject(rejection)
            return
        origin = Origin(record.partition, record.offset, record.timestamp * 1000)
        message = record.value or b""
        try:
            check_size(message)
            is_new = self._held[record.topic].add(message, origin, self._states[record.topic])
        except RejectedMessage as error:
            self._metrics.rejected.labels(error.code).inc()
            device = record.key.decode(errors="replace") if record.key else None
            position = f"{record.topic}/{record.partition}/{record.offset}"
            self._rejected.reject(Rejection(message, error.code, error.detail, "archiver", device, position))
        else:
            if not is_new:
                self._metrics.left_out.labels(record.topic).inc()

    def _weight(self) -> int:
        return sum(held.row_count for held in self._held.values()) + REJECTION_WEIGHT * len(self._rejected)

    def _flush_until_done(self, stop: threading.Event) -> None:
        """Commit the held rows; retry until it succeeds or `stop` is set.

        Nothing is read meanwhile, so the held rows stay bounded.
        """
        back_off = BackOff(FIRST_PAUSE_SECONDS, longest=LONGEST_PAUSE_SECONDS)
        while (reason := self._try_to_flush()) is not None:
            self._metrics.failing.set(1)
            self._metrics.failures.inc()
            pause = back_off.next_pause()
            log.error(
                "cannot commit to %s, retrying in %.0f s: %s. Nothing is lost while Kafka keeps the messages (7 days)",
                self._settings.archive,
                pause,
                reason,
            )
            if stop.wait(pause):
                return
        self._metrics.failing.set(0)

    def _try_to_flush(self) -> str | None:
        """Commit the held rows; return why it failed, or None."""
        try:
            if self._must_restart:
                self._restart()
            self._rejected.confirm()
            with self._location.exclusive():
                if any(table.is_changed() for table in self._tables.values()):
                    raise ChangedElsewhereError(f"another process wrote to {self._location.name}")
                for topic in self._tables:
                    self._commit(topic)
            self._metrics.record_commit()
            self._upkeep.run_if_due(self._location, self._tables, self._states)
            if self._reader.has_changed():
                self._restart()
        except ChangedElsewhereError as error:
            log.info("%s: reading the uncommitted messages again", error)
            return self._try_to_restart()
        except _FAILURES as error:
            self._end_if_refused(error)
            return explain(error)
        return None

    def _end_if_refused(self, error: Exception) -> None:
        """Raise an error that names the missing right if Kafka refused something: retrying would not help."""
        if is_refusal(error):
            require_rights(KafkaAdminClient, self._settings.kafka, rights.ARCHIVER)

    def _try_to_restart(self) -> str | None:
        try:
            self._restart()
        except _FAILURES as error:
            return explain(error)
        return None

    def _commit(self, topic: str) -> None:
        """Commit the held rows of a topic; it can be called again after a failure."""
        table, state, held = self._tables[topic], self._states[topic], self._held[topic]
        reached = {
            partition: offset
            for partition, offset in self._reader.positions.items()
            if partition.topic == topic and offset != self._committed[partition]
        }
        if not reached:
            return
        change, version = state.change(table.version, self._now_us()), table.version
        rows = held.rows()
        try:
            offsets = {partition.number: offset for partition, offset in reached.items()}
            table.append(rows, msgspec.json.encode(change), offsets)
        except BaseException:
            self._must_restart = table.version != version  # committed, but perhaps not yet on the disk
            raise
        state.mark_committed(change, table.version)
        held.clear()
        self._committed |= reached
        self._metrics.commits.labels(table.kind.name).inc()
        (self._metrics.readings if table.kind is SAMPLES else self._metrics.labels).inc(rows.num_rows)
        if change.whole:
            table.checkpoint()


def explain(error: Exception) -> str:
    """Return on one line why storage or Kafka failed, and what to do."""
    reason = " ".join(str(error).split()) or type(error).__name__
    if "No space left" in reason:
        return f"the disk is full: free some space, or delete old days with --keep-days ({reason})"
    if "Permission denied" in reason or "403" in reason:
        return f"no permission to write the archive: check the rights of this user or key ({reason})"
    if isinstance(error, KafkaError | TimeoutError):
        return f"Kafka does not answer: is it running? ({reason})"
    if "S3" in reason or "HTTP" in reason:
        return f"the object storage does not answer: is it running, and is its address right? ({reason})"
    return reason
