"""What wearers said they were doing: intervals with a label, of which the last said counts.

A label is known by its phone, session and start: one with the start of an earlier one replaces it. So an activity
that goes on (no end) is ended by saying it again with its end, corrected by saying another, and taken back by an
interval that ends where it starts.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Self

import msgspec
import numpy as np
from numpy.typing import NDArray

from har.recordings import NULL_LABEL, RecordingError
from har.resampling import Times

#: Where an interval ends that goes on.
ENDLESS = np.iinfo(np.int64).max


@dataclass(frozen=True)
class Label:
    """A wearer said what a phone's session shows for a while.

    Attributes
    ----------
    device, session : str
        Whose readings it is about.
    start, end : int
        From when and until when, µs on the session's clock; `end` is after the interval.
    activity : str
        What the readings between show.
    said_at : int
        When it was said, µs: the later of two that overlap counts.
    user : str or None
        Who wears the phone, if that was said.
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
    """All labels, by device and session."""

    _by_session: dict[tuple[str, str], list[Label]] = field(default_factory=dict)

    def add(self, label: Label) -> None:
        """Take up a label; a repeated one changes nothing.

        Raises
        ------
        RecordingError
            If the session was said to be of another user.
        """
        theirs = self._by_session.setdefault((label.device, label.session), [])
        others = {known.user for known in theirs if known.user is not None} - {label.user}
        if label.user is not None and others:
            raise RecordingError(
                f"session {label.session} of {label.device} is of user {label.user}, "
                f"but was said to be of {others.pop()}"
            )
        theirs.append(label)

    def user(self, device: str, session: str) -> str | None:
        """Return who was said to wear the phone."""
        return next((said.user for said in self._by_session.get((device, session), []) if said.user is not None), None)

    def labels(self, device: str, session: str, times: Times) -> NDArray[np.object_]:
        """Return the label of each reading of a session.

        Parameters
        ----------
        times : ndarray of int64, shape (n,)
            Event times, µs, in any order.

        Returns
        -------
        ndarray of str objects, shape (n,)
            ``null`` where nothing was said.
        """
        labels = np.full(len(times), NULL_LABEL, object)
        for start, end, activity in self._intervals(device, session):
            labels[(times >= start) & (times < end)] = activity
        return labels

    def counts(self, label: Label) -> bool:
        """Tell whether a label was neither replaced nor taken back."""
        return label in self._counting(label.device, label.session)

    def _counting(self, device: str, session: str) -> list[Label]:
        said = sorted(self._by_session.get((device, session), []), key=lambda said: said.said_at)
        last_said = {label.start: label for label in said}
        return [each for each in said if last_said[each.start] is each and each.end > each.start]

    def _intervals(self, device: str, session: str) -> list[tuple[int, int, str]]:
        """Return what counts in the end, in the order in which it was said."""
        counting = self._counting(device, session)
        intervals = []
        for place, each in enumerate(counting):
            # Nobody does two things: what goes on ends where something begins that was said later.
            later = [other.start for other in counting[place + 1 :] if other.start > each.start]
            end = min(later, default=ENDLESS) if each.end == ENDLESS else each.end
            intervals.append((each.start, end, each.activity))
        return intervals


class _Wire(msgspec.Struct, forbid_unknown_fields=True):
    """A label as it lies on `har.topics.LABELS`."""

    device: str
    session: str
    start: int
    activity: str
    said_at: int
    end: int | None = None
    user: str | None = None


def encode_label(label: Label) -> bytes:
    """Encode as JSON; without an end, if it goes on."""
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
    RecordingError
        If it is no label, or the interval ends before it starts.
    """
    try:
        wire = msgspec.json.decode(message, type=_Wire)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise RecordingError(f"not a label: {error}") from error
    return Label.of_row(msgspec.structs.asdict(wire))


def _microseconds(value: int | datetime) -> int:
    if isinstance(value, datetime):
        in_utc = value if value.tzinfo is None else value.astimezone(UTC)
        return int(np.datetime64(in_utc.replace(tzinfo=None), "us").astype(np.int64))
    return int(value)
