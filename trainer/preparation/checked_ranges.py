"""The check of data sets that executors read by ranges: each checks its ranges, and the driver joins the checks."""

from __future__ import annotations

import pickle
from collections.abc import Iterable

import pyarrow as pa

from recording_files.checking import DataSetCheck
from recording_files.table import AnyColumn, make_table

#: The columns of a row with a check, as Spark names them.
CHECK_COLUMNS = "source string, checked binary"


def row_of_check(source: str, checked: DataSetCheck) -> pa.RecordBatch:
    """Return the check of a range of a source as a row. Executors and driver are one program, so it may be a pickle."""
    checked.finish()
    columns: dict[str, AnyColumn] = {"source": pa.array([source]), "checked": pa.array([pickle.dumps(checked)])}
    return make_table(columns).to_batches()[0]


def joined(whole: DataSetCheck, ranges: Iterable[bytes]) -> DataSetCheck:
    """Add the checks of the ranges of a data set, in their order, to a check of nothing; return it."""
    for checked in ranges:
        whole.join(pickle.loads(checked))
    return whole
