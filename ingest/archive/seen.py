"""What was archived already, so that nothing is archived twice."""

from dataclasses import dataclass, field

import msgspec

from har.topics import DAY_MS
from ingest.archive.sequence_ranges import SequenceRanges

#: How much longer than Kafka keeps messages a silent session is remembered: the clocks' and the processor's delay, µs.
MARGIN_US = DAY_MS * 1000


class SeenEntry(msgspec.Struct, frozen=True, array_like=True):
    """What was seen of a session, or of a label, which is as a session with the one number 0.

    Attributes
    ----------
    key : str
        Its digest, `ingest.archive.keys.key_of`.
    partition : int
        Where its messages are.
    arrived : int
        When the newest of them reached the gateway, µs.
    ranges : tuple of (int, int)
        Sequence numbers, first and last of each range.
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
    """The sequence numbers that were seen, by session; and those of them that no commit tells of yet.

    It is bounded: a session whose partition has since moved on for longer than Kafka keeps messages is forgotten, as no
    copy of its messages can be there any more. What counts is the time of the log and not the clock, so an archiver
    that was away for long forgets nothing that it still needs.

    Parameters
    ----------
    kept_us : int
        How long Kafka keeps the topic's messages, µs.
    """

    def __init__(self, kept_us: int) -> None:
        self._kept_us = kept_us
        self._sessions: dict[str, _Session] = {}
        self._news: dict[str, _Session] = {}
        self._log_times: dict[int, int] = {}

    def __len__(self) -> int:
        """Return how many sessions are remembered."""
        return len(self._sessions)

    def add(self, key: str, sequence: int, partition: int, arrived: int) -> bool:
        """See a message; return whether it is the first with its number in its session.

        Parameters
        ----------
        arrived : int
            When it reached the gateway, µs.
        """
        self._note_time(partition, arrived)
        session = _session(self._sessions, key, partition, arrived)
        if not session.ranges.add(sequence):
            return False
        _session(self._news, key, partition, arrived).ranges.add(sequence)
        return True

    def merge(self, entry: SeenEntry) -> None:
        """Take up what a commit tells."""
        self._note_time(entry.partition, entry.arrived)
        ranges = _session(self._sessions, entry.key, entry.partition, entry.arrived).ranges
        for first, last in entry.ranges:
            ranges.add_range(first, last)

    def news(self) -> list[SeenEntry]:
        """Return what was added since `told`."""
        return [session.entry(key) for key, session in self._news.items()]

    def told(self) -> None:
        """Take note that a commit tells of everything that was added."""
        self._news.clear()

    def whole(self) -> list[SeenEntry]:
        """Return everything, after forgetting sessions that have been silent for longer than Kafka keeps messages."""
        silent_us = self._kept_us + MARGIN_US
        self._sessions = {
            key: session
            for key, session in self._sessions.items()
            if key in self._news or self._log_times[session.partition] - session.arrived <= silent_us
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
