"""Finds the test that leaves something behind: a socket or file that is not closed, a thread that still runs.

Python closes what nothing refers to any more, with a warning, whenever its garbage collector happens to run; warnings
are errors, and the test that ran at that moment would be blamed. So the collector runs after each test.
"""

import gc
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

THREADS_END_WITHIN_SECONDS = 10
#: Collecting takes longer the more there is. What outlived a collection that took this long is not looked at again.
_SLOW_SECONDS = 0.05


def leave_out_what_is_imported() -> None:
    """Let the collections after tests look at nothing that was there before the first test."""
    # Its plugin imports it at the end at the latest, and it looks for references that freezing hides.
    import hypothesis  # noqa: F401

    gc.collect()
    gc.freeze()


@contextmanager
def nothing_left() -> Iterator[None]:
    """Collect garbage at the end, and fail for threads that were begun meanwhile and do not end."""
    before = set(threading.enumerate())
    yield
    began = time.monotonic()
    gc.collect()
    if time.monotonic() - began > _SLOW_SECONDS:
        gc.freeze()
    begun = [thread for thread in threading.enumerate() if thread not in before and not thread.daemon]
    deadline = time.monotonic() + THREADS_END_WITHIN_SECONDS
    for thread in begun:
        thread.join(max(0.0, deadline - time.monotonic()))
    left = [thread.name for thread in begun if thread.is_alive()]
    assert not left, f"the test left threads running: {', '.join(left)}"
