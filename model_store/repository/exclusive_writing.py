"""Limit a store to one writer at a time.

A store in a folder uses a file lock, which the system releases when the process ends. Object storage has no locks, so
a lease file names the writer and its expiry. Other writers wait until the lease is removed or expires. A writer that
was paused beyond its lease could overlap with the next one, so it checks its lease again before it commits.
"""

import fcntl
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from har.samples import UNDECODABLE
from model_store.repository.errors import StoreError
from model_store.repository.storage import MissingFileError, Storage

LOCK = ".lock"
LEASE = "writer.json"
LEASE_SECONDS = 120.0
ASK_SECONDS = 0.5
MAX_LEASE_BYTES = 4_096


class _Lease(msgspec.Struct, frozen=True):
    holder: str
    until: float


LeaseCheck = Callable[[], None]


@contextmanager
def exclusive(storage: Storage, *, wait_seconds: float = 300.0) -> Iterator[LeaseCheck]:
    """Hold the exclusive right to write to a store.

    Parameters
    ----------
    storage : Storage
        The store.
    wait_seconds : float
        How long to wait for another writer's lease, s. A file lock is waited for without limit.

    Yields
    ------
    callable
        Raises `StoreError` if the lease has expired or another writer holds it.

    Raises
    ------
    StoreError
        If another writer still holds the lease after `wait_seconds`.
    OSError
        If the store cannot be written.
    """
    if storage.folder is not None:
        with _locked(storage.folder):
            yield lambda: None
        return
    mine = _Lease(secrets.token_hex(16), time.time() + LEASE_SECONDS)
    _acquire(storage, mine, time.monotonic() + wait_seconds)
    try:
        yield lambda: _check(storage, mine)
    finally:
        if _read(storage) == mine:
            storage.remove(LEASE)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK).open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _acquire(storage: Storage, mine: _Lease, deadline: float) -> None:
    while not storage.create(LEASE, msgspec.json.encode(mine)):
        other = _read(storage)
        if other is not None and other.until < time.time():
            storage.remove(LEASE)  # the lease has expired
        elif time.monotonic() > deadline:
            raise StoreError(f"another process writes to {storage.url}, according to its {LEASE}; try again later")
        else:
            time.sleep(ASK_SECONDS)  # object storage sends no notification when a file is removed
    _check(storage, mine)


def _check(storage: Storage, mine: _Lease) -> None:
    if _read(storage) != mine or time.time() > mine.until:
        raise StoreError(f"lost the lease on {storage.url}, as this took too long: try again")


def _read(storage: Storage) -> _Lease | None:
    try:
        return msgspec.json.decode(storage.read(LEASE, limit=MAX_LEASE_BYTES), type=_Lease)
    except MissingFileError:
        return None
    except UNDECODABLE as error:
        raise StoreError(f"cannot decode {LEASE} in {storage.url}: {error}") from error
