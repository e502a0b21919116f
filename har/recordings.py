"""Labelled recordings: the table that data sets are kept in, cut into one recording a session.

The columns are `user, device, model, session, t, x, y, z, gt`: `t` in seconds (floating point) or µs
(integers), from any origin, `x, y, z` in m/s² with gravity, `gt` the label of each reading. Which file
format they came from is the caller's business; this module sees arrays.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from har.resampling import Times
from har.windows import MICROSECONDS, WindowSpec

COLUMNS = ("user", "device", "model", "session", "t", "x", "y", "z", "gt")


class RecordingError(ValueError):
    """A table that is not recordings; the text says what is missing or wrong."""


@dataclass(frozen=True, eq=False)
class Recording:
    """What one person's phone recorded in one session, in the order of the file.

    Attributes
    ----------
    user, device, model, session : str
        Who, which phone, its model, which session.
    times : ndarray of int64, shape (n,)
        Event times, µs from the table's own origin.
    axes : ndarray of float32, shape (n, 3)
        m/s², gravity included.
    labels : ndarray of str, shape (n,)
        The label of each reading.
    """

    user: str
    device: str
    model: str
    session: str
    times: Times
    axes: NDArray[np.float32]
    labels: NDArray[np.str_]

    @property
    def person(self) -> str:
        """Who it is across data sets, ``device/user``: user names repeat between data sets."""
        return f"{self.device}/{self.user}"


def recordings_from_columns(columns: Mapping[str, NDArray[Any]]) -> list[Recording]:
    """Cut a table into recordings, one a (device, user, session), in order of first appearance.

    Readings whose time or axes are not finite are refused as a whole, by an error that counts them.

    Raises
    ------
    RecordingError
        If a column is missing, columns differ in length, or values are not finite numbers.
    """
    missing = [name for name in COLUMNS if name not in columns]
    if missing:
        raise RecordingError(f"the table has no column {', '.join(missing)}; it needs {', '.join(COLUMNS)}")
    length = len(columns["t"])
    if any(len(columns[name]) != length for name in COLUMNS):
        raise RecordingError("the table's columns differ in length")
    times, axes = _numbers(columns)
    users, devices, models, sessions = (
        np.asarray(columns[name]).astype(np.str_) for name in ("user", "device", "model", "session")
    )
    labels = np.asarray(columns["gt"]).astype(np.str_)
    return [
        Recording(
            user=str(users[rows[0]]),
            device=str(devices[rows[0]]),
            model=str(models[rows[0]]),
            session=str(sessions[rows[0]]),
            times=times[rows],
            axes=axes[rows],
            labels=labels[rows],
        )
        for rows in _groups(devices, users, sessions)
    ]


def window_labels(recording: Recording, starts: Times, spec: WindowSpec) -> list[str | None]:
    """Return the label of each window: the one that all its readings have, None where they differ.

    Parameters
    ----------
    starts : ndarray of int64, shape (n,)
        Windows' starts on the recording's own time axis, µs.
    """
    order = np.argsort(recording.times, kind="stable")
    times, labels = recording.times[order], recording.labels[order]
    changes = np.append(False, labels[1:] != labels[:-1]).cumsum()
    begin = np.searchsorted(times, starts, side="left")
    end = np.searchsorted(times, starts + spec.length_us, side="left") - 1
    return [
        str(labels[first]) if first <= last and changes[first] == changes[last] else None
        for first, last in zip(begin.tolist(), end.tolist(), strict=True)
    ]


def _numbers(columns: Mapping[str, NDArray[Any]]) -> tuple[Times, NDArray[np.float32]]:
    try:
        times = np.asarray(columns["t"])
        if not np.issubdtype(times.dtype, np.integer):
            times = times.astype(np.float64)
        axes = np.stack([np.asarray(columns[name], np.float32) for name in "xyz"], axis=1)
    except (TypeError, ValueError) as error:
        raise RecordingError(f"t, x, y and z must be numbers: {error}") from error
    broken = ~(np.isfinite(times) & np.isfinite(axes).all(axis=1))
    if broken.any():
        raise RecordingError(
            f"{int(broken.sum())} of {len(times)} rows hold NaN or infinity, first row {int(broken.argmax())}"
        )
    if np.issubdtype(times.dtype, np.integer):
        return times.astype(np.int64), axes
    return np.round(times * MICROSECONDS).astype(np.int64), axes


def _groups(*keys: NDArray[np.str_]) -> list[NDArray[np.intp]]:
    numbers = np.zeros(len(keys[0]), np.int64)
    for key in keys:
        _, inverse = np.unique(key, return_inverse=True)
        numbers = numbers * (int(inverse.max(initial=0)) + 1) + inverse
    _, first, group = np.unique(numbers, return_index=True, return_inverse=True)
    rows = [np.flatnonzero(group == number) for number in range(len(first))]
    return [rows[number] for number in np.argsort(first)]
