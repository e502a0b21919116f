"""The public data sets that can be fetched, and checks that they are complete."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from har.recordings import RecordingError
from har.releases import TrainingData
from recording_files.finding import find_source
from recording_files.formats.hapt import FILE_NAME as HAPT_FILE
from recording_files.formats.hhar import FILE_NAME as HHAR_FILE
from recording_files.source import Source
from recording_files.stored_files import is_archive, stored_files
from recording_files.table import Part


@dataclass(frozen=True)
class PublishedDataSet:
    """A data set in a public archive.

    Attributes
    ----------
    name : str
        Name in `har data fetch`.
    url : str
        URL of its archive.
    files : re.Pattern
        Pattern for the names of the files that are read.
    users, devices : int
        Number of its users and devices.
    fewest_readings : int
        Lower bound for the number of its readings.
    """

    name: str
    url: str
    files: re.Pattern[str]
    users: int
    devices: int
    fewest_readings: int = 1


_UCI = "https://archive.ics.uci.edu/static/public"
PUBLISHED = {
    data_set.name: data_set
    for data_set in (
        PublishedDataSet(
            "hhar",
            f"{_UCI}/344/heterogeneity+activity+recognition.zip",
            HHAR_FILE,
            users=9,
            devices=8,
            fewest_readings=13_000_000,
        ),
        PublishedDataSet(
            "hapt",
            f"{_UCI}/341/smartphone+based+recognition+of+human+activities+and+postural+transitions.zip",
            HAPT_FILE,
            users=30,
            devices=1,
            fewest_readings=1_000_000,
        ),
    )
}


class PublishedSource(Source):
    """The archive of a published data set, which must be complete.

    Parameters
    ----------
    archive : Path
        The downloaded archive.
    data_set : PublishedDataSet
        The expected data set.

    Raises
    ------
    RecordingError
        If it is not a zip archive, or does not contain the expected files.
    """

    def __init__(self, archive: Path, data_set: PublishedDataSet) -> None:
        self.path = archive
        self.data_set = data_set
        if not is_archive(archive):
            raise RecordingError(f"{archive} cannot be read: it is not a zip file")
        with stored_files(archive, data_set.files) as files:
            if not files:
                raise RecordingError(f"{archive} does not contain the files of {data_set.name}")
        self._source = find_source(archive)
        self.rate_hz = self._source.rate_hz

    def parts(self) -> Iterator[Part]:
        """Read the archive. After the last part, raise if users, phones or readings are missing."""
        users: set[str] = set()
        devices: set[str] = set()
        readings = 0
        for part in self._source.parts():
            users.update(part.coded("user").texts.tolist())
            devices.update(part.coded("device").texts.tolist())
            readings += len(part)
            yield part
        if (len(users), len(devices)) != (self.data_set.users, self.data_set.devices):
            raise RecordingError(
                f"{self.path} has {len(users)} users and {len(devices)} phones; {self.data_set.name} has "
                f"{self.data_set.users} and {self.data_set.devices}: it is not the complete published data set"
            )
        if readings < self.data_set.fewest_readings:
            raise RecordingError(
                f"{self.path} has {readings:,} readings; {self.data_set.name} has more than "
                f"{self.data_set.fewest_readings:,}: it is not the complete published data set"
            )

    def provenance(self) -> list[TrainingData]:
        """Return the data set's name, licence and source."""
        return self._source.provenance()
