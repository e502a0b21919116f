"""Exports of Sensor Logger (Kelvin Choi) as CSV, a zip archive or a folder for each recording, or as JSON, a file.

Each sensor has a table with ``time`` (ns since 1970), ``seconds_elapsed``, and its axes in the order z, y, x. They look
alike, so only their names tell the sensors apart. In order of preference:

1. ``TotalAcceleration.csv``: gravity included, in m/s².
2. ``AccelerometerUncalibrated.csv``: gravity included; in g on an iPhone, unless the app standardises the units.
3. ``Accelerometer.csv`` and ``Gravity.csv``: added, in m/s². Gravity changes slowly, so it is interpolated to the times
   of the accelerometer.

An iPhone's signs are the opposite of Android's, unless the app standardises them: ``Metadata.csv`` states the platform
and whether it does. ``Annotation.csv`` holds what the wearer typed: an activity lasts until the next annotation.
"""

import csv
import io
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from har.activity_names import NULL_LABEL, accepted_activity, listed
from har.recordings import RecordingError
from har.rejections import RejectedMessage
from har.releases import TrainingData
from recording_files.formats.sensor_logger_json import is_json_export, tables_of_json
from recording_files.layout import Layout, TimeColumn, TimeUnit, Unit
from recording_files.source import Source
from recording_files.stored_files import DAMAGED, StoredFile, all_stored_files, stored_trees
from recording_files.table import SCHEMA, Part
from recording_files.table_head import read_head
from recording_files.text_reading import LeftOut, read_text

FILE_NAME = re.compile(r"(TotalAcceleration|AccelerometerUncalibrated|Accelerometer|Gravity|Annotation|Metadata)\.csv")
_TOTAL, _UNCALIBRATED, _ACCELEROMETER = "TotalAcceleration.csv", "AccelerometerUncalibrated.csv", "Accelerometer.csv"
_GRAVITY, _ANNOTATIONS, _METADATA = "Gravity.csv", "Annotation.csv", "Metadata.csv"
_COLUMNS = ("time", "z", "y", "x")
#: Texts that end an activity, besides those that stand for none.
_ENDS = ("stop", "end")
#: Bytes by which an export as JSON is recognised.
_HEAD_BYTES = 4_096
#: Largest size of the annotations and of the metadata, bytes.
_SMALL_BYTES = 16 << 20


@dataclass(frozen=True)
class _Recording:
    """The files of one recording, and what its metadata states."""

    name: str
    files: Mapping[str, StoredFile]
    device: str
    model: str
    is_inverted: bool

    @property
    def sensor(self) -> str:
        return next(name for name in (_TOTAL, _UNCALIBRATED, _ACCELEROMETER) if name in self.files)


class SensorLoggerSource(Source):
    """Recordings of Sensor Logger.

    Parameters
    ----------
    path : Path
        An export, or a folder or archive with several.

    Raises
    ------
    RecordingError
        If an export has no accelerometer with gravity.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._left_out: dict[Path, LeftOut] = {}
        with _exports(path) as trees:
            self._understood = [_recording(name, files).sensor for name, files in trees.items()]

    def parts(self) -> Iterator[Part]:
        """Read the recordings in the order of their names."""
        with _exports(self.path) as trees:
            for name, files in trees.items():
                recording = _recording(name, files)
                left_out = self._left_out[recording.files[recording.sensor].place] = LeftOut()
                yield from _parts(recording, left_out)

    def remarks(self) -> list[str]:
        """Name the files that belong to no export, and count the rows that were left out when it was read last."""
        with all_stored_files(self.path) as files:
            places = [file.place for file in files if file.place != self.path]
        exports = {place.parent for place in places if FILE_NAME.fullmatch(place.name)}
        others = [str(place.relative_to(self.path)) for place in places if place.parent not in exports]
        cut = [
            f"left out of {place.relative_to(self.path)}: {text}"
            for place, left_out in self._left_out.items()
            if (text := left_out.describe())
        ]
        if not others:
            return cut
        named = f"left out, as the folder is read as exports of Sensor Logger: {listed(others)}"
        return [f"{named}. Pass other recordings by themselves", *cut]

    def provenance(self) -> list[TrainingData]:
        """Return that the wearers recorded the data themselves."""
        return [TrainingData("recorded with Sensor Logger", "not stated: its wearers' own", self.path.name)]

    def understood(self) -> list[str]:
        """Return what was understood of the export, in sentences."""
        return ["format Sensor Logger", f"axes of {', '.join(sorted(set(self._understood)))}", "time time in ns"]


@contextmanager
def _exports(path: Path) -> Iterator[dict[str, dict[str, StoredFile]]]:
    """Find the recordings of exports as CSV, or of an export as JSON, by their names: tables by name."""
    if path.is_file() and is_json(path):
        with all_stored_files(path) as (file,):
            yield {path.stem: tables_of_json(file)}
    else:
        with stored_trees(path, FILE_NAME) as trees:
            yield trees


def is_json(path: Path) -> bool:
    """Return whether a file is an export as JSON."""
    try:
        with all_stored_files(path) as files, files[0].open() as opened:
            return is_json_export(opened.read(_HEAD_BYTES))
    except DAMAGED:  # who reads the file says so
        return False


def is_export(names: Mapping[str, StoredFile]) -> bool:
    """Return whether files with these names are an export: one of them has the app's columns."""
    for name in (_TOTAL, _UNCALIBRATED, _ACCELEROMETER):
        if name in names:
            file = names[name]
            with file.open() as opened:
                return read_head(opened, file.place).has(*_COLUMNS, "seconds_elapsed")
    return False


def _recording(name: str, files: Mapping[str, StoredFile]) -> _Recording:
    if not files:
        raise RecordingError(f"{name} of Sensor Logger has no accelerometer: switch it on in the app and record again")
    place = next(iter(files.values())).place.parent
    has_gravity = {_TOTAL, _UNCALIBRATED} & set(files) or {_ACCELEROMETER, _GRAVITY} <= set(files)
    if not has_gravity:
        raise RecordingError(
            f"{place}: Accelerometer.csv of Sensor Logger lacks gravity, and Gravity.csv is missing: switch on Gravity "
            "(on Android, Total Acceleration) in the app and record again"
        )
    stated = _stated(files)
    is_iphone = stated.get("platform", "").lower() == "ios"
    is_standardised = stated.get("standardisation", "").lower() == "true"
    return _Recording(
        name=name,
        files=files,
        device=stated.get("device id") or stated.get("device name") or "phone",
        model=stated.get("device name") or "unknown",
        is_inverted=is_iphone and not is_standardised,
    )


def _stated(files: Mapping[str, StoredFile]) -> dict[str, str]:
    rows = _small_table(files.get(_METADATA))
    return rows[0] if rows else {}


def _small_table(file: StoredFile | None) -> list[dict[str, str]]:
    if file is None:
        return []
    text = file.read(_SMALL_BYTES).decode("utf-8-sig", "replace")
    return [{key: value for key, value in row.items() if key and value} for row in csv.DictReader(io.StringIO(text))]


def _parts(recording: _Recording, left_out: LeftOut) -> Iterator[Part]:
    annotations = _annotations(recording.files.get(_ANNOTATIONS))
    gravity = _gravity(recording) if recording.sensor == _ACCELEROMETER else None
    for part in _read(recording, recording.sensor, left_out):
        table = part.table
        if gravity is not None:
            axes = part.axes() + np.stack([np.interp(part.times(), gravity[0], axis) for axis in gravity[1].T], axis=1)
            for place, name in enumerate("xyz"):
                column = pa.array(axes[:, place].astype(np.float32))
                table = table.set_column(SCHEMA.get_field_index(name), name, column)
        labels = _labels_at(part.times(), annotations)
        yield Part(table, part.file, part.first_row).with_texts("gt", labels)


def _read(recording: _Recording, sensor: str, left_out: LeftOut | None = None) -> Iterator[Part]:
    file = recording.files[sensor]
    with file.open() as opened:
        head = read_head(opened, file.place)
    if not head.has(*_COLUMNS):
        raise RecordingError(f"{file.place} has not the columns of Sensor Logger: {', '.join(_COLUMNS)}")
    unit = Unit.METRES
    if sensor == _UNCALIBRATED:
        unit = head.unit_by_magnitude(("x", "y", "z")) or Unit.METRES
    layout = Layout(
        format="Sensor Logger",
        axes=("x", "y", "z"),
        unit=unit,
        is_inverted=recording.is_inverted,
        time=TimeColumn("time", TimeUnit.NANOSECONDS, is_whole=True),
        constants={"user": recording.device, "device": recording.device, "model": recording.model}
        | {"session": recording.name},
    )
    with file.open() as opened:
        yield from read_text(opened, file.place, head.form, layout, left_out=left_out)


def _gravity(recording: _Recording) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    parts = list(_read(recording, _GRAVITY))
    times = np.concatenate([part.times() for part in parts])
    order = np.argsort(times, kind="stable")
    return times[order], np.concatenate([part.axes() for part in parts])[order]


def _annotations(file: StoredFile | None) -> list[tuple[int, str]]:
    """Return the times, µs, from which an activity is annotated, in their order."""
    found: list[tuple[int, str]] = []
    for row in _small_table(file):
        text, time = row.get("text", "").strip(), row.get("time", "")
        if not time.isdigit():
            continue
        if text.lower() in _ENDS:
            found.append((int(time) // 1_000, NULL_LABEL))
            continue
        try:
            found.append((int(time) // 1_000, accepted_activity(text)))
        except RejectedMessage:
            continue  # a tap without a text, or a remark, changes no activity
    return sorted(found)


def _labels_at(times: NDArray[np.int64], annotations: list[tuple[int, str]]) -> NDArray[np.object_]:
    names = np.array([NULL_LABEL, *(name for _, name in annotations)], object)
    starts = np.array([start for start, _ in annotations], np.int64)
    return names[np.searchsorted(starts, times, side="right")]
