"""Read HHAR as published: `Phones_accelerometer.csv` in a folder or an archive, beside files of other sensors."""

import re
from pathlib import Path

from har.releases import TrainingData
from recording_files.column_options import NOTHING_STATED, ColumnOptions
from recording_files.data_sets import data_sets_of_devices
from recording_files.formats.text_tables import TextSource

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

    names = FILE_NAME

    def __init__(self, path: Path, options: ColumnOptions = NOTHING_STATED) -> None:
        super().__init__(path, options)

    def provenance(self) -> list[TrainingData]:
        """Return HHAR's name, licence and source."""
        return data_sets_of_devices(["nexus4_1"])
