"""One writer of a store at a time.

In a folder the system's file locks see to it: they end with their process. Elsewhere a file says who writes and until
when; a writer that dies is waited for until then. Object storage has no locks, so a writer that is paused for longer
than its time could go on beside another: it asks again, right before what it wrote counts.
"""

import fcntl
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

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


StillMine = Callable[[], None]


@contextmanager
def exclusive(storage: Storage, *, wait_seconds: float = 300.0) -> Iterator[StillMine]:
    """Let nobody else write to a store meanwhile.

    Yields
    ------
    callable
        Raises `StoreError` if another has become the writer, as this one took too long.

    Raises
    ------
    StoreError
        If another writes for too long.
    OSError
        If the store cannot be written.
    """
    if storage.folder is not None:
        with _locked(storage.folder):
            yield lambda: None
        return
    mine = _Lease(secrets.token_hex(16), time.time() + LEASE_SECONDS)
    _take(storage, mine, time.monotonic() + wait_seconds)
    try:
        yield lambda: _require(storage, mine)
    finally:
        if _read(storage) == mine:
            storage.remove(LEASE)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK).open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _take(storage: Storage, mine: _Lease, deadline: float) -> None:
    while not storage.create(LEASE, msgspec.json.encode(mine)):
        other = _read(storage)
        if other is not None and other.until < time.time():
            storage.remove(LEASE)  # its writer is gone
        elif time.monotonic() > deadline:
            raise StoreError(f"another writes to {storage.url}; it said so in {LEASE}")
        else:
            time.sleep(ASK_SECONDS)  # object storage tells nobody when a file goes
    _require(storage, mine)


def _require(storage: Storage, mine: _Lease) -> None:
    if _read(storage) != mine or time.time() > mine.until:
        raise StoreError(f"another has become the writer of {storage.url}, as this took too long: try again")


def _read(storage: Storage) -> _Lease | None:
    try:
        return msgspec.json.decode(storage.read(LEASE, limit=MAX_LEASE_BYTES), type=_Lease)
    except MissingFileError:
        return None
    except msgspec.MsgspecError as error:
        raise StoreError(f"{LEASE} in {storage.url} is not what a writer leaves: {error}") from error
