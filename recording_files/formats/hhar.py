"""Read HHAR: `Phones_accelerometer.csv` with its original columns, as a file, in a folder, or in the archive."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from har import hhar
from har.recordings import RecordingError
from har.releases import TrainingData
from recording_files.data_sets import data_sets_of_devices
from recording_files.source import Source
from recording_files.stored_files import DAMAGED, stored_files
from recording_files.table import Part, constant_texts, make_part, make_table

FILE_NAME = re.compile(r"Phones_accelerometer.*\.csv")
#: Bytes read at a time. These are fewer than `PART_ROWS` rows, as no row is shorter than 40 bytes.
BLOCK_BYTES = 32 << 20
_CLOCK_ROWS = 100_000
_TEXT = pa.dictionary(pa.int32(), pa.string())
_TYPES = {
    "Arrival_Time": pa.int64(),
    # As text, because a spreadsheet writes 1.42469663191325e+18, and only the text shows the lost digits.
    "Creation_Time": pa.string(),
    **{name: pa.float32() for name in "xyz"},
    **{name: _TEXT for name in ("User", "Model", "Device", "gt")},
}


class HharSource(Source):
    """The phones of HHAR. `har.hhar` describes its clocks.

    Parameters
    ----------
    path : Path
        The CSV, or a folder or zip archive that contains it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def parts(self) -> Iterator[Part]:
        """Read the table in parts of about 300,000 rows, also from within an archive."""
        with stored_files(self.path, FILE_NAME) as files:
            if not files:
                raise RecordingError(f"{self.path} contains no Phones_accelerometer.csv")
            for file in files.values():
                rows = 0
                with file.open() as opened:
                    for part in read_table(opened, file.place):
                        rows += len(part)
                        yield part
                if not rows:
                    raise RecordingError(f"{file.place} has no rows")

    def provenance(self) -> list[TrainingData]:
        """Return HHAR's name, licence and source."""
        return data_sets_of_devices(["nexus4_1"])


def clock_of(opened: IO[bytes], place: Path) -> hhar.Clock:
    """Choose the clock of a table from its first rows.

    Parameters
    ----------
    opened : binary file
        The CSV.
    place : Path
        Its path, for error messages.

    Raises
    ------
    RecordingError
        If it is not HHAR's table.
    """
    for table in _blocks(opened, place):
        return _chosen_clock(table)
    raise RecordingError(f"{place} has no rows")


def read_table(opened: IO[bytes], place: Path, clock: hhar.Clock | None = None) -> Iterator[Part]:
    """Read HHAR's table, or a range of its rows with the same header.

    Parameters
    ----------
    opened : binary file
        The CSV.
    place : Path
        Its path, for error messages.
    clock : Clock, optional
        Clock of the event times; chosen from the first rows if not given.

    Raises
    ------
    RecordingError
        If a row cannot be read. The message names the file and the row.
    """
    first_row = 0
    for table in _blocks(opened, place):
        try:
            clock = clock or _chosen_clock(table)
            columns = _to_project_columns(table, clock, first_row)
        except RecordingError as error:
            raise RecordingError(f"{place}: {error}") from error
        yield make_part(columns, place, first_row)
        first_row += table.num_rows


def _chosen_clock(table: pa.Table) -> hhar.Clock:
    return hhar.chosen_clock([str(text) for text in table["Creation_Time"].slice(0, _CLOCK_ROWS).to_pylist()])


def _blocks(opened: IO[bytes], place: Path) -> Iterator[pa.Table]:
    try:
        reader = pyarrow.csv.open_csv(
            opened,
            # Errors only contain the row if no threads are used.
            read_options=pyarrow.csv.ReadOptions(use_threads=False, block_size=BLOCK_BYTES),
            convert_options=pyarrow.csv.ConvertOptions(column_types=_TYPES, strings_can_be_null=False),
        )
        hhar.require_csv_columns(reader.schema.names)
        for batch in reader:
            if batch.num_rows:
                yield pa.Table.from_batches([batch])
    except (*DAMAGED, pa.ArrowException, RecordingError) as error:
        # Arrow counts rows from 1 including the header, like the line numbers of an editor.
        raise RecordingError(f"{place} cannot be read as HHAR's table: {error}") from error


def _to_project_columns(table: pa.Table, clock: hhar.Clock, first_row: int) -> pa.Table:
    created, arrived = table["Creation_Time"], table["Arrival_Time"].to_numpy()
    if clock is hhar.Clock.ARRIVAL:
        times = hhar.event_times(arrived, arrived, clock)
    else:
        kind = pa.int64() if clock is hhar.Clock.EXACT else pa.float64()
        times = hhar.event_times(_parse_numbers(created, kind, first_row).to_numpy(), arrived, clock)
    return make_table(
        {
            "user": table["User"],
            "device": table["Device"],
            "model": table["Model"],
            "session": constant_texts(hhar.SESSION, table.num_rows),
            "t": pa.array(times),
            **{name: table[name] for name in ("x", "y", "z", "gt")},
        }
    )


def _parse_numbers(texts: "pa.ChunkedArray[Any]", kind: pa.DataType, first_row: int) -> "pa.ChunkedArray[Any]":
    try:
        return texts.cast(kind)
    except pa.ArrowInvalid as error:
        pattern = r"^\d+$" if pa.types.is_integer(kind) else r"^\d+(\.\d+)?([eE]\+?\d+)?$"
        wrong = pc.invert(pc.match_substring_regex(texts, pattern))
        row = int(pc.index(wrong, True).as_py())
        raise RecordingError(
            f"Creation_Time {texts[row].as_py()!r} is not a number like the previous ones, row {first_row + row}"
        ) from error
