"""Find files in a folder, a zip archive, or archives within the archive, and open them, also if they are compressed."""

import bz2
import gzip
import lzma
import re
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, cast

from har.recordings import RecordingError

#: Exceptions of reading a damaged archive, or one with a password (`RuntimeError`).
DAMAGED = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, RuntimeError)
#: Any name of a file that is not hidden.
ANY_NAME = re.compile(r"[^.].*")
_COMPRESSED: tuple[tuple[bytes, Callable[[IO[bytes]], object]], ...] = (
    (b"\x1f\x8b", gzip.open),
    (b"BZh", bz2.open),
    (b"\xfd7zXZ", lzma.open),
)
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
    open: Callable[[], AbstractContextManager[IO[bytes]]]

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
    elif path.is_file() and is_archive(path):
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


@contextmanager
def stored_trees(path: Path, names: re.Pattern[str]) -> Iterator[dict[str, dict[str, StoredFile]]]:
    """Find the files whose names match a pattern, by the folder or the archive that they lie in.

    Parameters
    ----------
    path : Path
        A folder, which may hold folders and zip archives, or a zip archive.
    names : re.Pattern
        Pattern for the whole file name, without folders.

    Yields
    ------
    dict of str to dict of str to StoredFile
        By the name of the folder or archive: files by name. They can be opened until the context ends.

    Raises
    ------
    RecordingError
        If an archive cannot be read.
    """
    trees: dict[str, dict[str, StoredFile]] = {}
    with ExitStack() as stack:
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if not file.is_file():
                continue
            if is_archive(file):
                try:
                    archive = stack.enter_context(zipfile.ZipFile(file))
                except DAMAGED as error:
                    raise RecordingError(f"{file} cannot be read as a zip archive: {error}") from error
                for member in filter(_is_searched, sorted(archive.namelist())):
                    name, place = PurePosixPath(member), file / member
                    if names.fullmatch(name.name):
                        tree = "/".join([file.stem, *name.parts[:-1]])
                        stored = StoredFile(place, _member_opener(archive, member, place))
                        trees.setdefault(tree, {})[name.name] = stored
            elif names.fullmatch(file.name):
                tree = str(file.parent.relative_to(path)) if file.parent != path else file.parent.name
                trees.setdefault(tree, {})[file.name] = StoredFile(file, _opener(file))
        yield trees


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


def _opener(file: Path) -> Callable[[], AbstractContextManager[IO[bytes]]]:
    @contextmanager
    def opened() -> Iterator[IO[bytes]]:
        with file.open("rb") as raw, _unpacked(raw) as content:
            yield content

    return opened


def _member_opener(
    archive: zipfile.ZipFile, member: str, place: Path
) -> Callable[[], AbstractContextManager[IO[bytes]]]:
    @contextmanager
    def opened() -> Iterator[IO[bytes]]:
        try:
            raw = archive.open(member)
        except DAMAGED as error:  # the member's header is damaged, or it needs a password
            raise RecordingError(f"{place} cannot be read from the archive: {error}") from error
        with raw, _unpacked(raw) as content:
            yield content

    return opened


def _unpacked(opened: IO[bytes]) -> IO[bytes]:
    """Return the content of a compressed file, recognised by its first bytes; any other file as it is."""
    first = opened.read(6)
    opened.seek(0)
    return cast(IO[bytes], next((unpack(opened) for mark, unpack in _COMPRESSED if first.startswith(mark)), opened))


def is_archive(path: Path) -> bool:
    """Return whether a file is a zip archive, also if it is damaged."""
    return _first_bytes(path).startswith(b"PK\x03\x04")


def is_compressed(path: Path) -> bool:
    """Return whether a file is compressed, or an archive."""
    return is_archive(path) or _first_bytes(path).startswith(tuple(mark for mark, _ in _COMPRESSED))


def _first_bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as opened:
            return opened.read(6)
    except OSError as error:
        raise RecordingError(f"{path} cannot be read: {error.strerror}") from error
