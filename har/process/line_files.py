"""Files of lines that are only ever appended to, such as histories and metrics, and survive being cut short.

A process that is killed, or a disk that is full, may leave half a line at the end. It is never read, and the next line
takes its place.
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
        The file; it is made if it does not exist.
    line : bytes
        Without its end.
    durable : bool
        Whether it must be on the disk, and not only with the system, when this returns.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    with path.open("ab+") as file:
        _cut_half_line(file)
        file.write(line + b"\n")
        if durable:
            file.flush()
            os.fsync(file.fileno())


def whole_lines(path: Path) -> list[bytes]:
    """Return the lines of a file that were written to their end, without it; none if there is no file."""
    return whole_lines_after(path, 0)[0]


def whole_lines_after(path: Path, begin: int) -> tuple[list[bytes], int]:
    """Return the whole lines from a byte on, where one begins, and the byte to go on from when there are more."""
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
