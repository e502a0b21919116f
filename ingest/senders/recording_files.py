"""Reading recordings from files: Parquet tables with the project's columns, and CSV files of HHAR."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
from numpy.typing import NDArray

from har import hhar
from har.recordings import COLUMNS, Recording, RecordingError, recordings_from_columns, require_columns


def read_recordings(path: Path) -> list[Recording]:
    """Read a recording file: ``.parquet``, or ``.csv`` with HHAR's columns.

    See `har.hhar` for the source of HHAR's event times.

    Raises
    ------
    RecordingError
        If the file is missing, has neither format, or lacks columns.
    """
    readers = {".parquet": _read_parquet, ".csv": _read_hhar}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise RecordingError(f"{path.name}: a recording must be a .parquet file or a .csv file of HHAR")
    try:
        return recordings_from_columns(reader(path))
    except (OSError, pa.ArrowException, ValueError) as error:
        raise RecordingError(f"{path}: {error}") from error


def _read_parquet(path: Path) -> dict[str, NDArray[Any]]:
    require_columns(pyarrow.parquet.read_schema(path).names)
    table = pyarrow.parquet.read_table(path, columns=list(COLUMNS))
    return {name: table[name].to_numpy() for name in COLUMNS}


def _read_hhar(path: Path) -> dict[str, NDArray[Any]]:
    options = pyarrow.csv.ConvertOptions(
        # Read as text: spreadsheets write 1.42469663191325e+18, but as floats, plain integers would lose digits.
        column_types={"Creation_Time": pa.string(), "gt": pa.string()},
        strings_can_be_null=False,
    )
    table = pyarrow.csv.read_csv(path, convert_options=options)
    hhar.require_csv_columns(table.column_names)
    columns = {name: table[name].to_numpy() for name in hhar.READ_COLUMNS}
    clock = hhar.chosen_clock(columns["Creation_Time"].tolist())
    numbers = np.int64 if clock is hhar.Clock.EXACT else np.float64
    columns["Creation_Time"] = columns["Creation_Time"].astype(np.str_).astype(numbers)
    return hhar.recording_columns(columns, clock)
