"""Find files by name in a folder, a zip archive, or archives within the archive."""

import re
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from har.recordings import RecordingError

#: Exceptions of reading a damaged archive, or one with a password (`RuntimeError`).
DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError)
#: Most nested archives, including the outermost. HHAR has two.
DEEPEST = 3
#: Folders and inner archives that are ignored: those that macOS adds, and HHAR's experiment with phones at rest.
_IGNORED = ("__macosx", "still exp")


@dataclass(frozen=True)
class StoredFile:
    """A file of a data set.

    Attributes
    ----------
    place : Path
        Path for error messages. For a member of an archive, the archive's path joined with the member's.
    open : callable
        Opens the file for reading bytes.
    """

    place: Path
    open: Callable[[], IO[bytes]]

    def read(self, limit: int) -> bytes:
        """Read the whole file.

        Parameters
        ----------
        limit : int
            Largest size, bytes. A small archive can unpack to more than fits into memory.

        Raises
        ------
        RecordingError
            If the file is larger, or cannot be read.
        """
        try:
            with self.open() as opened:
                content = opened.read(limit + 1)
        except DAMAGED as error:
            raise RecordingError(f"{self.place}: {error}") from error
        if len(content) > limit:
            raise RecordingError(f"{self.place} has more than {limit:,} bytes: it is not the expected file")
        return content


@contextmanager
def stored_files(path: Path, names: re.Pattern[str]) -> Iterator[dict[str, StoredFile]]:
    """Find all files below a path whose names match a pattern.

    Parameters
    ----------
    path : Path
        A folder, a zip archive (searched including the archives in it), or a file.
    names : re.Pattern
        Pattern for the whole file name, without folders.

    Yields
    ------
    dict of str to StoredFile
        Files by name; may be empty. They can be opened until the context ends.

    Raises
    ------
    RecordingError
        If the path does not exist, an archive cannot be read, archives are nested too deeply, or two files have the
        same name.
    """
    if path.is_dir():
        found = sorted(file for file in path.rglob("*") if names.fullmatch(file.name) and file.is_file())
        yield _by_name(StoredFile(file, _opener(file)) for file in found if _is_searched(str(file.relative_to(path))))
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
    members = sorted(member for member in archive.namelist() if _is_searched(member))
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
                f"{place / member} lies in {DEEPEST} archives; deeper ones are not searched: unpack them and pass the "
                "folder"
            )
        inner = stack.enter_context(zipfile.ZipFile(stack.enter_context(archive.open(member))))
        found = _of_archive(inner, place / member, names, stack, depth + 1)
        if found:
            return found
    return {}


def _is_searched(place: str) -> bool:
    return not any(name in place.lower() for name in _IGNORED)


def _by_name(files: Iterable[StoredFile]) -> dict[str, StoredFile]:
    found: dict[str, StoredFile] = {}
    for file in files:
        other = found.setdefault(file.place.name, file)
        if other is not file:
            raise RecordingError(f"{other.place} and {file.place}: which of them is meant? Pass the path of one")
    return found


def _opener(file: Path) -> Callable[[], IO[bytes]]:
    return lambda: file.open("rb")


def _member_opener(archive: zipfile.ZipFile, member: str, place: Path) -> Callable[[], IO[bytes]]:
    def opened() -> IO[bytes]:
        try:
            return archive.open(member)
        except DAMAGED as error:  # the member's header is damaged, or it needs a password
            raise RecordingError(f"{place} cannot be read from the archive: {error}") from error

    return opened
