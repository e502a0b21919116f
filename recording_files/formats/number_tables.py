"""Read a whole table of numbers separated by spaces, such as those of HAPT and UCI HAR."""

from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray

from har.recordings import RecordingError
from recording_files.stored_files import StoredFile

#: Largest size of a file, bytes. The published ones have up to 16 million.
FILE_BYTES = 64 << 20


def read_numbers(file: StoredFile, columns: int, kind: type) -> NDArray[Any]:
    """Read a table.

    Parameters
    ----------
    file : StoredFile
        The file.
    columns : int
        Number of its columns.
    kind : type
        Kind of its numbers.

    Returns
    -------
    ndarray of `kind`, shape (rows, columns)

    Raises
    ------
    RecordingError
        If it cannot be read or is larger than `FILE_BYTES`, a cell is no number, or it has other columns or no rows.
    """
    content = BytesIO(file.read(FILE_BYTES))
    try:
        table: NDArray[Any] = np.loadtxt(content, dtype=kind, ndmin=2)
    except ValueError as error:  # the errors of loadtxt name the row
        raise RecordingError(f"{file.place}: {error}") from error
    if table.shape[1] != columns or not len(table):
        raise RecordingError(
            f"{file.place} has {table.shape[1]} columns and {len(table)} rows; it needs {columns} columns and a row"
        )
    return table
