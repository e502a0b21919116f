"""Recordings in temporary files, so that any number of them, of any length, can be read again in the order of time.

A data set holds its recordings in any order and in any compression, and can only be read from its beginning. A replay
reads all of them at the same time. So they are written to one file each first: 24 bytes a reading.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import gettempdir

import numpy as np
from numpy.typing import NDArray

from har.assembly import GRACE_US
from har.samples import Axes, Times
from ingest.senders.device_names import RecordingKey
from recording_files.session_pieces import pieces_of
from recording_files.table import Part

_ROW = np.dtype([("t", "<i8"), ("axes", "<f4", 3), ("label", "<i4")])
#: Readings that are copied at a time.
_COPIED = 1 << 16


class SpoolError(OSError):
    """The temporary files cannot be written."""


@dataclass(frozen=True, eq=False)
class SpooledRecording:
    """A recording in a temporary file.

    Attributes
    ----------
    key : RecordingKey
        What it is called.
    times : ndarray of int64, shape (n,)
        Event times, µs, from any origin.
    axes : ndarray of float32, shape (n, 3)
        m/s², gravity included.
    first_us, last_us : int
        The oldest and the newest event time, µs.
    """

    key: RecordingKey
    times: Times
    axes: Axes
    first_us: int
    last_us: int
    _codes: NDArray[np.int32]
    _texts: NDArray[np.str_]

    def __len__(self) -> int:
        """Return the number of readings."""
        return len(self.times)

    @property
    def span_us(self) -> int:
        """From the oldest to the newest reading, µs."""
        return self.last_us - self.first_us

    def labels(self, begin: int, end: int) -> NDArray[np.str_]:
        """Return the ground truth of the readings from `begin` up to `end` (exclusive)."""
        return self._texts[self._codes[begin:end]]


@dataclass
class _Written:
    """What is known of a recording while it is written."""

    path: Path
    count: int = 0
    first_us: int = 0
    last_us: int = 0
    behind_us: int = 0

    def append(self, rows: NDArray[np.void]) -> None:
        times = rows["t"]
        before = [self.last_us] if self.count else []
        newest = np.maximum.accumulate(np.concatenate([np.array(before, np.int64), times]))
        self.behind_us = max(self.behind_us, int((newest[len(before) :] - times).max()))
        self.first_us = min(int(times.min()), self.first_us) if self.count else int(times.min())
        self.last_us = int(newest[-1])
        self.count += len(rows)
        with self.path.open("ab") as file:
            file.write(rows.tobytes())


@dataclass
class Spool:
    """Writes the recordings of data sets to files of a folder, one for each recording.

    Attributes
    ----------
    folder : Path
        An empty folder. It can be removed as soon as `recordings` has returned.
    users : collection of str or None
        The users whose recordings are wanted; None for all.
    most : int or None
        How many recordings are wanted, in order of appearance; None for all.
    seen_users : set of str
        All users of the data sets so far.
    not_finite : int
        Readings that are left out, as they hold NaN or infinity.
    """

    folder: Path
    users: Collection[str] | None = None
    most: int | None = None
    seen_users: set[str] = field(default_factory=set)
    not_finite: int = 0
    _written: dict[RecordingKey, _Written] = field(default_factory=dict)
    _labels: dict[str, int] = field(default_factory=dict)

    def add(self, part: Part, data_set: str = "") -> None:
        """Write the next part of a data set.

        Parameters
        ----------
        part : Part
            The part.
        data_set : str
            What tells recordings from those of the same names in other data sets.

        Raises
        ------
        SpoolError
            If it cannot be written.
        """
        rows = self._rows(part)
        is_finite = np.isfinite(rows["axes"]).all(axis=1)
        for piece in pieces_of(part):
            key = RecordingKey(*piece.names.key, data_set)
            self.seen_users.add(key.user)
            if self._is_wanted(key):
                kept = piece.rows[is_finite[piece.rows]]
                self.not_finite += len(piece.rows) - len(kept)
                self._append(key, rows[kept])

    def recordings(self) -> list[SpooledRecording]:
        """Return the recordings with any reading, in order of appearance.

        One whose readings are out of order by more than the grace is sorted: a phone would not send it so.

        Raises
        ------
        SpoolError
            If a sorted recording cannot be written.
        """
        texts = np.array(list(self._labels) or [""], np.str_)
        return [self._recording(key, written, texts) for key, written in self._written.items() if written.count]

    def unordered(self) -> list[RecordingKey]:
        """Return the recordings that are sorted."""
        return [key for key, written in self._written.items() if written.behind_us > GRACE_US]

    def _is_wanted(self, key: RecordingKey) -> bool:
        if self.users is not None and key.user not in self.users:
            return False
        return key in self._written or self.most is None or len(self._written) < self.most

    def _rows(self, part: Part) -> NDArray[np.void]:
        labels = part.coded("gt")
        codes = np.array([self._labels.setdefault(str(text), len(self._labels)) for text in labels.texts], np.int32)
        rows = np.empty(len(part), _ROW)
        rows["t"], rows["axes"] = part.times(), part.axes()
        rows["label"] = codes[labels.codes] if len(part) else 0
        return rows

    def _append(self, key: RecordingKey, rows: NDArray[np.void]) -> None:
        written = self._written.setdefault(key, _Written(self.folder / f"{len(self._written)}.rows"))
        if len(rows):
            with _explained():
                written.append(rows)

    def _recording(self, key: RecordingKey, written: _Written, texts: NDArray[np.str_]) -> SpooledRecording:
        rows = _mapped(written.path)
        if written.behind_us > GRACE_US:
            with _explained():
                rows = _sorted(rows, written.path.with_suffix(".sorted"))
        return SpooledRecording(key, rows["t"], rows["axes"], written.first_us, written.last_us, rows["label"], texts)


def _mapped(path: Path) -> NDArray[np.void]:
    return np.memmap(path, _ROW, "r")


def _sorted(rows: NDArray[np.void], path: Path) -> NDArray[np.void]:
    order = np.argsort(rows["t"], kind="stable")
    with path.open("wb") as file:
        for begin in range(0, len(order), _COPIED):
            file.write(rows[order[begin : begin + _COPIED]].tobytes())
    return _mapped(path)


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise SpoolError(
            f"the readings cannot be kept in {gettempdir()} until they are sent: {error.strerror or error}. "
            "Set TMPDIR to a folder with room for 24 bytes a reading"
        ) from error
