"""The earlier predictions of sessions that a worker continues, read back from Kafka.

A worker that is assigned a partition reads some readings again. The first window that it classifies of a session needs
the reference after the window before. That one is published: an offset is committed only after all windows that needed
earlier readings are. It is not older than `LONGEST_PAUSE_US` before the first readings, or the reference has ended
(`har.session_references.reference_for`). So the newest part of the topic is read, from its end backwards. Most sessions
are found as soon as predictions are older than the readings. Only if one is not found, older predictions are read, too.
Each partition is read once for each generation of the consumer group.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

import msgspec
from aiokafka.errors import KafkaError
from aiokafka.partitioner import DefaultPartitioner

from har import topics
from har.process.back_off import BackOff
from har.samples import UNDECODABLE
from har.session_references import LONGEST_PAUSE_US, JudgedWindow
from har.upright import NO_REFERENCE, Reference
from stream_processor.reference_book import CLOCK_MARGIN_US
from stream_processor.sessions import SessionKey

log = logging.getLogger(__name__)

#: Most predictions that are read back of one partition.
MOST_PREDICTIONS = 1_000_000
#: Offsets that are read at a time, from the end backwards: of recent predictions, and of older ones.
RECENT_PIECE, OLDER_PIECE = 1_000, 8_000
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.2, 5.0


class ReadingBack(msgspec.Struct, frozen=True):
    """A read-back that is not finished: the predictions' partition, and how many messages of it were read."""

    partition: int
    messages: int


class PredictionsLog(Protocol):
    """The topic of predictions, as it is read back."""

    async def partitions(self) -> list[int]:
        """Return the numbers of the topic's partitions in their order; none if there is no such topic."""

    async def end_of(self, partition: int) -> tuple[int, int]:
        """Return the first offset of a partition, and the one after its last as far as Kafka says."""

    async def read(self, partition: int, begin: int, end: int | None) -> list[bytes | None]:
        """Return the values of the messages from `begin` to below `end`, or to the end of the log."""

    async def close(self) -> None:
        """Close the connection to Kafka, if there is one."""


class _Published(msgspec.Struct):
    device: str
    session: str
    start: int
    arrived: int
    made_on: str = "server"
    reference: Reference | None = None

    def window(self) -> JudgedWindow:
        return JudgedWindow(self.start, self.arrived, self.reference or NO_REFERENCE)


_decoder = msgspec.json.Decoder(_Published)
_choose = DefaultPartitioner()


def partition_of(device: str, numbers: list[int]) -> int:
    """Return the partition of a device's predictions; the producer chooses it in the same way.

    Parameters
    ----------
    device : str
        The device, whose name is the key of its predictions.
    numbers : list of int
        The numbers of the topic's partitions, in their order.
    """
    chosen: int = _choose(device.encode(), numbers, numbers)
    return chosen


class EarlierWindows:
    """The windows of sessions that were predicted before, as the predictions of one partition state them.

    Of windows that arrived before `recent_from`, only a session's newest is kept.

    Parameters
    ----------
    recent_from : int
        No window that arrived before this is classified again, µs since the epoch.

    Attributes
    ----------
    newest : int
        The newest arrival of a window, µs since the epoch.
    undecodable : int
        Number of messages that are no predictions.
    """

    def __init__(self, recent_from: int) -> None:
        self._recent_from = recent_from
        self.newest = recent_from
        self._recent: dict[tuple[str, str], dict[int, JudgedWindow]] = {}
        self._older: dict[tuple[str, str], JudgedWindow] = {}
        self.undecodable = 0

    def __len__(self) -> int:
        """Return the number of sessions."""
        return len(self._recent.keys() | self._older.keys())

    def add(self, values: Iterable[bytes | None]) -> int | None:
        """Add messages that precede those before; return the newest arrival of a window among them, or None.

        Predictions that devices made are left out: the server has none of their readings.
        """
        newest: int | None = None
        added: dict[tuple[str, str, int], _Published] = {}
        for value in values:
            try:
                found = _decoder.decode(value or b"")
            except UNDECODABLE:
                self.undecodable += 1
                continue
            if found.made_on == "server":
                newest = found.arrived if newest is None else max(newest, found.arrived)
                added[found.device, found.session, found.start] = found
        for (device, session, start), found in added.items():
            key = device, session
            if found.arrived >= self._recent_from:
                self._recent.setdefault(key, {}).setdefault(start, found.window())
            elif key not in self._older or self._older[key].start < start:
                self._older[key] = found.window()
        self.newest = max(self.newest, newest or 0)
        return newest

    def precede(self, key: SessionKey, start: int) -> bool:
        """Return whether the window before one that starts at `start`, µs, is among the recent windows of its session.

        Windows of a session arrive in their order. So if any recent one is earlier, the one before is recent, too.
        """
        return any(earlier < start for earlier in self._recent.get((key.device, key.session), ()))

    def of(self, key: SessionKey) -> list[JudgedWindow]:
        """Return the windows of a session, in no order."""
        names = key.device, key.session
        older = self._older.get(names)
        return [*self._recent.get(names, {}).values(), *([] if older is None else [older])]


@dataclass
class _ReadBack:
    """What was read of a partition: the offsets from `low` on, of those from `begin` to `end`."""

    partition: int
    earliest: int
    begin: int
    end: int
    low: int
    windows: EarlierWindows
    messages: int = 0

    @property
    def is_complete(self) -> bool:
        return self.low <= self.begin or self.messages >= MOST_PREDICTIONS


class EarlierPredictions:
    """Looks up the earlier predictions of sessions.

    Parameters
    ----------
    predictions : PredictionsLog
        The topic of predictions.
    on_read : callable
        Called with the number of messages and the seconds of each read-back.

    Attributes
    ----------
    reading : ReadingBack or None
        The read-back that is not finished.
    """

    def __init__(self, predictions: PredictionsLog, on_read: Callable[[int, float], None] = lambda *_: None) -> None:
        self._log = predictions
        self._on_read = on_read
        self._generation: int | None = None
        self._partitions: list[int] | None = None
        self._found: dict[int, _ReadBack] = {}
        self.reading: ReadingBack | None = None

    async def of(self, key: SessionKey, generation: int, earliest: int, start: int) -> list[JudgedWindow]:
        """Return the windows of a session that were predicted before; try again while Kafka does not answer.

        `stream_processor.health` ends a worker that makes no progress.

        Parameters
        ----------
        key : SessionKey
            The session.
        generation : int
            The generation of the consumer group in which it is continued.
        earliest : int
            The earliest arrival of readings that are read again, µs since the epoch.
        start : int
            Start of the first window that is judged, µs since the epoch. The window before it is looked for.

        Raises
        ------
        aiokafka.errors.KafkaError
            If Kafka answers with an error that will not pass.
        """
        if generation != self._generation:
            self._generation, self._partitions, self._found = generation, None, {}
        back_off = BackOff(FIRST_PAUSE_SECONDS, longest=LONGEST_PAUSE_SECONDS)
        while True:
            try:
                return await self._look_up(key, earliest, start)
            except (KafkaError, TimeoutError) as error:
                if isinstance(error, KafkaError) and not error.retriable:
                    raise
                log.warning("cannot read earlier predictions, trying again: %r", error)
                await self.close()
                await asyncio.sleep(back_off.next_pause())
            finally:
                self.reading = None

    async def close(self) -> None:
        """Close the connection to Kafka, if there is one; another look-up opens it again."""
        await self._log.close()

    def forget(self, latest: int) -> None:
        """Drop what was read back when no session can continue from it any more.

        Parameters
        ----------
        latest : int
            The arrival of the newest message of the partition that is read slowest, µs since the epoch.
        """
        for found in self._found.values():
            if len(found.windows) and latest > found.windows.newest + LONGEST_PAUSE_US + CLOCK_MARGIN_US:
                found.windows, found.low = EarlierWindows(found.earliest), found.begin

    async def _look_up(self, key: SessionKey, earliest: int, start: int) -> list[JudgedWindow]:
        if self._partitions is None:
            self._partitions = await self._log.partitions()
        if not self._partitions:
            return []
        partition = partition_of(key.device, self._partitions)
        found = self._found.get(partition)
        if found is None or earliest < found.earliest - CLOCK_MARGIN_US:
            begin, end = await self._log.end_of(partition)
            windows = EarlierWindows(earliest - CLOCK_MARGIN_US)
            found = self._found[partition] = _ReadBack(partition, earliest, begin, end, end, windows)
            await self._read_on(found, earliest - CLOCK_MARGIN_US, RECENT_PIECE)
        if not found.windows.precede(key, start) and not found.is_complete:
            await self._read_on(found, earliest - LONGEST_PAUSE_US - CLOCK_MARGIN_US, OLDER_PIECE)
            found.begin = found.low  # what is older does not count
        return found.windows.of(key)

    async def _read_on(self, found: _ReadBack, until: int, size: int) -> None:
        """Read backwards, piece by piece, until predictions arrived before a time, µs since the epoch."""
        began, before = time.monotonic(), found.messages
        while not found.is_complete:
            self.reading = ReadingBack(found.partition, found.messages)
            low = max(found.begin, found.low - size)
            values = await self._log.read(found.partition, low, None if found.low == found.end else found.low)
            found.low, found.messages = low, found.messages + len(values)
            newest = found.windows.add(values)
            if newest is not None and newest < until:
                break
        self._on_read(found.messages - before, time.monotonic() - began)
        log.info(
            "read back %d predictions of %d sessions from %s/%d in %.1f s%s", found.messages - before,
            len(found.windows), topics.PREDICTIONS.name, found.partition, time.monotonic() - began,
            f"; {found.windows.undecodable} could not be decoded" if found.windows.undecodable else "",
        )  # fmt: skip
        if found.messages >= MOST_PREDICTIONS:
            log.warning("no more predictions of %s/%d are read back", topics.PREDICTIONS.name, found.partition)
