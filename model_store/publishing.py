"""Placing a checked release into a store: a folder of releases and a pointer to the current one.

A store holds a folder a release, by its name; ``current``, a file with the name of the release in use;
``history.jsonl``, a line a publication; and ``candidates.jsonl`` (`model_store.candidates`). A release is copied, then
checked as every consumer checks it (hashes, golden window), and only then pointed to. Each step is a rename or an
append: whoever reads meanwhile sees the old release or the new one, and a publication that was cut short is finished
by the next try.
"""

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import TypeVar

import msgspec

from har.line_files import append_line, whole_lines
from har.releases import ReleaseError, require_plain_name
from har.whole_files import part_of, sync, write_whole
from model_store.checking import check_release
from model_store.release_folder import open_release

Record = TypeVar("Record")

CURRENT = "current"
HISTORY = "history.jsonl"
CANDIDATES = "candidates.jsonl"
LOCK = ".lock"


class Whichever(Enum):
    """Stands for whichever release is current."""

    RELEASE = "whichever release is current"


class Publication(msgspec.Struct, frozen=True):
    """A line of the history.

    Attributes
    ----------
    release : str
        What was published.
    replaced : str or None
        What was current before.
    at : str
        ISO 8601 time, UTC.
    """

    release: str
    replaced: str | None
    at: str


def publish(release_folder: Path, store: Path, *, replacing: str | Whichever | None = Whichever.RELEASE) -> Path:
    """Place a release into a store and make it the current one.

    Parameters
    ----------
    release_folder : Path
        The release; its files are copied.
    store : Path
        The store; it is made if it does not exist.
    replacing : str, None or Whichever
        The name of the release that this one was found to be better than, None if there was none: if another is
        current by now, nothing is published. Whichever is current is replaced, if not given.

    Returns
    -------
    Path
        The release's folder in the store.

    Raises
    ------
    ReleaseError
        If the release is not what its manifest says or fails its golden window, if its name is no plain file name, if
        the store has published a release of this name already or has something else in its place, or if another than
        the one to be replaced is current.
    OSError
        If the store cannot be written; the current release then stays what it is.
    """
    release = open_release(release_folder)
    name = release.manifest.release
    _refuse_name(name)
    check_release(release)
    store.mkdir(parents=True, exist_ok=True)
    with locked(store):
        _clear_up(store)
        published = [publication.release for publication in history(store)]
        if name in published:
            raise ReleaseError(f"{store} has published {name} already; a release's name is used once")
        if not isinstance(replacing, Whichever):
            _refuse_other_current(store, name, replacing)
        placed = store / name
        if placed.exists():
            _remove_unpublished(placed)
        _copy(release_folder, placed)
        check_release(open_release(placed))
        write_whole(store / CURRENT, f"{name}\n".encode(), durable=True)
        _append(store / HISTORY, Publication(name, published[-1] if published else None, _now()))
    return placed


def current_release(store: Path) -> Path | None:
    """Return the folder of the release in use; None if nothing was published yet.

    Raises
    ------
    ReleaseError
        If the pointer names no release of the store.
    """
    try:
        name = (store / CURRENT).read_text("utf-8").strip()
    except FileNotFoundError:
        return None
    _refuse_name(name)
    if not (store / name).is_dir():
        raise ReleaseError(f"{store / CURRENT} names {name}, which is not in the store")
    return store / name


def is_published(store: Path, name: str) -> bool:
    """Return whether a release of this name is current in a store or was before, even if its publisher was killed.

    Raises
    ------
    ReleaseError
        If the store's pointer or history cannot be read.
    """
    # In this order: what makes way for another meanwhile is in the history by then.
    current = current_release(store)
    return (current is not None and current.name == name) or name in [each.release for each in history(store)]


def history(store: Path) -> list[Publication]:
    """Return every publication of a store, the oldest first.

    Raises
    ------
    ReleaseError
        If a line cannot be read.
    """
    return read_records(store / HISTORY, Publication)


def read_records(path: Path, kind: type[Record]) -> list[Record]:
    """Read a file of a store that has a record in each line, the oldest first; there are none if it does not exist.

    Raises
    ------
    ReleaseError
        If a line cannot be read.
    """
    found = []
    for number, line in enumerate(whole_lines(path), start=1):
        try:
            found.append(msgspec.json.decode(line, type=kind))
        except msgspec.MsgspecError as error:
            raise ReleaseError(f"{path}, line {number}: {error}") from error
    return found


def _refuse_name(name: str) -> None:
    require_plain_name(name, "the name of a release in a store")
    if name in (CURRENT, HISTORY, CANDIDATES):
        raise ReleaseError(
            f"{name!r} cannot be the name of a release in a store: a plain file name that it uses itself"
        )


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))


def _clear_up(store: Path) -> None:
    """Put right what a publication that was cut short left; nobody else publishes meanwhile."""
    for part in store.glob(".*.part"):
        if part.is_dir():
            shutil.rmtree(part)
        else:
            part.unlink()
    current, known = current_release(store), history(store)
    if current is not None and current.name not in [publication.release for publication in known]:
        _append(store / HISTORY, Publication(current.name, known[-1].release if known else None, _now()))


def _refuse_other_current(store: Path, name: str, replacing: str | None) -> None:
    folder = current_release(store)
    current = folder.name if folder is not None else None
    if current != replacing:
        raise ReleaseError(
            f"{store}: {current or 'no release'} is current by now, but {name} was compared with "
            f"{replacing or 'none'}; compare it again"
        )


def _copy(source: Path, target: Path) -> None:
    part = part_of(target)
    try:
        part.mkdir()
        for path in _files(source):
            shutil.copyfile(path, part / path.name)
            sync(part / path.name)
        sync(part)
        part.rename(target)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    sync(target.parent)


def _remove_unpublished(placed: Path) -> None:
    """Remove the copy of a publication that was cut short; nobody uses it, as it was never current.

    It need not be what is published now: a candidate that is frozen again differs in its dates and latencies.
    """
    try:
        name = open_release(placed).manifest.release
    except ReleaseError as error:
        raise ReleaseError(f"{placed} is in the way, and no release that was cut short: {error}") from error
    if name != placed.name:
        raise ReleaseError(f"{placed} is in the way: it is the release {name}")
    aside = part_of(placed)  # as a rename, so that the name never stands for half a release
    placed.rename(aside)
    shutil.rmtree(aside)


def _append(path: Path, publication: Publication) -> None:
    append_line(path, msgspec.json.encode(publication), durable=True)


@contextmanager
def locked(store: Path) -> Iterator[None]:
    """Let nobody else write to a store meanwhile, which exists.

    Raises
    ------
    OSError
        If the store cannot be written.
    """
    with (store / LOCK).open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _now() -> str:
    return datetime.now(UTC).replace(microsecond=0).isoformat()
