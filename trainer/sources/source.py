"""What a data set is to those who read it."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from pathlib import Path

from har.releases import TrainingData
from trainer.sources.table import Part


class Source(ABC):
    """A data set: a table in `trainer.sources.SCHEMA`, and where it is from.

    Attributes
    ----------
    path : Path
        What it is read from.
    rate_hz : float or None
        The sampling rate that it states of all its phones, if it states one.
    """

    path: Path
    rate_hz: float | None = None

    @abstractmethod
    def parts(self) -> Iterator[Part]:
        """Read the table, part by part, in the order of its files.

        Yields
        ------
        Part
            At most `trainer.sources.table.PART_ROWS` rows each.

        Raises
        ------
        RecordingError
            If a file cannot be read or is not what it should be; the text names the file, and the row where it can.
        """

    @abstractmethod
    def provenance(self) -> list[TrainingData]:
        """Say which data sets the recordings are from: name, licence and source.

        Raises
        ------
        RecordingError
            If that stands in a file that cannot be read.
        """


def provenance_of(sources: Iterable[Source]) -> list[TrainingData]:
    """Return the provenance of several sources, in their order, each data set once.

    Raises
    ------
    RecordingError
        If one stands in a file that cannot be read.
    """
    return list(dict.fromkeys(data for source in sources for data in source.provenance()))
