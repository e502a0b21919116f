"""Text tables of one format: a file, or all tables of a folder or an archive."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from har.recordings import RecordingError
from har.releases import TrainingData
from recording_files.column_options import NOTHING_STATED, ColumnOptions
from recording_files.data_sets import data_sets_of_devices
from recording_files.layout import Layout
from recording_files.recognition import recognised
from recording_files.source import Source
from recording_files.stored_files import ANY_NAME, StoredFile, is_compressed, stored_files
from recording_files.table import Part
from recording_files.table_head import TableHead, read_head
from recording_files.text_form import NotATableError, TextForm
from recording_files.text_reading import read_text

_MOST_NAMED = 3


@dataclass(frozen=True)
class TextTable:
    """A text table and what was understood of it.

    Attributes
    ----------
    file : StoredFile
        The file.
    head : TableHead
        Its beginning.
    layout : Layout
        What its columns are.
    """

    file: StoredFile
    head: TableHead
    layout: Layout

    def parts(self) -> Iterator[Part]:
        """Read the table. See `recording_files.source.Source.parts`."""
        rows = 0
        with self.file.open() as opened:
            for part in read_text(opened, self.file.place, self.head.form, self.layout):
                rows += len(part)
                yield part
        if not rows:
            raise RecordingError(f"{self.file.place} has no rows")


class TextSource(Source):
    """A text table, or all text tables of a folder or archive, which must be of one format.

    Parameters
    ----------
    path : Path
        The file, folder or archive.
    options : ColumnOptions
        What the person stated about its columns.

    Raises
    ------
    RecordingError
        If there is no table, one is not understood, or they are of several formats.
    """

    #: Names of the files that may be tables.
    names: re.Pattern[str] = ANY_NAME

    def __init__(self, path: Path, options: ColumnOptions = NOTHING_STATED) -> None:
        self.path = path
        with stored_files(path, self.names) as files:
            self._left_out, tables = _understood(files.values(), options)
            if not tables:
                raise RecordingError(_nothing_found(path, self._left_out))
            _require_one_format(path, tables)
            self._layouts = {table.file.place: (table.head, table.layout) for table in tables}
        stated = {table.layout.rate_hz for table in tables}
        self.rate_hz = stated.pop() if len(stated) == 1 else None

    def parts(self) -> Iterator[Part]:
        """Read the tables in the order of their names."""
        with stored_files(self.path, self.names) as files:
            for file in files.values():
                if found := self._layouts.get(file.place):
                    yield from TextTable(file, *found).parts()

    def remarks(self) -> list[str]:
        """Name the files that are no tables."""
        return [f"left out, as it is no table: {reason}" for reason in self._left_out]

    def provenance(self) -> list[TrainingData]:
        """Return the data sets whose devices are named."""
        devices = {str(device) for part in self.parts() for device in part.coded("device").texts}
        return data_sets_of_devices(devices)

    def plain_table(self) -> tuple[TextForm, Layout] | None:
        """Return the form and the layout if the data set is one uncompressed file, whose lines can be read anywhere."""
        known = self._layouts.get(self.path)
        if known is None or known[0].form.encoding == "utf-16" or is_compressed(self.path):
            return None
        return known[0].form, known[1]

    def understood(self) -> list[str]:
        """Return what was understood of the columns, in sentences; of several tables, that of the first."""
        head, layout = next(iter(self._layouts.values()))
        form = head.form.describe()
        return [*layout.describe(), *([form] if form else [])]


def _understood(files: Iterable[StoredFile], options: ColumnOptions) -> tuple[list[str], list[TextTable]]:
    """Return why files are no tables, and the tables of the others."""
    left_out, tables = [], []
    for file in files:
        try:
            with file.open() as opened:
                head = read_head(opened, file.place, options.encoding)
        except NotATableError as error:
            left_out.append(str(error))
        else:
            tables.append(TextTable(file, head, recognised(head, options)))
    return left_out, tables


def _require_one_format(path: Path, tables: Sequence[TextTable]) -> None:
    first_of: dict[str, Path] = {}
    for table in tables:
        first_of.setdefault(table.layout.format, table.file.place)
    if len(first_of) > 1:
        named = "; ".join(f"{place.relative_to(path)} is {kind}" for kind, place in first_of.items())
        raise RecordingError(f"{path} holds tables of several formats ({named}): pass the files of each by themselves")


def _nothing_found(path: Path, left_out: Sequence[str]) -> str:
    if len(left_out) == 1 and path.is_file():
        return left_out[0]
    first = "".join(f"; {reason}" for reason in left_out[:_MOST_NAMED])
    return f"{path} holds no table of readings{first}"
