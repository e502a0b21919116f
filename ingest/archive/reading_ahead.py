"""Reading in a thread of its own, for who writes meanwhile.

The tables' library takes rows on threads on which it cannot read a table.
"""

import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

Item = TypeVar("Item")

#: So many items are read ahead.
AHEAD = 4
LOOK_SECONDS = 0.1


class _End:
    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


@contextmanager
def read_ahead(items: Iterator[Item]) -> Iterator[Iterator[Item]]:
    """Read items in a thread of its own while the context is open; what it raises, who takes them gets.

    Examples
    --------
    >>> with read_ahead(iter(range(10))) as numbers:
    ...     sum(numbers)
    45
    """
    waiting: queue.Queue[Item | _End] = queue.Queue(AHEAD)
    is_over = threading.Event()

    def put(item: Item | _End) -> None:
        while not is_over.is_set():
            try:
                return waiting.put(item, timeout=LOOK_SECONDS)
            except queue.Full:
                continue

    def read() -> None:
        try:
            for item in items:
                put(item)
                if is_over.is_set():
                    return
        except BaseException as error:  # whatever it is, who takes the items is told
            put(_End(error))
        else:
            put(_End())

    def taken() -> Iterator[Item]:
        while not isinstance(item := waiting.get(), _End):
            yield item
        if item.error is not None:
            raise item.error

    thread = threading.Thread(target=read, name="reading-ahead")
    thread.start()
    try:
        yield taken()
    finally:
        is_over.set()
        thread.join()
