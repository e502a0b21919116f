"""Read HAPT: the raw accelerometer files and labels of the published archive.

*Smartphone-Based Recognition of Human Activities and Postural Transitions* (Reyes-Ortiz, Oneto, Samà, Parra and
Anguita, "Transition-Aware Human Activity Recognition Using Smartphones", Neurocomputing 171, 2016): 30 people with a
Samsung Galaxy S II at the waist. `RawData/acc_exp01_user01.txt` has one reading per line, in g, at 50 Hz, without
times. `RawData/labels.txt` has one interval per line: experiment, user, activity, first and last reading, from 1.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from har.activity_names import NULL_LABEL
from har.recordings import RecordingError
from har.releases import TrainingData
from recording_files.data_sets import data_sets_of_devices
from recording_files.formats.number_tables import read_numbers
from recording_files.layout import STANDARD_GRAVITY
from recording_files.source import Source
from recording_files.stored_files import StoredFile, stored_files
from recording_files.table import Part, constant_texts, make_part, make_table

DEVICE, MODEL = "galaxy_s2", "Samsung Galaxy S II"
RATE_HZ = 50.0
#: This project's names of the data set's activities 1 to 12.
ACTIVITIES = (
    "walk", "stairsup", "stairsdown", "sit", "stand", "lie",
    "stand_to_sit", "sit_to_stand", "sit_to_lie", "lie_to_sit", "stand_to_lie", "lie_to_stand",
)  # fmt: skip
FILE_NAME = re.compile(r"labels\.txt|acc_exp(\d+)_user(\d+)\.txt")
_LABEL_COLUMNS = 5


class HaptSource(Source):
    """HAPT's raw accelerometer data. Sessions are the experiments ``e01`` to ``e61``, users are ``u01`` to ``u30``.

    Parameters
    ----------
    path : Path
        The published archive, or a folder that contains its ``RawData``.
    """

    rate_hz = RATE_HZ

    def __init__(self, path: Path) -> None:
        self.path = path

    def parts(self) -> Iterator[Part]:
        """Read the experiments in order, one part each."""
        with stored_files(self.path, FILE_NAME) as files:
            labels = files.pop("labels.txt", None)
            if labels is None or not files:
                raise RecordingError(f"{self.path} lacks RawData/labels.txt or acc_expNN_userNN.txt beside it")
            intervals = _read_labels(labels)
            readings = {_experiment(name): file for name, file in files.items()}
            _require_matching(set(map(tuple, intervals[:, :2].tolist())), set(readings), labels.place)
            for (experiment, user), file in sorted(readings.items()):
                of_experiment = intervals[(intervals[:, 0] == experiment) & (intervals[:, 1] == user)]
                yield _read_experiment(file, experiment, user, of_experiment, labels.place)

    def understood(self) -> list[str]:
        """Return the format, the axes and the times."""
        return ["format HAPT, raw files", "axes in g, signs as on Android", f"time row number / {RATE_HZ:g} Hz"]

    def provenance(self) -> list[TrainingData]:
        """Return HAPT's name, licence and source."""
        return data_sets_of_devices([DEVICE])


def _experiment(name: str) -> tuple[int, int]:
    found = FILE_NAME.fullmatch(name)
    assert found is not None
    return int(found[1]), int(found[2])


def _read_labels(file: StoredFile) -> NDArray[np.int64]:
    table = read_numbers(file, _LABEL_COLUMNS, np.int64).astype(np.int64)
    activity, first, last = table[:, 2:].T
    for wrong, fault in (
        ((activity < 1) | (activity > len(ACTIVITIES)), "is not a known activity (1 to 12)"),
        ((first < 1) | (last < first), "is not a valid interval"),
    ):
        if wrong.any():
            row = int(wrong.argmax())
            raise RecordingError(f"{file.place}: invalid label: line {row + 1}, {table[row].tolist()}, {fault}")
    return table


def _require_matching(labelled: set[tuple[int, ...]], read: set[tuple[int, int]], place: Path) -> None:
    without_file, without_label = sorted(labelled - read), sorted(read - labelled)
    if without_file:
        experiment, user = without_file[0]
        raise RecordingError(f"{place}: no file acc_exp{experiment:02}_user{user:02}.txt for a label")
    if without_label:
        experiment, user = without_label[0]
        raise RecordingError(f"{place}: no label for acc_exp{experiment:02}_user{user:02}.txt")


def _read_experiment(file: StoredFile, experiment: int, user: int, intervals: NDArray[np.int64], labels: Path) -> Part:
    axes = (read_numbers(file, 3, np.float64).astype(np.float64) * STANDARD_GRAVITY).astype(np.float32)
    count = len(axes)
    codes = np.zeros(count, np.int32)
    for activity, first, last in intervals[:, 2:].tolist():
        if last > count:
            raise RecordingError(
                f"{labels}: a label of experiment {experiment} ends at {last}; it has {count} readings"
            )
        codes[first - 1 : last] = activity
    constant = {"user": f"u{user:02}", "device": DEVICE, "model": MODEL, "session": f"e{experiment:02}"}
    table = make_table(
        {
            **{name: constant_texts(text, count) for name, text in constant.items()},
            "t": pa.array(np.arange(count) / RATE_HZ),
            **{name: pa.array(axes[:, place]) for place, name in enumerate("xyz")},
            "gt": pa.DictionaryArray.from_arrays(codes, np.array([NULL_LABEL, *ACTIVITIES])),
        }
    )
    return make_part(table, file.place)
