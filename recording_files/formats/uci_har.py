"""Read UCI HAR: the total acceleration of its inertial signals, put together again from windows that overlap by half.

*Human Activity Recognition Using Smartphones* (Anguita, Ghio, Oneto, Parra and Reyes-Ortiz, "A public domain dataset
for human activity recognition using smartphones", ESANN 2013): 30 people with a Samsung Galaxy S II at the waist.
`train/Inertial Signals/total_acc_x_train.txt` has a window of 128 readings in each line, in g, at 50 Hz;
`train/subject_train.txt` and `train/y_train.txt` have its person and its activity, 1 to 6. `test` has the same.

The publishers filtered the signals (a median filter and a low pass at 20 Hz). HAPT has the same people's raw signals.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from har.activity_names import NULL_LABEL
from har.recordings import RecordingError
from har.releases import TrainingData
from recording_files.formats.hapt import ACTIVITIES, DEVICE, MODEL, RATE_HZ
from recording_files.formats.number_tables import read_numbers
from recording_files.layout import STANDARD_GRAVITY
from recording_files.source import Source
from recording_files.stored_files import StoredFile, stored_files
from recording_files.table import Part, constant_texts, make_part, make_table

FILE_NAME = re.compile(r"(total_acc_[xyz]|subject|y)_(train|test)\.txt")
_READINGS, _HALF = 128, 64
_CLASSES = 6


class UciHarSource(Source):
    """UCI HAR's inertial signals. Users are ``u01`` to ``u30``; a session ends where windows do not overlap.

    Parameters
    ----------
    path : Path
        The published archive, or a folder that contains ``train`` or ``test``.
    """

    rate_hz = RATE_HZ

    def __init__(self, path: Path) -> None:
        self.path = path

    def parts(self) -> Iterator[Part]:
        """Read the two splits, one part each."""
        with stored_files(self.path, FILE_NAME) as files:
            for split in ("train", "test"):
                if f"total_acc_x_{split}.txt" in files:
                    yield _read_split(files, split, self.path)

    def understood(self) -> list[str]:
        """Return the format, the axes and the times."""
        return [
            "format UCI HAR, inertial signals, which its publishers filtered (median and 20 Hz low pass)",
            "axes total_acc_x, total_acc_y, total_acc_z in g",
            f"time row number / {RATE_HZ:g} Hz in windows that are put together again",
        ]

    def provenance(self) -> list[TrainingData]:
        """Return UCI HAR's name, licence and source."""
        return [
            TrainingData(
                "UCI HAR (Human Activity Recognition Using Smartphones), filtered inertial signals",
                "the data set's README forbids commercial use",
                "Anguita et al., UCI Machine Learning Repository, 2013",
            )
        ]


def _read_split(files: Mapping[str, StoredFile], split: str, path: Path) -> Part:
    needed = [f"total_acc_{axis}_{split}.txt" for axis in "xyz"] + [f"subject_{split}.txt", f"y_{split}.txt"]
    missing = [name for name in needed if name not in files]
    if missing:
        raise RecordingError(f"{path} lacks {', '.join(missing)} of UCI HAR")
    windows = np.stack([read_numbers(files[name], _READINGS, np.float64) for name in needed[:3]], axis=-1)
    people, labels = (read_numbers(files[name], 1, np.int64)[:, 0] for name in needed[3:])
    for name, column in zip(needed[3:], (people, labels), strict=True):
        if len(column) != len(windows):
            raise RecordingError(f"{files[name].place} has {len(column)} rows for {len(windows)} windows")
    wrong = (labels < 1) | (labels > _CLASSES)
    if wrong.any():
        raise RecordingError(f"{files[needed[4]].place}: row {int(wrong.argmax())} is no activity from 1 to {_CLASSES}")
    return _joined(windows, people, labels, split, files[needed[0]].place)


def _joined(
    windows: NDArray[np.float64], people: NDArray[np.int64], labels: NDArray[np.int64], split: str, place: Path
) -> Part:
    """Put windows together: the first half of a window is left out if it is the second half of the one before."""
    follows = np.zeros(len(windows), bool)
    follows[1:] = (people[1:] == people[:-1]) & (windows[1:, :_HALF] == windows[:-1, _HALF:]).all(axis=(1, 2))
    kept = np.repeat(~follows, _READINGS).reshape(-1, _READINGS)
    kept[:, _HALF:] = True
    codes = np.repeat(labels, _READINGS).reshape(-1, _READINGS)
    # A half that two windows share has their activity if they agree on it.
    disagrees = np.append(follows[1:] & (labels[1:] != labels[:-1]), False)
    codes[disagrees, _HALF:] = 0
    session = np.cumsum(~follows) - 1
    first = np.flatnonzero(~follows)
    lengths = kept.sum(axis=1)
    of_session = np.repeat(session, lengths)
    begins = np.concatenate([[0], np.cumsum(lengths)])[first]
    times = np.arange(int(lengths.sum())) - begins[of_session]
    axes = (windows[kept] * STANDARD_GRAVITY).astype(np.float32)
    names = np.array([f"{split}{number:04}" for number in first])
    users, of_user = np.unique(people, return_inverse=True)
    count = len(axes)
    table = make_table(
        {
            "user": pa.DictionaryArray.from_arrays(
                np.repeat(of_user, lengths).astype(np.int32), np.array([f"u{user:02}" for user in users])
            ),
            "device": constant_texts(DEVICE, count),
            "model": constant_texts(MODEL, count),
            "session": pa.DictionaryArray.from_arrays(of_session.astype(np.int32), names),
            "t": pa.array(times / RATE_HZ),
            **{name: pa.array(axes[:, number]) for number, name in enumerate("xyz")},
            "gt": pa.DictionaryArray.from_arrays(
                codes[kept].astype(np.int32), np.array([NULL_LABEL, *ACTIVITIES[:_CLASSES]])
            ),
        }
    )
    return make_part(table, place)
