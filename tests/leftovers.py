"""Find the test that leaves something behind: an open socket or file, or a running thread.

Python closes unreferenced objects, with a warning, whenever its garbage collector happens to run. Warnings are errors,
so the test that runs at that moment would fail. The collector therefore runs after each test.
"""

import gc
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

THREADS_END_WITHIN_SECONDS = 10
#: Collecting takes longer the more objects there are. After a collection that took this long, s, the surviving objects
#: are excluded from later ones.
_SLOW_SECONDS = 0.05


def exclude_imported_objects() -> None:
    """Exclude everything that exists before the first test from the collections."""
    # Hypothesis searches for references, which freezing hides, when its plugin imports it; so import it before.
    import hypothesis  # noqa: F401

    gc.collect()
    gc.freeze()


@contextmanager
def nothing_left() -> Iterator[None]:
    """Collect garbage at the end, and fail if threads were started meanwhile and do not end."""
    before = set(threading.enumerate())
    yield
    collection_began = time.monotonic()
    gc.collect()
    if time.monotonic() - collection_began > _SLOW_SECONDS:
        gc.freeze()
    started = [thread for thread in threading.enumerate() if thread not in before and not thread.daemon]
    deadline = time.monotonic() + THREADS_END_WITHIN_SECONDS
    for thread in started:
        thread.join(max(0.0, deadline - time.monotonic()))
    left = [thread.name for thread in started if thread.is_alive()]
    assert not left, f"the test left threads running: {', '.join(left)}"
