"""Files by name, wherever a data set keeps them: a folder, a zip archive, or an archive within the archive."""

import re
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from har.recordings import RecordingError

#: What reading a damaged archive may raise.
DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError)
#: Folders and archives in archives that are not looked into: what macOS adds, and HHAR's phones that nobody wore.
_PASSED_OVER = ("__macosx", "still exp")


@dataclass(frozen=True)
class StoredFile:
    """A file of a data set.

    Attributes
    ----------
    place : Path
        Where it is, for errors; within an archive, its path there behind the archive's.
    open : callable
        Opens it for reading bytes.
    """

    place: Path
    open: Callable[[], IO[bytes]]


@contextmanager
def stored_files(path: Path, names: re.Pattern[str]) -> Iterator[dict[str, StoredFile]]:
    """Find the files whose names match, anywhere below a path.

    Parameters
    ----------
    path : Path
        A folder, a zip archive (looked into, and into the archives in it), or the file itself.
    names : re.Pattern
        What the whole name must match, without its folders.

    Yields
    ------
    dict of str to StoredFile
        By name; empty if there is none. They can be opened until the context ends.

    Raises
    ------
    RecordingError
        If the path is not there, is an archive that cannot be read, or holds a file of the same name twice.
    """
    if path.is_dir():
        found = sorted(file for file in path.rglob("*") if names.fullmatch(file.name) and file.is_file())
        yield _by_name(
            StoredFile(file, _opener(file)) for file in found if _is_looked_into(str(file.relative_to(path)))
        )
    elif path.suffix.lower() == ".zip":
        with ExitStack() as stack:
            try:
                archive = stack.enter_context(zipfile.ZipFile(path))
                files = _of_archive(archive, path, names, stack)
            except DAMAGED as error:
                raise RecordingError(f"{path} cannot be read as a zip archive: {error}") from error
            yield files
    elif path.is_file():
        yield {path.name: StoredFile(path, _opener(path))} if names.fullmatch(path.name) else {}
    else:
        raise RecordingError(f"{path} cannot be read: there is no such file or folder")


def _of_archive(
    archive: zipfile.ZipFile, place: Path, names: re.Pattern[str], stack: ExitStack
) -> dict[str, StoredFile]:
    members = sorted(member for member in archive.namelist() if _is_looked_into(member))
    found = _by_name(
        StoredFile(place / member, _member_opener(archive, member))
        for member in members
        if names.fullmatch(Path(member).name)
    )
    if found:
        return found
    for member in (name for name in members if name.lower().endswith(".zip")):
        inner = stack.enter_context(zipfile.ZipFile(stack.enter_context(archive.open(member))))
        found = _of_archive(inner, place / member, names, stack)
        if found:
            return found
    return {}


def _is_looked_into(place: str) -> bool:
    return not any(name in place.lower() for name in _PASSED_OVER)


def _by_name(files: Iterable[StoredFile]) -> dict[str, StoredFile]:
    found: dict[str, StoredFile] = {}
    for file in files:
        other = found.setdefault(file.place.name, file)
        if other is not file:
            raise RecordingError(f"{other.place} and {file.place}: which of them is meant? Give the path of one")
    return found


def _opener(file: Path) -> Callable[[], IO[bytes]]:
    return lambda: file.open("rb")


def _member_opener(archive: zipfile.ZipFile, member: str) -> Callable[[], IO[bytes]]:
    return lambda: archive.open(member)
