"""Recordings with ground truth: the table format of data sets, split into one recording per session.

The columns are `user, device, model, session, t, x, y, z, gt`: `t` in seconds (floating point) or µs
(integers), from any origin; `x, y, z` in m/s², gravity included; `gt` the ground truth of each reading. It is read in
its canonical form (`har.activity_names`). The caller reads the file; this module works on arrays.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from har.activity_names import canonical_activity
from har.resampling import Times
from har.time_units import MICROSECONDS
from har.windowing import WindowSpec

COLUMNS = ("user", "device", "model", "session", "t", "x", "y", "z", "gt")
#: Common names that others give to these columns, for suggestions in errors.
_OTHER_NAMES = {
    "user": ("subject", "person", "participant", "wearer"),
    "device": ("phone", "device_id"),
    "model": ("device_model", "phone_model"),
    "session": ("recording", "experiment", "trial"),
    "t": ("time", "timestamp", "seconds", "event_time", "time_s"),
    "x": ("acc_x", "x_acc", "ax", "accel_x"),
    "y": ("acc_y", "y_acc", "ay", "accel_y"),
    "z": ("acc_z", "z_acc", "az", "accel_z"),
    "gt": ("label", "activity", "class", "ground_truth"),
}


class RecordingError(ValueError):
    """A table that does not hold recordings; the text names what is missing or wrong."""


class RecordingWarning(UserWarning):
    """Something about a recording that may make answers bad or incomplete; the text says what and where."""


@dataclass(frozen=True, eq=False)
class Coded:
    """A column of few different texts: each text once, and one index per row.

    Attributes
    ----------
    texts : ndarray of str, shape (m,)
        The different texts; some may occur in no row.
    codes : ndarray of int, shape (n,)
        Index into `texts`.
    """

    texts: NDArray[np.str_]
    codes: NDArray[np.integer]

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.codes)


@dataclass(frozen=True, eq=False)
class Recording:
    """The readings of one user's phone in one session, in the order of the file.

    Attributes
    ----------
    user, device, model, session : str
        The user's name in the data set, the phone, the phone's model, and the session.
    times : ndarray of int64, shape (n,)
        Event times, µs from the table's own origin.
    axes : ndarray of float32, shape (n, 3)
        m/s², gravity included.
    labels : ndarray of str, shape (n,)
        The ground truth of each reading, in canonical form.
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
        """The user's unique name across data sets, ``device/user``, as user names repeat between data sets."""
        return f"{self.device}/{self.user}"


def device_of(person: str) -> str:
    """Return the device of ``device/user``."""
    return person.rpartition("/")[0]


def require_columns(names: Iterable[str], needed: Sequence[str] = COLUMNS, what: str = "recordings") -> None:
    """Raise if a table lacks a column; suggest a present column that has a common name of the missing one.

    Parameters
    ----------
    names : iterable of str
        The table's columns.
    needed : sequence of str
        The columns that it must have.
    what : str
        What the table holds, for the error's text.

    Raises
    ------
    RecordingError
        With the missing columns.

    Examples
    --------
    >>> require_columns(["user", "device", "model", "session", "t", "x", "y", "z", "Label"])
    Traceback (most recent call last):
    har.recordings.RecordingError: no column gt (is it 'Label'?); recordings need user,device,model,session,t,x,y,z,gt
    """
    present = list(names)
    missing = [name for name in needed if name not in present]
    if not missing:
        return
    spare = {name.lower(): name for name in present if name not in needed}
    described = []
    for name in missing:
        suggestion = next((spare[other] for other in (name, *_OTHER_NAMES.get(name, ())) if other in spare), None)
        described.append(name if suggestion is None else f"{name} (is it {suggestion!r}?)")
    raise RecordingError(f"no column {', '.join(described)}; {what} need {','.join(needed)}")


def event_times(t: NDArray[Any], first_row: int = 0) -> Times:
    """Convert the column `t` to µs: integers are µs already, other numbers are seconds, dates count from the epoch.

    Parameters
    ----------
    t : ndarray, shape (n,)
        The column.
    first_row : int
        Index of the column's first row in the whole table, for errors.

    Raises
    ------
    RecordingError
        If a value is not a finite number.
    """
    if np.issubdtype(t.dtype, np.integer):
        return t.astype(np.int64)
    if np.issubdtype(t.dtype, np.datetime64):
        return t.astype("datetime64[us]").astype(np.int64)
    try:
        seconds = t.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise RecordingError(f"t must be numbers: {error}") from error
    _reject(~np.isfinite(seconds), "hold NaN or infinity in t", first_row)
    return np.round(seconds * MICROSECONDS).astype(np.int64)


def acceleration(x: NDArray[Any], y: NDArray[Any], z: NDArray[Any]) -> NDArray[np.float32]:
    """Join three columns, m/s², to readings of shape ``(n, 3)``; NaN is allowed.

    Raises
    ------
    RecordingError
        If they are not numbers.
    """
    try:
        return np.stack([np.asarray(axis, np.float32) for axis in (x, y, z)], axis=1)
    except (TypeError, ValueError) as error:
        raise RecordingError(f"x, y and z must be numbers: {error}") from error


def reject_broken(axes: NDArray[np.float32], first_row: int = 0) -> None:
    """Raise if a reading is not finite.

    Parameters
    ----------
    axes : ndarray of float32, shape (n, 3)
        Readings.
    first_row : int
        Index of the first reading in the whole table.

    Raises
    ------
    RecordingError
        With the number of broken rows and the index of the first one.
    """
    _reject(np.asarray(~np.isfinite(axes).all(axis=1)), "hold NaN or infinity", first_row)


def recordings_from_columns(columns: Mapping[str, NDArray[Any] | Coded]) -> list[Recording]:
    """Split a table into recordings, one per (device, user, session), in order of first appearance.

    A table with readings whose time or axes are not finite is rejected; the error counts them.

    Parameters
    ----------
    columns : mapping of str to ndarray or Coded
        `COLUMNS`, all of the same length; text columns may be `Coded`.

    Raises
    ------
    RecordingError
        If a column is missing, columns differ in length, or values are not finite numbers.
    """
    require_columns(columns)
    length = len(columns["t"])
    if any(len(columns[name]) != length for name in COLUMNS):
        raise RecordingError("the table's columns differ in length")
    numbers = {name: np.asarray(columns[name]) for name in ("t", "x", "y", "z")}
    times = event_times(numbers["t"])
    axes = acceleration(numbers["x"], numbers["y"], numbers["z"])
    reject_broken(axes)
    users, devices, models, sessions, stated = (
        _coded(columns[name]) for name in ("user", "device", "model", "session", "gt")
    )
    labels = canonical_labels(stated)
    return [
        Recording(
            user=str(users.texts[users.codes[rows[0]]]),
            device=str(devices.texts[devices.codes[rows[0]]]),
            model=str(models.texts[models.codes[rows[0]]]),
            session=str(sessions.texts[sessions.codes[rows[0]]]),
            times=times[rows],
            axes=axes[rows],
            labels=labels.texts[labels.codes[rows]],
        )
        for rows in groups_of_rows(devices, users, sessions)
    ]


def canonical_labels(stated: Coded) -> Coded:
    """Return a column of activities in canonical form; several texts may become the same one.

    Examples
    --------
    >>> canonical_labels(Coded(np.array(["Walking", "walk"]), np.array([1, 0]))).texts.tolist()
    ['walk', 'walk']
    """
    names = [canonical_activity(text) for text in stated.texts.tolist()]
    return Coded(np.array(names, np.str_), stated.codes)


def groups_of_rows(*keys: Coded) -> list[NDArray[np.intp]]:
    """Return the rows of each different combination of some columns, in order of first appearance.

    Examples
    --------
    >>> letters = Coded(np.array(["a", "b"]), np.array([1, 0, 1]))
    >>> [rows.tolist() for rows in groups_of_rows(letters)]
    [[0, 2], [1]]
    """
    numbers = np.zeros(len(keys[0]), np.int64)
    for key in keys:
        numbers = numbers * max(1, len(key.texts)) + key.codes
    if not len(numbers):
        return []
    order = np.argsort(numbers, kind="stable")
    cuts = np.flatnonzero(np.diff(numbers[order])) + 1
    return sorted(np.split(order, cuts), key=lambda rows: int(rows[0]))


def window_labels(recording: Recording, starts: Times, spec: WindowSpec) -> list[str | None]:
    """Return each window's ground truth: the one that all its readings share, None where they differ.

    Parameters
    ----------
    starts : ndarray of int64, shape (n,)
        The windows' starts on the recording's own time axis, µs.
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


def _reject(broken: NDArray[np.bool_], what: str, first_row: int) -> None:
    if broken.any():
        raise RecordingError(
            f"{int(broken.sum())} of {len(broken)} rows {what}, first row {first_row + int(broken.argmax())}"
        )


def _coded(column: NDArray[Any] | Coded) -> Coded:
    if isinstance(column, Coded):
        return column
    texts, codes = np.unique(np.asarray(column).astype(np.str_), return_inverse=True)
    return Coded(texts, codes)
