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

#: What reading a damaged archive may raise, or one with a password (`RuntimeError`).
DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError)
#: Archives within archives, at most: the outermost counts. HHAR has two.
DEEPEST = 3
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

    def read(self, limit: int) -> bytes:
        """Read the whole file.

        Parameters
        ----------
        limit : int
            How many bytes it may have: an archive of a few kilobytes can unpack to more than fits into memory.

        Raises
        ------
        RecordingError
            If it has more, or cannot be read.
        """
        try:
            with self.open() as opened:
                content = opened.read(limit + 1)
        except DAMAGED as error:
            raise RecordingError(f"{self.place}: {error}") from error
        if len(content) > limit:
            raise RecordingError(f"{self.place} has more than {limit:,} bytes: that is not the file it should be")
        return content


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
        If the path is not there, is an archive that cannot be read or with archives in it too deep, or holds a file
        of the same name twice.
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
                files = _of_archive(archive, path, names, stack, depth=1)
            except DAMAGED as error:
                raise RecordingError(f"{path} cannot be read as a zip archive: {error}") from error
            yield files
    elif path.is_file():
        yield {path.name: StoredFile(path, _opener(path))} if names.fullmatch(path.name) else {}
    else:
        raise RecordingError(f"{path} cannot be read: there is no such file or folder")


def _of_archive(
    archive: zipfile.ZipFile, place: Path, names: re.Pattern[str], stack: ExitStack, depth: int
) -> dict[str, StoredFile]:
    members = sorted(member for member in archive.namelist() if _is_looked_into(member))
    found = _by_name(
        StoredFile(place / member, _member_opener(archive, member, place / member))
        for member in members
        if names.fullmatch(Path(member).name)
    )
    if found:
        return found
    for member in (name for name in members if name.lower().endswith(".zip")):
        if depth == DEEPEST:
            raise RecordingError(
                f"{place / member} lies in {DEEPEST} archives; deeper ones are not looked into: unpack them and give "
                "the folder"
            )
        inner = stack.enter_context(zipfile.ZipFile(stack.enter_context(archive.open(member))))
        found = _of_archive(inner, place / member, names, stack, depth + 1)
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


def _member_opener(archive: zipfile.ZipFile, member: str, place: Path) -> Callable[[], IO[bytes]]:
    def opened() -> IO[bytes]:
        try:
            return archive.open(member)
        except DAMAGED as error:  # its header is damaged, or it needs a password
            raise RecordingError(f"{place} cannot be read from the archive: {error}") from error

    return opened
