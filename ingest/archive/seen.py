"""Sequence numbers that were archived, so that nothing is archived twice."""

from dataclasses import dataclass, field

import msgspec

from har.topics import DAY_MS
from ingest.archive.sequence_ranges import SequenceRanges

#: A silent session is remembered this much longer than Kafka keeps messages, µs: for clock errors and delays.
MARGIN_US = DAY_MS * 1000


class SeenEntry(msgspec.Struct, frozen=True, array_like=True):
    """Sequence numbers seen in a session; a label counts as a session with the one number 0.

    Attributes
    ----------
    key : str
        Digest of the session or label, from `ingest.archive.keys.key_of`.
    partition : int
        Kafka partition of its messages.
    arrived : int
        Time at which its newest message reached the gateway, µs since the epoch.
    ranges : tuple of (int, int)
        First and last sequence number of each range, both included.
    """

    key: str
    partition: int
    arrived: int
    ranges: tuple[tuple[int, int], ...]


@dataclass
class _Session:
    partition: int
    arrived: int
    ranges: SequenceRanges = field(default_factory=SequenceRanges)

    def entry(self, key: str) -> SeenEntry:
        return SeenEntry(key, self.partition, self.arrived, tuple(self.ranges))


class SeenNumbers:
    """The sequence numbers that were seen, by session, and those of them that are not committed yet.

    Memory is bounded. A session is dropped once its partition has moved on for longer than Kafka keeps messages, as
    Kafka can then hold no copy of its messages. Time is measured by the timestamps in the log and not by the clock, so
    an archiver that was stopped for long drops nothing that it still needs.

    Parameters
    ----------
    kept_us : int
        Retention of the Kafka topic, µs.
    """

    def __init__(self, kept_us: int) -> None:
        self._kept_us = kept_us
        self._sessions: dict[str, _Session] = {}
        self._new: dict[str, _Session] = {}
        self._log_times: dict[int, int] = {}

    def __len__(self) -> int:
        """Return the number of remembered sessions."""
        return len(self._sessions)

    def add(self, key: str, sequence: int, partition: int, arrived: int, numbers: int = 1) -> bool:
        """Add a message; return whether it is the first with its sequence number in its session.

        Parameters
        ----------
        key : str
            Digest of the session or label.
        sequence, partition : int
            The message's sequence number and Kafka partition.
        arrived : int
            Time at which it reached the gateway, µs since the epoch.
        numbers : int
            How many sequence numbers it takes up, from `sequence` on.
        """
        self._note_time(partition, arrived)
        session = _session(self._sessions, key, partition, arrived)
        if sequence in session.ranges:
            return False
        for ranges in (session.ranges, _session(self._new, key, partition, arrived).ranges):
            ranges.add_range(sequence, sequence + numbers - 1)
        return True

    def merge(self, entry: SeenEntry) -> None:
        """Add an entry that a commit carries."""
        self._note_time(entry.partition, entry.arrived)
        ranges = _session(self._sessions, entry.key, entry.partition, entry.arrived).ranges
        for first, last in entry.ranges:
            ranges.add_range(first, last)

    def new_entries(self) -> list[SeenEntry]:
        """Return what was added since `mark_committed`."""
        return [session.entry(key) for key, session in self._new.items()]

    def mark_committed(self) -> None:
        """Record that everything that was added is committed."""
        self._new.clear()

    def snapshot(self) -> list[SeenEntry]:
        """Drop sessions that have been silent for longer than Kafka keeps messages; return all others."""
        silent_us = self._kept_us + MARGIN_US
        self._sessions = {
            key: session
            for key, session in self._sessions.items()
            if key in self._new or self._log_times[session.partition] - session.arrived <= silent_us
        }
        return [session.entry(key) for key, session in self._sessions.items()]

    def _note_time(self, partition: int, arrived: int) -> None:
        self._log_times[partition] = max(arrived, self._log_times.get(partition, arrived))


def _session(sessions: dict[str, _Session], key: str, partition: int, arrived: int) -> _Session:
    session = sessions.get(key)
    if session is None:
        session = sessions[key] = _Session(partition, arrived)
    session.arrived = max(session.arrived, arrived)
    return session
