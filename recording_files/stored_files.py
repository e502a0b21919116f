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
#: Any name of a file. Those that are hidden in a folder are not searched.
ANY_NAME = re.compile(r".*", re.DOTALL)
#: What is left in a name of bytes that are not UTF-8, or a line break.
_UNREADABLE_NAME = re.compile(r"[\udc80-\udcff\n\r]")
_COMPRESSED: tuple[tuple[bytes, Callable[[IO[bytes]], object]], ...] = (
    (b"\x1f\x8b", gzip.open),
    (b"BZh", bz2.open),
    (b"\xfd7zXZ", lzma.open),
)
#: Most nested archives, including the outermost. HHAR has two.
DEEPEST = 3
#: Names of the first part of documents that are zip archives: those of Microsoft and the Open Document Format.
_DOCUMENT_PARTS = (b"[Content_Types].xml", b"_rels/", b"docProps/", b"xl/", b"mimetype")
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


def require_readable_name(path: Path) -> None:
    """Raise if the name of a file can stand in no table and no line of a message.

    Raises
    ------
    RecordingError
        If it is not UTF-8, as of archives from other systems, or holds a line break.
    """
    if _UNREADABLE_NAME.search(str(path)):
        raise RecordingError(f"{str(path)!r} cannot be read: its name is not UTF-8, or has a line break: rename it")


@contextmanager
def all_stored_files(path: Path, names: re.Pattern[str] = ANY_NAME) -> Iterator[list[StoredFile]]:
    """Find all files below a path whose names match a pattern.

    Parameters
    ----------
    path : Path
        A folder, which may hold folders and zip archives; a zip archive, which may hold archives; or a file.
    names : re.Pattern
        Pattern for the whole file name, without folders.

    Yields
    ------
    list of StoredFile
        The files in the order of their paths; may be empty. They can be opened until the context ends.

    Raises
    ------
    RecordingError
        If the path does not exist, an archive cannot be read, or archives are nested too deeply.
    """
    if not path.exists():
        raise RecordingError(f"{path} cannot be read: there is no such file or folder")
    with ExitStack() as stack:
        files = sorted(path.rglob("*")) if path.is_dir() else [path]
        found: list[StoredFile] = []
        for file in files:
            if not file.is_file() or not _is_searched(str(file.relative_to(path))):
                continue
            if is_archive(file):
                try:
                    found += _of_archive(stack.enter_context(zipfile.ZipFile(file)), file, names, stack, depth=1)
                except DAMAGED as error:
                    raise RecordingError(f"{file} cannot be read as a zip archive: {error}") from error
            elif names.fullmatch(file.name):
                require_readable_name(file)
                found.append(StoredFile(file, _opener(file)))
        yield found


@contextmanager
def stored_files(path: Path, names: re.Pattern[str]) -> Iterator[dict[str, StoredFile]]:
    """Find the files below a path whose names match a pattern, each name once.

    Yields
    ------
    dict of str to StoredFile
        Files by name; may be empty. They can be opened until the context ends.

    Raises
    ------
    RecordingError
        See `all_stored_files`; and if two files have the same name.
    """
    with all_stored_files(path, names) as files:
        yield _by_name(files)


@contextmanager
def stored_trees(path: Path, names: re.Pattern[str]) -> Iterator[dict[str, dict[str, StoredFile]]]:
    """Find the files whose names match a pattern, by the folder or the archive that they lie in.

    Yields
    ------
    dict of str to dict of str to StoredFile
        By the path of the folder or archive: files by name. They can be opened until the context ends.

    Raises
    ------
    RecordingError
        See `all_stored_files`.
    """
    trees: dict[str, dict[str, StoredFile]] = {}
    with all_stored_files(path, names) as files:
        for file in files:
            folders = folders_of(file.place, path if path.is_dir() else path.parent)
            trees.setdefault("/".join(folders) or path.name, {})[file.place.name] = file
        yield trees


def folders_of(place: Path, root: Path) -> list[str]:
    """Return the folders and archives that a file lies in, below a folder.

    Examples
    --------
    >>> folders_of(Path("data/anna.zip/monday/walk.csv"), Path("data"))
    ['anna', 'monday']
    """
    return [re.sub(r"\.zip$", "", part, flags=re.IGNORECASE) for part in place.parent.relative_to(root).parts]


def _of_archive(
    archive: zipfile.ZipFile, place: Path, names: re.Pattern[str], stack: ExitStack, depth: int
) -> list[StoredFile]:
    members = sorted(member for member in archive.namelist() if _is_searched(member))
    found = [
        StoredFile(place / member, _member_opener(archive, member, place / member))
        for member in members
        if names.fullmatch(PurePosixPath(member).name) and not member.lower().endswith(("/", ".zip"))
    ]
    for member in (name for name in members if name.lower().endswith(".zip")):
        if depth == DEEPEST:
            raise RecordingError(
                f"{place / member} lies in {DEEPEST} archives; deeper ones are not searched: unpack them and pass the "
                "folder"
            )
        inner = stack.enter_context(zipfile.ZipFile(stack.enter_context(archive.open(member))))
        found += _of_archive(inner, place / member, names, stack, depth + 1)
    return found


def _is_searched(place: str) -> bool:
    parts = PurePosixPath(place.lower()).parts
    return not any(part.startswith((".", *_IGNORED)) for part in parts)


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
    """Return whether a file is a zip archive, also if it is damaged; those of documents and arrays do not count."""
    first = first_bytes(path)
    if not first.startswith(b"PK\x03\x04"):
        return False
    name = first[30 : 30 + int.from_bytes(first[26:28], "little")]
    return not name.startswith(_DOCUMENT_PARTS) and not name.endswith(b".npy")


def is_compressed(path: Path) -> bool:
    """Return whether a file is compressed, or an archive."""
    return is_archive(path) or first_bytes(path).startswith(tuple(mark for mark, _ in _COMPRESSED))


def first_bytes(path: Path) -> bytes:
    """Return the first bytes of a file, as they are stored.

    Raises
    ------
    RecordingError
        If it cannot be read.
    """
    try:
        with path.open("rb") as opened:
            return opened.read(80)
    except OSError as error:
        raise RecordingError(f"{path} cannot be read: {error.strerror}") from error
