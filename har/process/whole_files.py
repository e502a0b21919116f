"""Atomic file writing: a file appears complete or not at all, also after a crash."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def part_of(path: Path) -> Path:
    """Return the hidden sibling path at which a file or folder is written until it is complete."""
    return path.parent / f".{path.name}.part"  # works for "." and "/" too, which have no name


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Let the error of a write name its file, such as of a full disk, which has no name."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            error.filename = str(path)
        raise


def write_whole(path: Path, content: bytes, *, durable: bool = False) -> None:
    """Write a file atomically, replacing an existing one.

    Parameters
    ----------
    path : Path
        The file; its folder must exist.
    content : bytes
        The complete content.
    durable : bool
        Whether to wait until the file is on the disk.

    Raises
    ------
    OSError
        If the file cannot be written; an existing file stays unchanged.
    """
    part = part_of(path)
    try:
        part.write_bytes(content)
        if durable:
            sync(part)
        part.replace(path)
    except OSError:
        part.unlink(missing_ok=True)
        raise
    if durable:
        sync(path.parent)


def sync(path: Path) -> None:
    """Wait until a file's content, or a folder's entries, are on the disk.

    Raises
    ------
    OSError
        If the disk fails.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
