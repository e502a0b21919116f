"""Read HHAR as published: `Phones_accelerometer.csv` in a folder or an archive, beside files of other sensors."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from har.releases import TrainingData
from recording_files.data_sets import data_sets_of_devices
from recording_files.formats.text_tables import TextSource
from recording_files.stored_files import StoredFile, stored_files

FILE_NAME = re.compile(r"Phones_accelerometer.*\.csv")


class HharSource(TextSource):
    """The phones of HHAR. `har.hhar` describes its clocks.

    Parameters
    ----------
    path : Path
        A folder or zip archive that contains the table.
    options : ColumnOptions
        What the person stated about its columns.
    """

    def provenance(self) -> list[TrainingData]:
        """Return HHAR's name, licence and source."""
        return data_sets_of_devices(["nexus4_1"])

    @contextmanager
    def _files(self) -> Iterator[list[StoredFile]]:
        """Find the phones' table."""
        with stored_files(self.path, FILE_NAME) as files:
            yield list(files.values())
