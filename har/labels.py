"""Labels: the activities that people state for intervals of a session. If two overlap, the later statement wins.

A label is identified by its device, session and start. A new label with the same start replaces the earlier one. To
end an open label (one without an end), send it again with an end. To correct it, send another activity. To withdraw it,
send an end that equals its start. An open label ends where the next label of its session begins.

The gateway accepts labels from the phone page and, through the dashboard, from observers (`ingest.gateway.labels`). The
archive keeps them (`ingest.archive`), the trainer joins them to the readings (`recording_files.formats.collected`), and
a canary is judged by them (`model_store.canary.evidence`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Self

import msgspec
import numpy as np
from numpy.typing import NDArray

from har.activity_names import NULL_LABEL, canonical_activity
from har.recordings import RecordingError
from har.rejections import RejectedMessage
from har.resampling import Times
from har.samples import UNDECODABLE

#: The end of an open interval.
ENDLESS = np.iinfo(np.int64).max


@dataclass(frozen=True)
class Label:
    """An activity that somebody states for an interval of a session.

    Attributes
    ----------
    device, session : str
        The session whose readings are labelled.
    start, end : int
        The interval in event time, µs; `end` is exclusive, and `ENDLESS` if the label is open.
    activity : str
        The activity in the interval.
    said_at : int
        When the label was stated, µs. Of two that overlap, the later one wins.
    user : str or None
        The wearer, None if not stated.
    """

    device: str
    session: str
    start: int
    end: int
    activity: str
    said_at: int
    user: str | None = None

    @classmethod
    def of_row(cls, row: Mapping[str, Any]) -> Self:
        """Read a row of a table of labels.

        Raises
        ------
        RecordingError
            If a value is missing or the interval ends before it starts.
        """
        absent = [name for name in ("device", "session", "start", "activity", "said_at") if row[name] is None]
        if absent:
            raise RecordingError(f"no {', '.join(absent)}")
        end = ENDLESS if row["end"] is None else _microseconds(row["end"])
        start = _microseconds(row["start"])
        if end < start:
            raise RecordingError(f"{row['activity']} ends at {end}, before it starts at {start}")
        user = row.get("user")
        return cls(
            device=str(row["device"]),
            session=str(row["session"]),
            start=start,
            end=end,
            activity=str(row["activity"]).strip(),
            said_at=_microseconds(row["said_at"]),
            user=None if user is None else str(user),
        )


@dataclass
class LabelTable:
    """All labels, by device and session.

    A session has one wearer. If its labels name several, none of them applies: nobody knows whose readings they are.
    """

    _by_session: dict[tuple[str, str], list[Label]] = field(default_factory=dict)

    def add(self, label: Label) -> None:
        """Add a label; repeating a label changes nothing."""
        self._by_session.setdefault((label.device, label.session), []).append(label)

    def user(self, device: str, session: str) -> str | None:
        """Return the wearer that the session's labels name; None if they name none, or several."""
        users = self._users(device, session)
        return users[0] if len(users) == 1 else None

    def contested(self) -> list[tuple[str, str, list[str]]]:
        """Return device, session and users of each session whose labels name several users."""
        named = [(*key, self._users(*key)) for key in sorted(self._by_session)]
        return [found for found in named if len(found[2]) > 1]

    def labels(self, device: str, session: str, times: Times) -> NDArray[np.object_]:
        """Return the label of each reading of a session.

        Parameters
        ----------
        times : ndarray of int64, shape (n,)
            Event times, µs, in any order.

        Returns
        -------
        ndarray of str objects, shape (n,)
            Activities in canonical form (`har.activity_names`), also of older labels, which were kept as they were
            stated; ``null`` where there is no label.
        """
        labels = np.full(len(times), NULL_LABEL, object)
        for start, end, activity in self._intervals(device, session):
            labels[(times >= start) & (times < end)] = activity
        return labels

    def is_valid(self, label: Label) -> bool:
        """Return whether a label was neither replaced nor withdrawn."""
        return label in self._valid(label.device, label.session)

    def _users(self, device: str, session: str) -> list[str]:
        stated = self._by_session.get((device, session), [])
        return sorted({label.user for label in stated if label.user is not None})

    def _valid(self, device: str, session: str) -> list[Label]:
        if len(self._users(device, session)) > 1:
            return []
        stated = sorted(self._by_session.get((device, session), []), key=lambda label: label.said_at)
        latest = {label.start: label for label in stated}
        return [label for label in stated if latest[label.start] is label and label.end > label.start]

    def _intervals(self, device: str, session: str) -> list[tuple[int, int, str]]:
        """Return the valid intervals as (start, end, activity), in the order in which they were stated."""
        valid = self._valid(device, session)
        intervals = []
        for label in valid:
            # A wearer does one thing at a time. An open label states no end, so it does not hide the label that begins
            # next, even if it was corrected after that one was stated.
            later = [other.start for other in valid if other.start > label.start]
            end = min(later, default=ENDLESS) if label.end == ENDLESS else label.end
            intervals.append((label.start, end, canonical_activity(label.activity)))
        return intervals


class _Wire(msgspec.Struct, forbid_unknown_fields=True):
    """The wire form of a label on `har.topics.LABELS`."""

    device: str
    session: str
    start: int
    activity: str
    said_at: int
    end: int | None = None
    user: str | None = None


def encode_label(label: Label) -> bytes:
    """Encode as JSON; `end` is null if the label is open."""
    end = None if label.end == ENDLESS else label.end
    return msgspec.json.encode(
        _Wire(
            label.device,
            label.session,
            label.start,
            label.activity,
            label.said_at,
            end,
            label.user,
        )
    )


def decode_label(message: bytes) -> Label:
    """Decode JSON.

    Raises
    ------
    RejectedMessage
        With code ``malformed`` if it is not a label, or the interval ends before it starts.
    """
    try:
        wire = msgspec.json.decode(message, type=_Wire)
    except UNDECODABLE as error:
        raise RejectedMessage("malformed", f"not a label: {error}") from error
    try:
        return Label.of_row(msgspec.structs.asdict(wire))
    except RecordingError as error:
        raise RejectedMessage("malformed", str(error)) from error


def _microseconds(value: int | datetime) -> int:
    if isinstance(value, datetime):
        in_utc = value if value.tzinfo is None else value.astimezone(UTC)
        return int(np.datetime64(in_utc.replace(tzinfo=None), "us").astype(np.int64))
    return int(value)
