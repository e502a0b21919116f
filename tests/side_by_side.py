"""How parallel tests share a machine: their groups, their order, and which of them run alone.

`pytest-xdist` assigns each group of tests to a worker; a group is a file, unless a test names another one with
``xdist_group``. Each worker has its own services (the session's fixtures), ports and folders.
"""

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from deploy import ports

#: Marker of a test that measures time, memory or a rate: no other test may run meanwhile.
ALONE = "alone"
#: Long files and folders, which start first, so that no worker is left with one when the others have finished.
LONG_FIRST = (
    "tests/trainer/commands/test_train_on_spark.py",
    "tests/trainer/commands/test_train.py",
    "tests/faults",
    "tests/system",
    "tests/trainer/preparation",
    "tests/ingest/archive",
    "tests/ingest/phone_page",
    "tests/trainer",
    "tests/deploy",
    "tests/dashboard",
    "tests/ingest/gateway",
    "tests/model_store",
    "tests/ingest",
)


def arrange(items: list[pytest.Item]) -> None:
    """Group and order the tests; those that run alone come last, so that no worker waits for them."""
    for item in items:
        if item.get_closest_marker(ALONE) is not None:
            item.add_marker(pytest.mark.xdist_group(ALONE))
        elif item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(item.nodeid.partition("::")[0]))
    items.sort(key=_rank)


def _rank(item: pytest.Item) -> int:
    if item.get_closest_marker(ALONE) is not None:
        return len(LONG_FIRST) + 1
    return next(
        (rank for rank, start in enumerate(LONG_FIRST) if item.nodeid.startswith(start)),
        len(LONG_FIRST),
    )


def separate_ports(worker: str) -> None:
    """Give a worker its own range of ports."""
    count = int(os.environ["PYTEST_XDIST_WORKER_COUNT"])
    share = (ports.FIRST_EPHEMERAL - ports.SEARCH_FROM) // count
    ports.SEARCH_FROM += share * int(worker.removeprefix("gw"))
    ports.SEARCH_UNTIL = ports.SEARCH_FROM + share


@contextmanager
def turn(item: pytest.Item) -> Iterator[None]:
    """Hold the lock of the machine during a test: shared, or exclusive if the test is marked `alone`."""
    file = _lock_of(item.config)
    if file is None:
        yield
        return
    with file.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX if item.get_closest_marker(ALONE) is not None else fcntl.LOCK_SH)
        yield


def remove_lock(config: pytest.Config) -> None:
    """Remove the lock file of `turn`."""
    file = _lock_of(config)
    if file is not None:
        file.unlink(missing_ok=True)


def _lock_of(config: pytest.Config) -> Path | None:
    """Return the lock file that the workers of a run share; None without workers."""
    run = getattr(config, "workerinput", {}).get("testrunuid")
    return None if run is None else Path(tempfile.gettempdir()) / f"har-tests-{run}.lock"
