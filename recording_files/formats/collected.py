"""Data that this system recorded: readings joined with the wearers' labels.

A folder of collected data holds two tables, each as any number of Parquet files in any subfolders:

- ``samples/``: one row per reading, ``device, session, sequence, t, x, y, z`` (`t` in µs since the Unix epoch, by the
  phone's clock; m/s², gravity included); optionally ``user`` and ``model``.
- ``labels/``: one row per label, ``device, session, start, end, activity, said_at`` (µs; `end` is exclusive, and
  missing for an open label); optionally ``user``.

If a table has a log (Delta Lake, which `har archive` writes), only the files that the log lists are read.

A reading has the label of the interval that contains it. If several do, the label with the latest `said_at` counts; if
none does, the ground truth is ``null``. `har.labels` describes how labels are ended, corrected and withdrawn.
Activities are read in their canonical form (`har.activity_names`), because older archives hold other names of an
activity. Rows may be repeated, as delivery is at least once; windows use each reading once.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from har.activity_names import NULL_LABEL
from har.labels import Label, LabelTable
from har.recordings import RecordingError, groups_of_rows, require_columns
from har.releases import TrainingData
from recording_files.formats.parquet import parquet_files, read_batches, read_schema
from recording_files.formats.table_log import current_files, has_log
from recording_files.source import Source
from recording_files.table import AnyColumn, Part, constant_texts, make_part, make_table

SAMPLE_COLUMNS = ("device", "session", "t", "x", "y", "z")
LABEL_COLUMNS = ("device", "session", "start", "end", "activity", "said_at")
UNKNOWN_MODEL = "unknown"
_NO_USER = ""


class CollectedSource(Source):
    """A folder with ``samples/`` and ``labels/``.

    The user of a session is taken from its samples, else from its labels, else it is the device's name.

    Parameters
    ----------
    path : Path
        The folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def parts(self) -> Iterator[Part]:
        """Read the files of samples in the order of their names, joined with the labels."""
        yield from self.parts_of(self.sample_files())

    def sample_files(self) -> list[Path]:
        """Return the files of samples, in the order of their names or of the table's log.

        Raises
        ------
        RecordingError
            If there are none.
        """
        folder = self.path / "samples"
        if not has_log(folder):
            return parquet_files(folder)
        if files := current_files(folder):
            return files
        raise RecordingError(f"{folder} has no rows yet")

    def parts_of(self, files: Sequence[Path]) -> Iterator[Part]:
        """Read files of samples, joined with all labels.

        Raises
        ------
        RecordingError
            See `parts`.
        """
        table = read_labels(self.path / "labels")
        for file in files:
            names = read_schema(file).names
            try:
                require_columns(names, SAMPLE_COLUMNS, "samples")
            except RecordingError as error:
                raise RecordingError(f"{file}: {error}") from error
            columns = [*SAMPLE_COLUMNS, *(name for name in ("user", "model") if name in names)]
            first_row = 0
            for batch in read_batches(file, columns):
                yield _joined(batch, table, file, first_row)
                first_row += batch.num_rows

    def remarks(self) -> list[str]:
        """Return a sentence for each session whose labels name several wearers. None of its labels is used."""
        return [
            f"the labels of session {session} of {device} name several users ({', '.join(users)}), so none of them is "
            "used: begin a new session for each wearer"
            for device, session, users in read_labels(self.path / "labels").contested()
        ]

    def understood(self) -> list[str]:
        """Return the format, the axes and the times."""
        return ["format collected by this system", "time t in us, axes x, y, z in m/s²"]

    def provenance(self) -> list[TrainingData]:
        """Return one entry that names this system and the folder."""
        return [TrainingData("recorded by this system", "not stated: its wearers' own", self.path.name)]


def read_labels(folder: Path) -> LabelTable:
    """Read the labels of all sessions.

    Parameters
    ----------
    folder : Path
        Folder of Parquet files with `LABEL_COLUMNS`. It need not exist.

    Raises
    ------
    RecordingError
        If a file cannot be read, lacks a column or a value, or an interval ends before it starts. The message names the
        file and the row.
    """
    table = LabelTable()
    for file in _label_files(folder):
        names = read_schema(file).names
        try:
            require_columns(names, LABEL_COLUMNS, "labels")
        except RecordingError as error:
            raise RecordingError(f"{file}: {error}") from error
        columns = [*LABEL_COLUMNS, *(["user"] if "user" in names else [])]
        first_row = 0
        for batch in read_batches(file, columns):
            for row, values in enumerate(batch.to_pylist(), first_row):
                try:
                    table.add(Label.of_row(values))
                except (RecordingError, TypeError, ValueError) as error:
                    raise RecordingError(f"{file}: row {row}: {error}") from error
            first_row += batch.num_rows
    return table


def _label_files(folder: Path) -> Sequence[Path]:
    if has_log(folder):
        return current_files(folder)
    return parquet_files(folder) if folder.exists() and any(folder.rglob("*.parquet")) else ()


def _joined(batch: pa.Table, table: LabelTable, file: Path, first_row: int) -> Part:
    part = make_part(_completed(batch), file, first_row)
    devices, sessions, users = part.coded("device"), part.coded("session"), part.coded("user")
    labels = np.full(len(part), NULL_LABEL, object)
    wearers = users.texts[users.codes].astype(object)
    for rows in groups_of_rows(devices, sessions):
        device, session = (str(key.texts[key.codes[rows[0]]]) for key in (devices, sessions))
        labels[rows] = table.labels(device, session, part.times()[rows])
        unnamed = rows[wearers[rows] == _NO_USER]
        wearers[unnamed] = table.user(device, session) or device
    return part.with_texts("gt", labels).with_texts("user", wearers)


def _completed(batch: pa.Table) -> pa.Table:
    columns: dict[str, AnyColumn] = {name: batch[name] for name in SAMPLE_COLUMNS}
    for name, otherwise in (("user", _NO_USER), ("model", UNKNOWN_MODEL)):
        if name in batch.column_names:
            columns[name] = cast(AnyColumn, pc.fill_null(batch[name].cast(pa.string()), pa.scalar(otherwise)))
        else:
            columns[name] = constant_texts(otherwise, len(batch))
    return make_table({**columns, "gt": constant_texts(NULL_LABEL, len(batch))})
