"""Whether a partition is read from where it has to be, after each change of the consumer group's generation.

Faust and aiokafka keep fetched messages in several buffers, and drop what is in them while the generation changes. A
message that was fetched before the change may come after it, and before those from the committed offset on. These would
then be ignored, since they would look like messages that are read twice.
"""

import logging
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from har.process.kafka_clients import Partition
from stream_processor.done_ahead import NOTHING, DoneAhead
from stream_processor.kafka_messages import LogMessage

log = logging.getLogger(__name__)

#: A partition is read anew this often because of the same gap. Then Kafka has no messages in it.
MOST_TIMES = 2


class Start(NamedTuple):
    """Where reading a partition begins.

    Attributes
    ----------
    offset : int
        The offset.
    done_before : DoneAhead
        What an earlier worker has done beyond it.
    is_committed : bool
        Whether a worker of the group has read the partition before.
    """

    offset: int
    done_before: DoneAhead = NOTHING
    is_committed: bool = True


class ReadingStart:
    """Accepts a generation's first message of a partition only if no message before it was skipped.

    Parameters
    ----------
    start_of : callable
        Returns where reading a partition began in the current generation; None while unknown.
    read_anew : callable
        Makes all partitions be read again from their committed offsets, in a new generation.
    """

    def __init__(self, start_of: Callable[[Partition], Start | None], read_anew: Callable[[], Awaitable[None]]) -> None:
        self._start_of = start_of
        self._read_anew = read_anew
        #: The generation whose messages of a partition are ignored, since it is read anew.
        self._refused: dict[Partition, int] = {}
        #: The offset at which a partition was to begin, the one at which it began, and how often in a row that was so.
        self._gaps: dict[Partition, tuple[tuple[int, int], int]] = {}

    def done_before(self, name: Partition) -> DoneAhead:
        """Return what an earlier worker has done in a partition beyond the offset at which reading began."""
        start = self._start_of(name)
        return NOTHING if start is None else start.done_before

    def begins_anew(self, name: Partition) -> bool:
        """Return whether no worker of the group has read a partition before."""
        start = self._start_of(name)
        return start is not None and not start.is_committed

    async def accepts(self, message: LogMessage) -> bool:
        """Return whether to begin with this message; if not, the partition is read anew.

        If it begins with the same message each time, Kafka has none before it: a transaction's marker takes an offset,
        too.
        """
        name = message.partition
        if self._refused.get(name) == message.generation:
            return False
        start = self._start_of(name)
        if start is None or message.first_offset <= start.offset <= message.offset:
            self._gaps.pop(name, None)
            return True
        if message.offset < start.offset:  # it was fetched before the change, and is done
            return False
        gap = start.offset, message.first_offset
        known, times = self._gaps.get(name, (gap, 0))
        if known == gap and times >= MOST_TIMES:
            log.info("%s has no message from offset %d to %d", name, start.offset, message.first_offset - 1)
            return True
        log.warning(
            "the first message of %s has offset %d, but the next one to read is %d; joining the group again to read it",
            name, message.first_offset, start.offset,
        )  # fmt: skip
        self._refused[name] = message.generation
        self._gaps[name] = gap, times + 1 if known == gap else 1
        await self._read_anew()
        return False
