"""Which Kafka offsets may be committed: only those below which everything is done.

Faust commits past unacknowledged events if later events are acknowledged. This ledger therefore holds acknowledgements
back and releases them only for the contiguous prefix of each partition.
"""

from collections import deque
from collections.abc import Iterable
from typing import Generic, TypeVar

Event = TypeVar("Event")


class PartitionLedger(Generic[Event]):
    """The events of one partition that were received but not yet acknowledged.

    Examples
    --------
    >>> ledger = PartitionLedger[str]()
    >>> for offset, event in enumerate("abc"):
    ...     ledger.receive(offset, event)
    >>> ledger.finish(1)  # "a" is not done, so nothing may be acknowledged
    []
    >>> ledger.finish(0)
    ['a', 'b']
    >>> ledger.oldest_unfinished
    2
    """

    def __init__(self) -> None:
        self._unfinished: dict[int, Event] = {}
        self._order: deque[tuple[int, Event]] = deque()
        self._highest: int | None = None
        self._acknowledged_until: int | None = None

    def __len__(self) -> int:
        """Return the number of events that are not acknowledged."""
        return len(self._order)

    @property
    def highest(self) -> int | None:
        """The highest offset received; None before the first."""
        return self._highest

    @property
    def acknowledged_until(self) -> int | None:
        """The offset to commit: all events below it are acknowledged; None before the first acknowledgement."""
        return self._acknowledged_until

    @property
    def oldest_unfinished(self) -> int | None:
        """The oldest unacknowledged offset, where a restart begins to read; None if everything is acknowledged."""
        return self._order[0][0] if self._order else None

    @property
    def unfinished(self) -> Iterable[tuple[int, Event]]:
        """The offset and the event of each message that is not done, in the order of the offsets."""
        return self._unfinished.items()

    def receive(self, offset: int, event: Event) -> None:
        """Record an event, in the order of the partition.

        Raises
        ------
        ValueError
            If the offset is not higher than all before it, as when a partition is read again with an old ledger.
        """
        if self._highest is not None and offset <= self._highest:
            raise ValueError(f"offset {offset} after {self._highest}")
        self._highest = offset
        self._unfinished[offset] = event
        self._order.append((offset, event))

    def finish(self, offset: int) -> list[Event]:
        """Mark an event as done; return the events that may now be acknowledged, in order.

        Finishing an event twice has no effect.
        """
        self._unfinished.pop(offset, None)
        ready = []
        while self._order and self._order[0][0] not in self._unfinished:
            done, event = self._order.popleft()
            self._acknowledged_until = done + 1
            ready.append(event)
        return ready
