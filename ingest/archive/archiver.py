"""The archiver: what Kafka holds of readings and labels, committed to the archive's tables, each once.

A commit holds both the rows and the offsets that they reach to, so what a killed archiver had not committed is read
again by the next one. Nothing else remembers how far it is.

Somebody else may commit at any time: another archiver, or who forgets a device or compacts a day. Such a commit makes
the next one here fail. Then all that is held is dropped, and read once more from where the tables now are.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import msgspec
from kafka.errors import KafkaError

from har.recordings import RecordingError
from har.rejections import Rejection
from har.samples import RejectedBatch, check_size
from ingest.archive.forgotten import Forgotten
from ingest.archive.held_rows import HeldLabels, HeldRows, HeldSamples, Origin
from ingest.archive.location import Location
from ingest.archive.log_reader import KafkaRecord, LogReader, Partition
from ingest.archive.metrics import ArchiveMetrics
from ingest.archive.rejecting import RejectedMessages
from ingest.archive.settings import ArchiveRunSettings
from ingest.archive.state import TableState
from ingest.archive.tables import (
    KINDS,
    LABELS,
    SAMPLES,
    STORAGE_ERRORS,
    ArchiveTable,
    ChangedElsewhereError,
)
from ingest.archive.upkeep import TablesUpkeep

log = logging.getLogger(__name__)

FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 1.0, 60.0
#: A rejected message counts as so many readings, as what is held of it may be as large.
READINGS_OF_A_REJECTION = 2_000
_FAILURES = (*STORAGE_ERRORS, KafkaError, TimeoutError)


class Archiver:
    """Reads Kafka and commits to an archive.

    Parameters
    ----------
    settings : ArchiveRunSettings
        Where both are, and how often to commit.
    measures : ArchiveMetrics
        Where it counts.
    now_us : callable, optional
        The time, µs since the epoch.

    Raises
    ------
    LogError
        If Kafka or a topic is not there.
    DeltaError, OSError
        If the archive cannot be read or made.
    """

    def __init__(
        self,
        settings: ArchiveRunSettings,
        measures: ArchiveMetrics,
        now_us: Callable[[], int] = lambda: time.time_ns() // 1000,
    ) -> None:
        self._settings = settings
        self._measures = measures
        self._now_us = now_us
        self._location = Location(settings.archive)
        self._held: dict[str, HeldRows] = {SAMPLES.topic.name: HeldSamples(), LABELS.topic.name: HeldLabels()}
        self._rejected = RejectedMessages(settings.bootstrap)
        self._upkeep = TablesUpkeep(settings, now_us)
        self._must_begin = True
        self._reader = LogReader(settings.bootstrap, [kind.topic.name for kind in KINDS])
        try:
            self._begin()
        except BaseException:
            self._reader.close()
            raise

    def run(self, stop: threading.Event) -> int:
        """Archive until told to stop, then commit what is held.

        Returns
        -------
        int
            The exit status: 1 if what is held could not be committed. It is in Kafka all the same.
        """
        try:
            flushed_at = time.monotonic()
            while not stop.is_set():
                self._poll(stop)
                is_due = time.monotonic() - flushed_at >= self._settings.flush_seconds
                if is_due or self._weight() >= self._settings.flush_readings:
                    self._flush_until_done(stop)
                    flushed_at = time.monotonic()
            return 0 if self._try_to_flush() is None else 1
        finally:
            self._rejected.close()
            self._reader.close()

    def _begin(self) -> None:
        """Take up everything as the tables have it, and read Kafka from there."""
        self._must_begin = True  # until all of it is done
        with self._location.exclusive():
            self._tables = {kind.topic.name: ArchiveTable(self._location, kind) for kind in KINDS}
        self._states = {topic: TableState.of(table) for topic, table in self._tables.items()}
        forgotten = Forgotten()  # of both tables: whose readings are kept out, his labels are, too
        for state in self._states.values():
            forgotten.merge(state.forgotten.devices, state.forgotten.sessions)
            state.forgotten = forgotten
        for held in self._held.values():
            held.clear()
        self._rejected.drop()
        self._committed = self._follow()
        self._must_begin = False

    def _follow(self) -> dict[Partition, int | None]:
        others = {topic for topic in self._tables if self._is_another(topic)}
        wanted = {
            each: None if each.topic in others else self._tables[each.topic].offset(each.number)
            for each in self._reader.partitions()
        }
        with self._counting_lost():
            self._reader.begin(wanted)
        return wanted

    def _is_another(self, topic: str) -> bool:
        """Tell whether Kafka's topic is not the one that was archived; note which it is."""
        state, identity = self._states[topic], self._reader.identities[topic]
        is_another = state.topic is not None and state.topic != identity
        if is_another:
            log.error("%s is not the topic that was archived before, but another of its name: it is read from its "
                      "beginning", topic)  # fmt: skip
        state.topic = identity
        return is_another

    def _poll(self, stop: threading.Event) -> None:
        records: list[KafkaRecord] = []
        try:
            with self._counting_lost():
                records = self._reader.poll()
        except KafkaError as error:
            log.error("Kafka cannot be read, and is tried again: %s", error)
            stop.wait(FIRST_PAUSE_SECONDS)
        for record in records:
            self._take(record)
        self._measures.held.set(self._held[SAMPLES.topic.name].readings)
        for partition, position in self._committed.items():
            end = self._reader.end(partition)
            if end is not None:
                self._measures.lag.labels(*map(str, partition)).set(max(0, end - (position or 0)))

    @contextmanager
    def _counting_lost(self) -> Iterator[None]:
        before = self._reader.lost.messages
        try:
            yield
        finally:
            self._measures.lost.inc(self._reader.lost.messages - before)

    def _take(self, record: KafkaRecord) -> None:
        origin = Origin(record.partition, record.offset, record.timestamp * 1000)
        message = record.value or b""
        try:
            check_size(message)
            is_taken = self._held[record.topic].take(message, origin, self._states[record.topic])
        except (RejectedBatch, RecordingError) as error:
            code, detail = (error.code, error.detail) if isinstance(error, RejectedBatch) else ("malformed", str(error))
            self._measures.rejected.labels(code).inc()
            device = record.key.decode(errors="replace") if record.key else None
            where = f"{record.topic}/{record.partition}/{record.offset}"
            self._rejected.reject(Rejection(message, code, detail, "archiver", device, where))
        else:
            if not is_taken:
                self._measures.left_out.labels(record.topic).inc()

    def _weight(self) -> int:
        return sum(held.readings for held in self._held.values()) + READINGS_OF_A_REJECTION * len(self._rejected)

    def _flush_until_done(self, stop: threading.Event) -> None:
        """Commit what is held; while that fails nothing more is read, so that what is held stays bounded."""
        pause = FIRST_PAUSE_SECONDS
        while (reason := self._try_to_flush()) is not None:
            self._measures.failing.set(1)
            self._measures.failures.inc()
            log.error(
                "nothing can be committed to %s, tried again in %.0f s: %s. Nothing is lost: Kafka has it, for 7 days",
                self._settings.archive,
                pause,
                reason,
            )
            if stop.wait(pause):
                return
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
        self._measures.failing.set(0)

    def _try_to_flush(self) -> str | None:
        """Commit what is held; return why it failed, or None."""
        try:
            if self._must_begin:
                self._begin()
            self._rejected.confirm()
            with self._location.exclusive():
                if any(table.is_changed() for table in self._tables.values()):
                    raise ChangedElsewhereError(f"somebody else wrote to {self._location.name}")
                for topic in self._tables:
                    self._commit(topic)
            self._measures.note_commit()
            self._upkeep.do_if_due(self._location, self._tables, self._states)
            if set(self._reader.partitions()) != set(self._committed):
                self._begin()
        except ChangedElsewhereError as error:
            log.info("%s: what is not committed is read again", error)
            return self._try_to_begin()
        except _FAILURES as error:
            return explain(error)
        return None

    def _try_to_begin(self) -> str | None:
        try:
            self._begin()
        except _FAILURES as error:
            return explain(error)
        return None

    def _commit(self, topic: str) -> None:
        """Commit what a topic brought; if that fails, it can be called again."""
        table, state, held = self._tables[topic], self._states[topic], self._held[topic]
        reached = {
            each: offset
            for each, offset in self._reader.positions.items()
            if each.topic == topic and offset != self._committed[each]
        }
        if not reached:
            return
        change, version = state.change(table.version, self._now_us()), table.version
        rows = held.rows()
        try:
            table.append(rows, msgspec.json.encode(change), {each.number: offset for each, offset in reached.items()})
        except BaseException:
            self._must_begin = table.version != version  # it is committed, though not surely on the disk
            raise
        state.committed(change, table.version)
        held.clear()
        self._committed |= reached
        self._measures.commits.labels(table.kind.name).inc()
        (self._measures.readings if table.kind is SAMPLES else self._measures.labels).inc(rows.num_rows)
        if change.whole:
            table.checkpoint()


def explain(error: Exception) -> str:
    """Return why storage or Kafka failed, on one line, and what to do."""
    reason = " ".join(str(error).split()) or type(error).__name__
    if "No space left" in reason:
        return f"the disk is full: make room on it, or delete old days with --keep-days ({reason})"
    if "Permission denied" in reason or "403" in reason:
        return f"the archive may not be written: see to the rights of this user or key ({reason})"
    if isinstance(error, KafkaError | TimeoutError):
        return f"Kafka does not answer: is it running? ({reason})"
    if "S3" in reason or "HTTP" in reason:
        return f"the object storage does not answer: is its address right, is it running? ({reason})"
    return reason
