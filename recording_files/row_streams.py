"""The bytes of a text table as Arrow's reader takes them: UTF-8, one row a line, and no row that is cut off."""

import codecs
import csv
import re
from collections.abc import Callable, Iterator
from io import RawIOBase
from typing import IO, cast

import numpy as np

from har.recordings import RecordingError
from recording_files.layout import Layout
from recording_files.text_form import TextForm, is_number

#: Most bytes of a row. A file without ends of lines is no table.
LONGEST_ROW = 32 << 20
#: Cells that hold no number.
NO_NUMBER = ("", "null", "NULL", "NaN", "nan", "NA", "None", "-")
_SPACES = re.compile(rb" {2,}")
_SPACES_AT_ENDS = re.compile(rb"(^|\n) | (?=\r?\n)| $")


class _Stream(RawIOBase):
    """A file that is read through another one."""

    def __init__(self, opened: IO[bytes]) -> None:
        super().__init__()
        self._opened = opened

    def readable(self) -> bool:
        """Return that it can be read."""
        return True


class Utf8(_Stream):
    """A text in another encoding as UTF-8.

    Parameters
    ----------
    opened : binary file
        The text.
    encoding : str
        Its encoding, by Python's name.
    """

    def __init__(self, opened: IO[bytes], encoding: str) -> None:
        super().__init__(opened)
        # cp1252 is what remains if the encoding is unknown, and some bytes mean nothing in it.
        self._decoder = codecs.getincrementaldecoder(encoding)("replace" if encoding == "cp1252" else "strict")

    def read(self, size: int = -1) -> bytes:
        """Read about `size` bytes."""
        text = ""
        while not text and (content := self._opened.read(size)):
            text = self._decoder.decode(content)
        return (text or self._decoder.decode(b"", final=True)).encode()


class RowEnds(_Stream):
    """A table whose rows end with a sign beside the end of the line, as one whose rows end with their lines.

    Parameters
    ----------
    opened : binary file
        The table.
    row_end : bytes
        The sign.
    """

    def __init__(self, opened: IO[bytes], row_end: bytes) -> None:
        super().__init__(opened)
        self._row_end = row_end

    def read(self, size: int = -1) -> bytes:
        """Read up to `size` bytes. An empty cell before the sign is removed, too."""
        content = self._opened.read(size)
        while content.endswith(b",") and (more := self._opened.read(1)):
            content += more
        return content.replace(b"," + self._row_end, self._row_end).replace(self._row_end, b"\n")


class WholeRows(_Stream):
    """A table without its last row if that is cut off, as by a phone that died. Zero bytes behind it are removed, too.

    Parameters
    ----------
    opened : binary file
        The table.
    is_whole : callable
        Takes the last row, which no end of line follows; returns whether it is whole.

    Attributes
    ----------
    cut : int
        Number of rows that were left out.
    """

    def __init__(self, opened: IO[bytes], is_whole: Callable[[bytes], bool]) -> None:
        super().__init__(opened)
        self._is_whole = is_whole
        self._rest = b""
        self._has_ended = False
        self.cut = 0

    def read(self, size: int = -1) -> bytes:
        """Read up to `size` bytes of whole rows, or one row.

        Raises
        ------
        RecordingError
            If a row is longer than `LONGEST_ROW`.
        """
        while not self._has_ended:
            # A long row is read in pieces that double, as each is copied with the rest.
            most = max(size - len(self._rest), len(self._rest), 1 << 16)
            content = self._opened.read(most if size >= 0 else -1)
            if not content:
                return self._last_row()
            content = self._rest + content
            end = content.rfind(b"\n") + 1 or content.rfind(b"\r", 0, -1) + 1
            self._rest = content[end:]
            if end:
                return content[:end]
            if len(self._rest) > LONGEST_ROW:
                raise RecordingError(f"a row has more than {LONGEST_ROW:,} bytes: it is no table of readings")
        return b""

    def _last_row(self) -> bytes:
        self._has_ended = True
        row = self._rest.rstrip(b"\0")
        if not row.strip() or self._is_whole(row):
            return row
        self.cut = 1
        return b""


class SingleSpaces(_Stream):
    """A table of whole rows whose cells are separated by any number of spaces, as one with single spaces."""

    def read(self, size: int = -1) -> bytes:
        """Read up to `size` bytes of whole rows."""
        return _SPACES_AT_ENDS.sub(rb"\1", _SPACES.sub(b" ", self._opened.read(size)))


def is_whole_row(row: bytes, form: TextForm, layout: Layout) -> bool:
    """Return whether a row in UTF-8 has all cells, and numbers where they belong."""
    text = row.decode("utf-8", "replace")
    cells = text.split() if form.delimiter == " " else next(csv.reader([text], delimiter=form.delimiter), [])
    if len(cells) != len(form.names):
        return False
    numbers = {*layout.axes, *(layout.gravity or ()), *([layout.time.name] if layout.time else [])}
    if layout.time and not layout.time.unit.is_number:
        numbers.remove(layout.time.name)
    if form.unique_names[-1] in numbers and cells[-1].strip() in ("", "-"):
        return False  # it ends where its last number would begin
    of_numbers = (cell.strip() for name, cell in zip(form.unique_names, cells, strict=True) if name in numbers)
    return all(is_number(cell) or cell in NO_NUMBER for cell in of_numbers)


def opened_rows(opened: IO[bytes], form: TextForm, layout: Layout) -> tuple[IO[bytes], WholeRows]:
    """Return the rows of a table in UTF-8, one a line, and the stream in them that counts rows that are cut off."""
    if not form.encoding.startswith("utf-8"):
        opened = cast(IO[bytes], Utf8(opened, form.encoding))
    if form.row_end:
        opened = cast(IO[bytes], RowEnds(opened, form.row_end.encode()))
    whole = WholeRows(opened, lambda row: is_whole_row(row, form, layout))
    return cast(IO[bytes], SingleSpaces(cast(IO[bytes], whole)) if form.delimiter == " " else whole), whole


def pieces_of_rows(rows: IO[bytes], form: TextForm, size: int) -> Iterator[bytes]:
    """Read whole rows, piece by piece.

    Parameters
    ----------
    rows : binary file
        Lines of a table, as `opened_rows` returns them.
    form : TextForm
        How the table is written.
    size : int
        About the length of a piece, bytes.

    Yields
    ------
    bytes
        The first piece holds all lines before the rows, too.
    """
    waiting, are_skipped = b"", not form.skipped_lines
    while content := rows.read(size):
        waiting += content
        are_skipped = are_skipped or max(waiting.count(b"\n"), waiting.count(b"\r")) > form.skipped_lines
        end = _end_of_rows(waiting) if form.has_line_breaks else len(waiting)
        if are_skipped and end:
            yield waiting[:end]
            waiting = waiting[end:]
        elif len(waiting) > LONGEST_ROW:
            break
    if waiting:
        yield waiting


def _end_of_rows(content: bytes) -> int:
    """Return where the last row ends in a table whose cells may hold line breaks within quotes."""
    signs = np.frombuffer(content, np.uint8)
    ends = np.flatnonzero((signs == ord("\n")) | (signs == ord("\r"))) + 1
    quotes = np.searchsorted(np.flatnonzero(signs == ord('"')), ends)
    whole = ends[quotes % 2 == 0]
    return int(whole[-1]) if len(whole) else 0
