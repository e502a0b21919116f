"""The interface of a data set."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from pathlib import Path

from har.releases import TrainingData
from recording_files.column_options import NOTHING_STATED, ColumnOptions
from recording_files.table import Part


class Source(ABC):
    """A data set: a table in `recording_files.SCHEMA`, and its provenance.

    Attributes
    ----------
    path : Path
        File or folder of the data set.
    rate_hz : float or None
        Stated sample rate of all its phones, Hz; None if none is stated.
    options : ColumnOptions
        What the person stated about its columns.
    """

    path: Path
    rate_hz: float | None = None
    options: ColumnOptions = NOTHING_STATED

    @abstractmethod
    def parts(self) -> Iterator[Part]:
        """Read the table, part by part, in the order of its files.

        Yields
        ------
        Part
            Parts with at most `recording_files.table.PART_ROWS` rows.

        Raises
        ------
        RecordingError
            If a file cannot be read or is invalid. The message names the file and, if possible, the row.
        """

    def understood(self) -> list[str]:
        """Return what was understood of its form: its format, the columns, units and times, in sentences."""
        return []

    def remarks(self) -> list[str]:
        """Return what is left out of the table and why, in sentences.

        Raises
        ------
        RecordingError
            If a file cannot be read.
        """
        return []

    @abstractmethod
    def provenance(self) -> list[TrainingData]:
        """Return the name, licence and source of the data sets that the recordings are from.

        Raises
        ------
        RecordingError
            If a file cannot be read.
        """


def provenance_of(sources: Iterable[Source]) -> list[TrainingData]:
    """Return the provenance of sources in their order, each data set once.

    Raises
    ------
    RecordingError
        If a file cannot be read.
    """
    return list(dict.fromkeys(data for source in sources for data in source.provenance()))


def remarks_of(sources: Iterable[Source]) -> list[str]:
    """Return the remarks of sources in their order, with the names of the data sets.

    Raises
    ------
    RecordingError
        If a file cannot be read.
    """
    return [f"{source.path.name}: {remark}" for source in sources for remark in source.remarks()]
