"""Reading items in a separate thread while the caller writes.

deltalake pulls the rows to write from threads on which a table cannot be read.
"""

import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

Item = TypeVar("Item")

#: Number of items that are read ahead.
AHEAD = 4
#: Interval at which a waiting reader checks whether to stop.
CHECK_SECONDS = 0.1


class _End:
    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


@contextmanager
def read_ahead(items: Iterator[Item]) -> Iterator[Iterator[Item]]:
    """Read items in a separate thread while the context is open.

    An exception that `items` raises is raised to the consumer.

    Examples
    --------
    >>> with read_ahead(iter(range(10))) as numbers:
    ...     sum(numbers)
    45
    """
    waiting: queue.Queue[Item | _End] = queue.Queue(AHEAD)
    stop = threading.Event()

    def put(item: Item | _End) -> None:
        while not stop.is_set():
            try:
                return waiting.put(item, timeout=CHECK_SECONDS)
            except queue.Full:
                continue

    def read() -> None:
        try:
            for item in items:
                put(item)
                if stop.is_set():
                    return
        except BaseException as error:  # passed on to the consumer
            put(_End(error))
        else:
            put(_End())

    def received() -> Iterator[Item]:
        while not isinstance(item := waiting.get(), _End):
            yield item
        if item.error is not None:
            raise item.error

    thread = threading.Thread(target=read, name="reading-ahead")
    thread.start()
    try:
        yield received()
    finally:
        stop.set()
        thread.join()
