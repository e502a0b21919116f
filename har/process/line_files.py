"""Append-only files of lines, such as histories and metrics, that survive a crash.

A killed process or a full disk may leave an incomplete line at the end. It is never read, and the next append replaces
it.
"""

import os
from pathlib import Path
from typing import BinaryIO

_BLOCK = 4096


def append_line(path: Path, line: bytes, *, durable: bool = False) -> None:
    """Append a line.

    Parameters
    ----------
    path : Path
        The file; created if it does not exist.
    line : bytes
        The line without its line end.
    durable : bool
        Whether to wait until the line is on the disk.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    with path.open("ab+") as file:
        _cut_half_line(file)
        file.write(line + b"\n")
        if durable:
            file.flush()
            os.fsync(file.fileno())


def whole_lines(path: Path) -> list[bytes]:
    """Return the complete lines of a file, without line ends; an empty list if there is no file."""
    return whole_lines_after(path, 0)[0]


def whole_lines_after(path: Path, begin: int) -> tuple[list[bytes], int]:
    """Return the complete lines from byte `begin` (a line's start) on, and the byte to continue from later."""
    if not path.exists():
        return [], begin
    with path.open("rb") as file:
        file.seek(begin)
        *lines, half = file.read().split(b"\n")
        return lines, file.tell() - len(half)


def _cut_half_line(file: BinaryIO) -> None:
    size = end = file.seek(0, os.SEEK_END)
    while end:
        begin = max(0, end - _BLOCK)
        file.seek(begin)
        found = file.read(end - begin).rfind(b"\n")
        if found >= 0:
            end = begin + found + 1
            break
        end = begin
    if end < size:
        file.truncate(end)
