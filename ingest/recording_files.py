"""Reading recordings from files: Parquet tables in the project's columns, and HHAR's CSV."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
from numpy.typing import NDArray

from har.recordings import COLUMNS, Recording, RecordingError, recordings_from_columns

HHAR_COLUMNS = ("Index", "Arrival_Time", "Creation_Time", "x", "y", "z", "User", "Model", "Device", "gt")
#: A `Creation_Time` with fewer different values than this share of its rows was rounded by a spreadsheet.
DISTINCT_ENOUGH = 0.5


def read_recordings(path: Path) -> list[Recording]:
    """Read a recording file, by its ending: ``.parquet``, or ``.csv`` in HHAR's columns.

    HHAR's event time is `Creation_Time` (ns, by the phone's clock); where that was rounded away,
    `Arrival_Time` (ms) is taken (Stisen et al., *Smart devices are different*, SenSys 2015).

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
        columns = reader(path)
    except (OSError, pa.ArrowException) as error:
        raise RecordingError(f"{path}: {error}") from error
    return recordings_from_columns(columns)


def _read_parquet(path: Path) -> dict[str, NDArray[Any]]:
    table = pyarrow.parquet.read_table(path)
    missing = [name for name in COLUMNS if name not in table.column_names]
    if missing:
        raise RecordingError(f"{path.name} has no column {', '.join(missing)}; it needs {', '.join(COLUMNS)}")
    return {name: table[name].to_numpy() for name in COLUMNS}


def _read_hhar(path: Path) -> dict[str, NDArray[Any]]:
    options = pyarrow.csv.ConvertOptions(
        include_columns=[name for name in HHAR_COLUMNS if name != "Index"],
        # A spreadsheet writes 1.42469663191325e+18: read as a float, a plain integer keeps all its digits.
        column_types={"Creation_Time": pa.string(), "gt": pa.string()},
        strings_can_be_null=False,
    )
    table = pyarrow.csv.read_csv(path, convert_options=options)
    created = table["Creation_Time"].to_numpy().astype(np.str_)
    times = _event_times(created, table["Arrival_Time"].to_numpy())
    count = len(table)
    return {
        "user": table["User"].to_numpy(),
        "device": table["Device"].to_numpy(),
        "model": table["Model"].to_numpy(),
        "session": np.full(count, "hhar"),
        "t": times,
        "x": table["x"].to_numpy(),
        "y": table["y"].to_numpy(),
        "z": table["z"].to_numpy(),
        "gt": table["gt"].to_numpy(),
    }


def _event_times(created: NDArray[np.str_], arrived_ms: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return event times in µs since the epoch."""
    exact = not any("e" in text.lower() or "." in text for text in created[:1000].tolist())
    if exact:
        return np.asarray(created.astype(np.int64) // 1000)
    rounded = created.astype(np.float64)
    if len(np.unique(rounded)) >= DISTINCT_ENOUGH * len(rounded):
        return np.asarray(np.round(rounded / 1000).astype(np.int64))
    return np.asarray(arrived_ms * 1000)
