"""Reading recordings from files: Parquet tables in the project's columns, and HHAR's CSV."""

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
    """Read a recording file, by its ending: ``.parquet``, or ``.csv`` in HHAR's columns.

    Where HHAR's event times come from is said in `har.hhar`.

    Raises
    ------
    RecordingError
        If the file is missing, in neither format, or lacks columns.
    """
    readers = {".parquet": _read_parquet, ".csv": _read_hhar}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise RecordingError(f"{path.name}: recordings are .parquet or HHAR .csv files")
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
        # A spreadsheet writes 1.42469663191325e+18: read as a float, a plain integer would lose digits.
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
