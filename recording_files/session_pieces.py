"""The rows of a part by session, in the order of the file or of time."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from har.recordings import Coded, groups_of_rows
from har.resampling import Times
from recording_files.table import Part


def session_text(device: str, user: str, session: str) -> str:
    """Return the names of a session for messages, without those that are empty, as of an array.

    Examples
    --------
    >>> session_text("phone", "anna", "")
    'user anna, device phone'
    """
    named = {"user": user, "session": session, "device": device}
    return ", ".join(f"{what} {name}" for what, name in named.items() if name)


class SessionNames(NamedTuple):
    """What a session is identified by, and the phone's model."""

    device: str
    model: str
    user: str
    session: str

    @property
    def key(self) -> tuple[str, str, str]:
        """What identifies the session in its data set: device, user and session."""
        return self.device, self.user, self.session

    def __str__(self) -> str:
        """Return the names for messages."""
        return session_text(*self.key)


@dataclass(frozen=True, eq=False)
class SessionPiece:
    """The rows of one session in a part, in the order of the file.

    Attributes
    ----------
    names : SessionNames
        The session.
    rows : ndarray of int64, shape (n,)
        Indices of its rows in the part; one or more.
    times : ndarray of int64, shape (n,)
        Event times, µs.
    axes : ndarray of float32, shape (n, 3)
        m/s². They may hold NaN or infinity.
    """

    names: SessionNames
    rows: NDArray[np.intp]
    times: Times
    axes: NDArray[np.float32]

    def in_time(self) -> "SessionPiece":
        """Return the same rows in order of time; those with equal times keep their order."""
        if len(self.times) < 2 or bool((self.times[1:] >= self.times[:-1]).all()):
            return self
        order = np.argsort(self.times, kind="stable")
        return SessionPiece(self.names, self.rows[order], self.times[order], self.axes[order])


def pieces_of(part: Part) -> Iterator[SessionPiece]:
    """Group the rows of a part by session, in order of first appearance."""
    keys = [part.coded(name) for name in ("device", "model", "user", "session")]
    times, axes = part.times(), part.axes()
    if len(times) and all(map(_is_constant, keys)):  # the usual case: nothing has to be copied
        yield SessionPiece(_names(keys, 0), np.arange(len(times)), times, axes)
        return
    for rows in groups_of_rows(keys[0], keys[2], keys[3]):
        yield SessionPiece(_names(keys, int(rows[0])), rows, times[rows], axes[rows])


def _names(keys: list[Coded], row: int) -> SessionNames:
    device, model, user, session = (str(key.texts[key.codes[row]]) for key in keys)
    return SessionNames(device, model, user, session)


def _is_constant(key: Coded) -> bool:
    return len(key.texts) == 1 or bool((key.codes == key.codes[0]).all())
