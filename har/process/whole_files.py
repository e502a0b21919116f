"""Files that appear whole or not at all, whatever interrupts their writing."""

import os
from pathlib import Path


def part_of(path: Path) -> Path:
    """Return where a file or folder is written until it is complete, beside it and hidden."""
    return path.parent / f".{path.name}.part"  # of "." or "/", too, which have no name to change


def write_whole(path: Path, content: bytes, *, durable: bool = False) -> None:
    """Write a file, or replace what is there.

    Parameters
    ----------
    path : Path
        The file; its folder exists.
    content : bytes
        All of it.
    durable : bool
        Whether it must be on the disk, and not only with the system, when this returns.

    Raises
    ------
    OSError
        If it cannot be written; what was there before stays.
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
    """Wait until a file, or the names in a folder, are on the disk.

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
