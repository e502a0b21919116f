"""Text tables of one format: a file, or all tables of a folder or an archive."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from har.recordings import RecordingError
from har.releases import TrainingData
from recording_files.column_options import NOTHING_STATED, ColumnOptions
from recording_files.data_sets import data_sets_of_devices
from recording_files.layout import Layout, differences
from recording_files.names_by_place import PlaceNames, names_by_place
from recording_files.recognition import UnknownColumnsError, recognised
from recording_files.source import Source
from recording_files.stored_files import StoredFile, all_stored_files, is_compressed
from recording_files.table import Part
from recording_files.table_head import TableHead, read_head
from recording_files.text_form import NotATableError, TextForm
from recording_files.text_reading import DEFAULT_TEXTS, LeftOut, read_text

_MOST_NAMED = 3


@dataclass(frozen=True)
class TextTable:
    """A text table and what was understood of it.

    Attributes
    ----------
    head : TableHead
        Its beginning.
    layout : Layout
        What its columns are.
    left_out : LeftOut
        How many of its rows were left out when it was read last.
    """

    head: TableHead
    layout: Layout
    left_out: LeftOut = field(default_factory=LeftOut)

    def parts(self, file: StoredFile) -> Iterator[Part]:
        """Read the table. See `recording_files.source.Source.parts`."""
        rows = 0
        self.left_out.clear()
        with file.open() as opened:
            for part in read_text(opened, file.place, self.head.form, self.layout, left_out=self.left_out):
                rows += len(part)
                yield part
        if not rows:
            raise RecordingError(f"{file.place} has no rows")


class TextSource(Source):
    """A text table, or all text tables of a folder or archive, which must be of one format.

    The person and the session of a table that names none are called after its folder and file
    (`recording_files.names_by_place`).

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

    def __init__(self, path: Path, options: ColumnOptions = NOTHING_STATED) -> None:
        self.path = path
        with self._files() as files:
            self._no_tables, tables = _understood(files, options)
        if not tables:
            raise RecordingError(_nothing_found(path, self._no_tables))
        _require_one_format(path, tables)
        self._understood = next(iter(tables.values()))
        names = names_by_place(path, list(tables))
        self._tables = {place: _named(table, names[place]) for place, table in tables.items()}
        stated = {table.layout.rate_hz for table in self._tables.values()}
        self.rate_hz = stated.pop() if len(stated) == 1 else None
        self._was_read = False

    def parts(self) -> Iterator[Part]:
        """Read the tables in the order of their names."""
        with self._files() as files:
            for file in files:
                if table := self._tables.get(file.place):
                    yield from table.parts(file)
        self._was_read = True

    def remarks(self) -> list[str]:
        """Name the files that are no tables, and count the rows that are left out."""
        may_leave_out = any(table.layout.has_incomplete_rows for table in self._tables.values())
        if may_leave_out and not self._was_read:
            for _ in self.parts():
                pass
        counted = [
            f"left out of {place.name}: {text}"
            for place, table in self._tables.items()
            if (text := table.left_out.describe())
        ]
        return [*(f"left out: {reason}" for reason in self._no_tables), *counted]

    def provenance(self) -> list[TrainingData]:
        """Return the data sets whose devices are named."""
        layouts = [table.layout for table in self._tables.values()]
        devices = {layout.constants.get("device", DEFAULT_TEXTS["device"]) for layout in layouts}
        if any("device" in layout.texts for layout in layouts):
            devices = {str(device) for part in self.parts() for device in part.coded("device").texts}
        return data_sets_of_devices(devices)

    def plain_table(self) -> tuple[TextForm, Layout] | None:
        """Return the form and the layout if the data set is one uncompressed file, whose lines can be read anywhere."""
        table = self._tables.get(self.path)
        if table is None or is_compressed(self.path) or not table.head.form.has_plain_lines:
            return None
        return table.head.form, table.layout

    def understood(self) -> list[str]:
        """Return what was understood of the columns, in sentences; of several tables, that of the first."""
        head, layout = self._understood.head, self._understood.layout
        named = [name for name in PlaceNames._fields if name not in (*layout.texts, *layout.constants)]
        found = [
            *layout.describe(),
            *differences({place: table.layout for place, table in self._tables.items()}),
            *layout.describe_unread(head.names),
            head.form.describe(),
            f"{len(self._tables):,} files" if len(self._tables) > 1 else "",
            f"{' and '.join(named)} by the names of files and folders" if named else "",
        ]
        return list(filter(None, found))

    def _files(self) -> AbstractContextManager[list[StoredFile]]:
        """Return the files that may be tables."""
        return all_stored_files(self.path)


def _understood(files: Iterable[StoredFile], options: ColumnOptions) -> tuple[list[str], dict[Path, TextTable]]:
    """Return why files are no tables of readings, and the tables of the others."""
    no_tables: list[str] = []
    tables: dict[Path, TextTable] = {}
    unclear: list[UnknownColumnsError] = []
    for file in files:
        try:
            with file.open() as opened:
                head = read_head(opened, file.place, options.encoding)
            tables[file.place] = TextTable(head, recognised(head, options))
        except NotATableError as error:
            no_tables.append(str(error))
        except UnknownColumnsError as error:
            unclear.append(error)
    if unclear and not tables:
        raise unclear[0]
    return [*no_tables, *map(str, unclear)], tables


def _named(table: TextTable, names: PlaceNames) -> TextTable:
    """Return a table with names of its person and session where its columns and its format state none."""
    constants = table.layout.constants | names.missing_in(table.layout)
    return TextTable(table.head, msgspec.structs.replace(table.layout, constants=constants))


def _require_one_format(path: Path, tables: Mapping[Path, TextTable]) -> None:
    first_of: dict[str, Path] = {}
    for place, table in tables.items():
        first_of.setdefault(table.layout.format, place)
    if len(first_of) > 1:
        named = "; ".join(f"{place.relative_to(path)} is {kind}" for kind, place in first_of.items())
        raise RecordingError(f"{path} holds tables of several formats ({named}): pass the files of each by themselves")


def _nothing_found(path: Path, left_out: Sequence[str]) -> str:
    if len(left_out) == 1 and path.is_file():
        return left_out[0]
    first = "".join(f"; {reason}" for reason in left_out[:_MOST_NAMED])
    return f"{path} holds no table of readings{first}"
