"""Exports of Sensor Logger as JSON, read as the tables of its export as CSV.

The file is a list of objects, one for each reading: ``{"sensor": "TotalAcceleration", "time": "1777636800000000000",
"seconds_elapsed": "0.02", "z": "0.3", "y": "9.8", "x": "0.1"}``. The metadata is an object, too.
"""

import csv
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import msgspec

from har.recordings import RecordingError
from har.samples import UNDECODABLE
from recording_files.stored_files import StoredFile

#: Largest file, bytes: about four hours of readings at 100 Hz. It is read into memory as a whole.
MOST_BYTES = 256 << 20
_SENSORS = (
    "TotalAcceleration",
    "AccelerometerUncalibrated",
    "Accelerometer",
    "Gravity",
    "Annotation",
    "Metadata",
)


def is_json_export(head: bytes) -> bool:
    """Return whether a file begins like an export as JSON."""
    return head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"[") and b'"sensor"' in head


def tables_of_json(file: StoredFile) -> dict[str, StoredFile]:
    """Return the tables of an export by the names that they have in an export as CSV.

    Raises
    ------
    RecordingError
        If the file is too large or is not JSON.
    """
    content = file.read(MOST_BYTES)
    try:
        objects = msgspec.json.decode(content.removeprefix(b"\xef\xbb\xbf"), type=list[dict[str, str | float | None]])
    except UNDECODABLE as error:
        raise RecordingError(f"{file.place} is no export of Sensor Logger: {error}") from error
    by_sensor: dict[str, list[dict[str, str | float | None]]] = {}
    for each in objects:
        if each.get("sensor") in _SENSORS:
            by_sensor.setdefault(str(each["sensor"]), []).append(each)
    return {f"{sensor}.csv": _table(file.place / f"{sensor}.csv", rows) for sensor, rows in by_sensor.items()}


def _table(place: Path, rows: list[dict[str, str | float | None]]) -> StoredFile:
    text = io.StringIO()
    names = list(dict.fromkeys(name for row in rows for name in row if name != "sensor"))
    table = csv.DictWriter(text, names, extrasaction="ignore", lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    content = text.getvalue().encode()

    @contextmanager
    def opened() -> Iterator[IO[bytes]]:
        yield io.BytesIO(content)

    return StoredFile(place, opened)
