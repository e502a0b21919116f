"""How a text table is written: its encoding, delimiter, decimal sign, and the rows before its readings.

Exports of phone apps, spreadsheets and programs differ in all of these. They are found in the beginning of the file,
never in its name.
"""

import codecs
import csv
import io
import re
from collections import Counter
from itertools import islice
from pathlib import Path

import msgspec

from har.recordings import RecordingError

#: Bytes of a file's beginning that are looked at.
HEAD_BYTES = 256 << 10
#: Names of the columns of a table without a header begin so; a number from 1 follows.
UNNAMED = "column "
_DELIMITERS = (",", ";", "\t", "|")
#: Lines that the delimiter is chosen by, and rows that columns are recognised by.
_INSPECTED_LINES = 40
_INSPECTED_ROWS = 2_000
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
#: Most columns of a table. Tables of features have some hundred.
_MOST_COLUMNS = 4_096
#: Characters of a line that a message shows.
_SHOWN = 60
#: Control characters that no text table has.
_BINARY = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+([eE][+-]?\d+)?")


class NotATableError(RecordingError):
    """A file is no text table: its text names what it is instead."""


class TextForm(msgspec.Struct, frozen=True):
    """How a text table is written.

    Attributes
    ----------
    encoding : str
        The encoding, by Python's name.
    delimiter : str
        What separates two cells.
    decimal : str
        The decimal sign, ``.`` or ``,``.
    names : tuple of str
        The columns' names without surrounding spaces; ``column 1``, … if the table has no header.
    row_end : str
        What ends each row beside the end of its line: `;` or nothing.
    skipped_lines : int
        Number of lines before the first row: the header, and what precedes it.
    has_header : bool
        Whether the table has a header.
    has_line_feeds : bool
        Whether its lines end with line feeds, as all but those of old Macs do.
    has_line_breaks : bool
        Whether one of its first cells holds a line break, within quotes.
    """

    encoding: str
    delimiter: str
    decimal: str
    names: tuple[str, ...]
    skipped_lines: int
    has_header: bool
    row_end: str = ""
    has_line_feeds: bool = True
    has_line_breaks: bool = False

    @property
    def unique_names(self) -> list[str]:
        """The names, with a number appended where one stands for several columns or for none."""
        counts = Counter(self.names)
        return [
            name if name and counts[name] == 1 else f"{name} ({UNNAMED}{number})"
            for number, name in enumerate(self.names, start=1)
        ]

    @property
    def has_plain_lines(self) -> bool:
        """Whether each row is a line that ends with the byte of a line feed, so that a part of the file can be read."""
        return self.encoding != "utf-16" and self.has_line_feeds and not self.has_line_breaks

    def describe(self) -> str:
        """Return what differs from a table in UTF-8 with commas, points and a header; empty if nothing does."""
        words = {",": "", ";": "semicolons", "\t": "tabs", "|": "bars", " ": "spaces"}
        found = [
            "" if self.encoding.startswith("utf-8") else f"encoding {self.encoding}",
            words[self.delimiter] and f"cells separated by {words[self.delimiter]}",
            "decimal commas" if self.decimal == "," else "",
            "" if self.has_header else "no header",
        ]
        return ", ".join(filter(None, found))


def form_of(head: bytes, place: Path, stated: str | None = None) -> tuple[TextForm, list[list[str]]]:
    """Find out how a text table is written.

    Parameters
    ----------
    head : bytes
        The beginning of the file, at most `HEAD_BYTES`.
    place : Path
        The file, for error messages.
    stated : str, optional
        The encoding, if the person stated it.

    Returns
    -------
    tuple of TextForm and list of list of str
        The form, and the cells of the first rows.

    Raises
    ------
    NotATableError
        If it is empty or is not a table.
    RecordingError
        If it has no rows.
    """
    encoding, text = _decoded(head.rstrip(b"\0") if len(head) < HEAD_BYTES else head, place, stated)
    lines = _whole_lines(text, is_all=len(head) < HEAD_BYTES)
    skipped, separator = _preamble(lines)
    lines = [line for line in lines[skipped:] if line.strip()]
    if not lines:
        is_damaged = head.endswith(b"\0")
        raise NotATableError(f"{place} {'holds only zero bytes: copy it again' if is_damaged else 'is empty'}")
    delimiter = separator or _delimiter_of(lines)
    row_end = _row_end_of(lines, delimiter)
    if row_end:
        lines = [line for text in lines for line in text.replace(f",{row_end}", row_end).split(row_end) if line.strip()]
    has_breaks = delimiter != " " and any(line.count('"') % 2 for line in lines)
    rows = _rows_with_breaks(lines, delimiter) if has_breaks else [_cells(line, delimiter) for line in lines]
    has_header = not any(is_number(cell) for cell in rows[0])
    width = len(rows[0])
    if width > _MOST_COLUMNS:
        raise NotATableError(f"{place} is not a table of readings: its first line has {width:,} cells")
    if width < 3 and not (has_header and width > 1):
        raise NotATableError(
            f"{place} is not a table of readings: its first line has {width} cell(s), {lines[0][:_SHOWN]!r}; cells are "
            "separated by commas, semicolons, tabs, bars or, between numbers, spaces. Remove lines before the header"
        )
    names = tuple(rows[0]) if has_header else tuple(f"{UNNAMED}{number + 1}" for number in range(width))
    rows = rows[1:] if has_header else rows
    if not rows:
        raise RecordingError(f"{place} has no rows")
    decimal = "," if delimiter != "," and _has_decimal_commas(rows) else "."
    return TextForm(
        encoding, delimiter, decimal, names, skipped + has_header, has_header, row_end, "\n" in text, has_breaks
    ), rows


def is_number(text: str) -> bool:
    """Return whether a cell holds a number, also with a decimal comma.

    Examples
    --------
    >>> [is_number(text) for text in ("-1.5", "1,5", "1.4E+18", "nan", "x", "")]
    [True, True, True, False, False, False]
    """
    try:
        float(text.replace(",", ".") if _DECIMAL_COMMA.fullmatch(text) else text)
    except ValueError:
        return False
    return text.lower().strip("+-") not in ("nan", "inf", "infinity")


def _decoded(head: bytes, place: Path, stated: str | None) -> tuple[str, str]:
    if stated is not None:
        try:
            return stated, _text(head, stated)
        except UnicodeDecodeError as error:
            raise RecordingError(
                f"{place} is not in the encoding {stated}: byte {error.start + 1} is not; state another --encoding"
            ) from error
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return encoding, _text(head, encoding)
    try:
        encoding, text = "utf-8", _text(head, "utf-8")
    except UnicodeDecodeError:
        encoding, text = "cp1252", head.decode("cp1252", "replace")  # what Windows and some apps write
    found = _BINARY.search(text)
    if found:
        raise NotATableError(
            f"{place} is neither a text table nor Parquet: its character {found.start() + 1} is {found[0]!r}"
        )
    return encoding, text


def _text(head: bytes, encoding: str) -> str:
    # The end may lie within a character.
    return codecs.getincrementaldecoder(encoding)().decode(head)


def _whole_lines(text: str, *, is_all: bool) -> list[str]:
    lines = text.splitlines()
    if not is_all and len(lines) > 1:
        lines.pop()
    return lines[:_INSPECTED_ROWS]


def _preamble(lines: list[str]) -> tuple[int, str | None]:
    """Return the number of lines before the table, and the delimiter that one of them states as spreadsheets do."""
    skipped, delimiter = 0, None
    for line in lines:
        if line.startswith("sep=") and len(line) == len("sep=,"):
            delimiter = line[-1]
        elif line.strip() and not line.startswith("#"):
            break
        skipped += 1
    return skipped, delimiter


def _delimiter_of(lines: list[str]) -> str:
    """Return the delimiter that gives the most cells in every line."""
    inspected = lines[:_INSPECTED_LINES]
    fewest = {delimiter: min(len(_cells(line, delimiter)) for line in inspected) for delimiter in _DELIMITERS}
    best = max(_DELIMITERS, key=lambda delimiter: fewest[delimiter])
    words = [line.split() for line in inspected]
    # Every text has spaces, so they only count between numbers.
    is_spaced = min(map(len, words)) >= 3 and all(is_number(word) for line in words for word in line)
    return " " if fewest[best] < 3 and is_spaced else best


def _row_end_of(lines: list[str], delimiter: str) -> str:
    """Return `;` if the rows of a table with commas end with it, as those of WISDM do."""
    ends = sum(line.rstrip().endswith(";") for line in lines)
    return ";" if delimiter == "," and ends > len(lines) / 2 else ""


def _cells(line: str, delimiter: str) -> list[str]:
    if delimiter == " ":
        return line.split()
    try:
        return [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter), [])]
    except csv.Error:  # a cell is longer than Python's limit
        return [line[:_SHOWN]]


def _rows_with_breaks(lines: list[str], delimiter: str) -> list[list[str]]:
    whole = csv.reader(io.StringIO("\n".join(lines)), delimiter=delimiter)
    return [[" ".join(cell.split()) for cell in row] for row in whole]


def _has_decimal_commas(rows: list[list[str]]) -> bool:
    cells = [cell for row in islice(rows, _INSPECTED_LINES) for cell in row]
    return any(map(_DECIMAL_COMMA.fullmatch, cells)) and not any("." in cell and is_number(cell) for cell in cells)
