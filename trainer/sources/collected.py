"""What the system itself recorded: readings, and what the wearers said they were doing, joined.

A collected folder holds two tables, each as any number of Parquet files in any folders below:

- ``samples/``: a row a reading, ``device, session, sequence, t, x, y, z`` (`t` in µs since the epoch, by the phone's
  clock; m/s², gravity included); optionally ``user`` and ``model``;
- ``labels/``: a row a label, ``device, session, start, end, activity, said_at`` (µs; `end` does not belong to it,
  and where it is missing the activity goes on); optionally ``user``.

Where a table has a log (Delta Lake, which the archiver writes), the files count that the log says.

A reading has the label of the interval that it lies in; where several do, of the one that was said last; where none
does, ``null``. How labels are ended, corrected and taken back is said in `har.labels`. Rows may be
repeated (delivery is at least once): windows are cut from each reading once.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from har.activity_names import meant_label
from har.labels import Label, LabelTable
from har.recordings import NULL_LABEL, RecordingError, groups_of_rows, require_columns
from har.releases import TrainingData
from trainer.sources.parquet import parquet_files, read_batches, read_schema
from trainer.sources.source import Source
from trainer.sources.table import AnyColumn, Part, constant_texts, make_part, make_table
from trainer.sources.table_log import counting_files, has_log

SAMPLE_COLUMNS = ("device", "session", "t", "x", "y", "z")
LABEL_COLUMNS = ("device", "session", "start", "end", "activity", "said_at")
UNKNOWN_MODEL = "unknown"
_NOT_SAID = ""


class CollectedSource(Source):
    """A folder with ``samples/`` and ``labels/``.

    The user of a session is what its samples say, or its labels, or else the device's name.

    Parameters
    ----------
    path : Path
        The folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def parts(self) -> Iterator[Part]:
        """Read the samples' files in the order of their names, labels joined."""
        yield from self.parts_of(self.sample_files())

    def sample_files(self) -> list[Path]:
        """Return the samples' files in the order of their names.

        Raises
        ------
        RecordingError
            If there is none.
        """
        folder = self.path / "samples"
        if not has_log(folder):
            return parquet_files(folder)
        if files := counting_files(folder):
            return files
        raise RecordingError(f"{folder} has no rows yet")

    def parts_of(self, files: Sequence[Path]) -> Iterator[Part]:
        """Read some of the samples' files, joined with all labels.

        Raises
        ------
        RecordingError
            As `parts`.
        """
        said = read_labels(self.path / "labels")
        for file in files:
            names = read_schema(file).names
            try:
                require_columns(names, SAMPLE_COLUMNS, "samples")
            except RecordingError as error:
                raise RecordingError(f"{file}: {error}") from error
            columns = [*SAMPLE_COLUMNS, *(name for name in ("user", "model") if name in names)]
            first_row = 0
            for batch in read_batches(file, columns):
                yield _joined(batch, said, file, first_row)
                first_row += batch.num_rows

    def provenance(self) -> list[TrainingData]:
        """Say that it was recorded here."""
        return [TrainingData("recorded by this system", "not stated: its wearers' own", self.path.name)]


def read_labels(folder: Path) -> LabelTable:
    """Read what wearers said, by session.

    Parameters
    ----------
    folder : Path
        Of Parquet files with `LABEL_COLUMNS`; it need not exist.

    Raises
    ------
    RecordingError
        If a file cannot be read, lacks a column or a value, an interval ends before it starts, or a label that still
        counts is a known one by another name. The text names the file and the row.
    """
    said = LabelTable()
    renamed: list[tuple[Path, int, Label]] = []
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
                    label = Label.of_row(values)
                    said.add(label)
                except (RecordingError, TypeError, ValueError) as error:
                    raise RecordingError(f"{file}: row {row}: {error}") from error
                if meant_label(label.activity) is not None:
                    renamed.append((file, row, label))
            first_row += batch.num_rows
    _reject_renamed(renamed, said)
    return said


def _label_files(folder: Path) -> Sequence[Path]:
    if has_log(folder):
        return counting_files(folder)
    return parquet_files(folder) if folder.exists() and any(folder.rglob("*.parquet")) else ()


def _reject_renamed(renamed: Sequence[tuple[Path, int, Label]], said: LabelTable) -> None:
    for file, row, label in renamed:
        if said.counts(label):  # one that was corrected since does no harm
            raise RecordingError(
                f"{file}: unknown label {label.activity!r}, row {row}: is it {meant_label(label.activity)!r}? "
                f"Correct it there, or say it again for session {label.session} of {label.device} with the "
                f"same start, {label.start}"
            )


def _joined(batch: pa.Table, said: LabelTable, file: Path, first_row: int) -> Part:
    part = make_part(_completed(batch), file, first_row)
    devices, sessions, users = part.coded("device"), part.coded("session"), part.coded("user")
    labels = np.full(len(part), NULL_LABEL, object)
    wearers = users.texts[users.codes].astype(object)
    for rows in groups_of_rows(devices, sessions):
        device, session = (str(key.texts[key.codes[rows[0]]]) for key in (devices, sessions))
        labels[rows] = said.labels(device, session, part.times()[rows])
        unnamed = rows[wearers[rows] == _NOT_SAID]
        wearers[unnamed] = said.user(device, session) or device
    return part.with_texts("gt", labels).with_texts("user", wearers)


def _completed(batch: pa.Table) -> pa.Table:
    columns: dict[str, AnyColumn] = {name: batch[name] for name in SAMPLE_COLUMNS}
    for name, otherwise in (("user", _NOT_SAID), ("model", UNKNOWN_MODEL)):
        if name in batch.column_names:
            columns[name] = cast(AnyColumn, pc.fill_null(batch[name].cast(pa.string()), pa.scalar(otherwise)))
        else:
            columns[name] = constant_texts(otherwise, len(batch))
    return make_table({**columns, "gt": constant_texts(NULL_LABEL, len(batch))})
