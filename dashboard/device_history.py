"""The recent history of one device: its windows, steady activity and acceleration trace."""

from bisect import bisect_left
from dataclasses import dataclass
from operator import attrgetter

import msgspec

from dashboard.browser_messages import DeviceChanges, TimelineEntry, TraceChunk
from dashboard.session_knowledge import SessionKnowledge
from har.background import MAX_KINDS, kind_title
from har.decisions import UNKNOWN
from har.predictions import LiveUpdate, Prediction, Trace
from har.steady_activity import ActivitySmoother, SteadyActivity

#: Number of predictions kept to repeat the smoothing if one arrives out of order. Older ones are not smoothed again.
RECENT_PREDICTIONS = 30
MAX_TRACE_CHUNKS = 64

_start_of = attrgetter("start")
_middle_of = attrgetter("middle")


@dataclass(slots=True)
class _Window:
    start: int
    end: int
    activity: str
    confidence: float
    reason: str | None
    kind: str | None
    published: int
    revision: int

    @property
    def entry(self) -> TimelineEntry:
        """The window for browsers, with its reason or its kind's title only where it is shown as unknown."""
        reason, kind = (self.reason, self.kind) if self.activity == UNKNOWN else (None, None)
        return TimelineEntry(self.start, self.end, self.activity, round(self.confidence, 3), reason, kind)

    @property
    def middle(self) -> int:
        return (self.start + self.end) // 2


@dataclass(slots=True, frozen=True)
class _Chunk:
    end: int
    encoded: msgspec.Raw
    revision: int


class DeviceHistory:
    """The recent history of one device, in bounded memory.

    Each change is stored with its revision. The last revision that a browser received is therefore enough to find the
    changes that it misses, and no queue per browser is needed.

    Parameters
    ----------
    device : str
        The device's identifier.
    history_us, trace_us : int
        How much event time of windows and of acceleration is kept, µs.
    max_windows : int
        Maximum number of windows kept.

    Attributes
    ----------
    seen : int
        When the last update arrived, µs by the server's clock.
    revision : int
        Revision of the last change.
    release : str
        The release of the prediction whose batch arrived last at the gateway.
    activity : str
        The steady activity.
    """

    def __init__(self, device: str, *, history_us: int, trace_us: int, max_windows: int) -> None:
        self.device = device
        self.seen = 0
        self.revision = 0
        self.release = ""
        self.activity = ""
        self._history_us = history_us
        self._trace_us = trace_us
        self._max_windows = max_windows
        self._encoded: tuple[int, int, msgspec.Raw] | None = None
        self._arrived = 0
        self._reset(session="", revision=0)

    def apply(self, update: LiveUpdate, *, seen: int, revision: int) -> bool:
        """Apply one update. Updates may arrive out of order and more than once.

        Parameters
        ----------
        update : LiveUpdate
            A valid update of this device.
        seen : int
            When it arrived, µs by the server's clock.
        revision : int
            The revision of this change, greater than all earlier ones.

        Returns
        -------
        bool
            Whether anything changed. A repeat or an outdated prediction for a window changes nothing.
        """
        prediction = update.prediction
        index = self._window_index(update)
        if index is None:
            return False
        if prediction.session != self._session and prediction.arrived >= self._arrived:
            self._start_session(prediction, revision)
            index = self._window_index(update)
            if index is None:
                return False
        self._put_window(index, update, revision)
        self._note_title(update)
        if prediction.session == self._session:
            self._smooth(prediction, revision)
            self._known.follow(prediction)
        if prediction.arrived >= self._arrived:
            self._arrived = prediction.arrived
            self.release = prediction.release
        if update.trace.x:
            self._add_trace(update.trace, revision)
        self._forget_old()
        self.seen = max(self.seen, seen)
        self.revision = revision
        return True

    def changes(self, since: int) -> msgspec.Raw:
        """Return the encoded `DeviceChanges` after the revision `since`; 0 returns everything.

        Up-to-date browsers all request the same changes, so the last result is cached.
        """
        if self._encoded is not None and self._encoded[:2] == (since, self.revision):
            return self._encoded[2]
        complete = since < self._reset_revision
        after = 0 if complete else since
        newest = self._windows[-1]
        steady = self._steady or SteadyActivity(newest.activity, newest.start, newest.confidence, newest.entry.reason)
        kind = steady.kind
        changes = DeviceChanges(
            device=self.device,
            complete=complete,
            session=self._session,
            release=self.release,
            activity=steady.activity,
            since=steady.since,
            confidence=round(steady.confidence, 4),
            reason=steady.reason,
            kind=None if kind is None else self._kind_titles.get(kind, kind_title(kind)),
            upright=self._known.upright,
            personal=self._known.is_personal,
            newest=newest.end,
            seen=self.seen,
            arrived=self._arrived,
            windows=[window.entry for window in self._windows if window.revision > after],
            trace=[chunk.encoded for _, chunk in sorted(self._trace.items()) if chunk.revision > after],
        )
        encoded = msgspec.Raw(msgspec.json.encode(changes))
        self._encoded = (since, self.revision, encoded)
        return encoded

    def _reset(self, *, session: str, revision: int) -> None:
        self._reset_revision = revision
        self._session = session
        self._arrived = 0
        self._smoother = ActivitySmoother()
        self._known = SessionKnowledge()
        self._steady: SteadyActivity | None = None
        self._recent: list[Prediction] = []
        self._windows: list[_Window] = []
        self._trace: dict[int, _Chunk] = {}
        self._kind_titles: dict[str, str] = {}

    def _window_index(self, update: LiveUpdate) -> int | None:
        """Return the index of the update's window in the timeline, or None for a repeat or an outdated prediction."""
        start = update.prediction.start
        index = bisect_left(self._windows, start, key=_start_of)
        if index < len(self._windows) and self._windows[index].start == start:
            return None if self._windows[index].published >= update.published else index
        return index

    def _put_window(self, index: int, update: LiveUpdate, revision: int) -> None:
        """Insert the update's window at its index, or replace the window with the same start."""
        prediction = update.prediction
        window = _Window(
            prediction.start,
            prediction.end,
            prediction.activity,
            prediction.confidence,
            prediction.reason,
            _title_of(update),
            update.published,
            revision,
        )
        if index < len(self._windows) and self._windows[index].start == window.start:
            self._windows[index] = window
        else:
            self._windows.insert(index, window)

    def _note_title(self, update: LiveUpdate) -> None:
        kind, title = update.prediction.kind, _title_of(update)
        if kind is None or title is None:
            return
        if kind not in self._kind_titles and len(self._kind_titles) >= MAX_KINDS:
            self._kind_titles.clear()  # of earlier releases; the newest windows bring theirs again
        self._kind_titles[kind] = title

    def _start_session(self, prediction: Prediction, revision: int) -> None:
        if not self._windows or prediction.start < self._windows[-1].start:
            # The device's clock was set back. Windows with later event times would hide the new ones.
            self._reset(session=prediction.session, revision=revision)
            return
        self._session = prediction.session
        self._smoother = ActivitySmoother()
        self._known = SessionKnowledge()
        self._recent = []

    def _smooth(self, prediction: Prediction, revision: int) -> None:
        index = bisect_left(self._recent, prediction.start, key=_start_of)
        is_newest = index == len(self._recent)
        if is_newest:
            self._recent.append(prediction)
            self._apply_steady(self._smoother.update(prediction), prediction, revision)
        elif index > 0 or len(self._recent) < RECENT_PREDICTIONS:
            replaces = self._recent[index].start == prediction.start
            self._recent[index : index + replaces] = [prediction]
            self._smoother = ActivitySmoother()
            for recent in self._recent:
                self._apply_steady(self._smoother.update(recent), recent, revision)
        del self._recent[:-RECENT_PREDICTIONS]

    def _apply_steady(self, steady: SteadyActivity, prediction: Prediction, revision: int) -> None:
        """Set the steady activity of all windows from its beginning up to the prediction's window.

        A window belongs to the steady activity if its middle is not before the beginning. The prediction's own window
        always does.
        """
        self._steady = steady
        self.activity = steady.activity
        last = bisect_left(self._windows, prediction.start + 1, key=_start_of)
        first = min(bisect_left(self._windows, steady.since, key=_middle_of), last - 1)
        for window in self._windows[first:last]:
            if window.activity != steady.activity:
                window.activity = steady.activity
                window.revision = revision

    def _add_trace(self, trace: Trace, revision: int) -> None:
        if trace.start in self._trace:
            return
        chunk = TraceChunk(
            trace.start,
            trace.period,
            *([round(float(value), 2) for value in axis] for axis in (trace.x, trace.y, trace.z)),
        )
        end = trace.start + trace.period * len(trace.x)
        self._trace[trace.start] = _Chunk(end, msgspec.Raw(msgspec.json.encode(chunk)), revision)

    def _forget_old(self) -> None:
        newest = self._windows[-1].end
        first = bisect_left(self._windows, newest - self._history_us, key=_start_of)
        surplus = max(first, len(self._windows) - self._max_windows)
        del self._windows[: min(surplus, len(self._windows) - 1)]
        oldest = newest - self._trace_us
        for start in [start for start, chunk in self._trace.items() if chunk.end <= oldest]:
            del self._trace[start]
        for start in sorted(self._trace)[:-MAX_TRACE_CHUNKS]:
            del self._trace[start]


def _title_of(update: LiveUpdate) -> str | None:
    """Return what the prediction's kind of background is, for people; processors of earlier versions send no title."""
    kind = update.prediction.kind
    return None if kind is None else update.kind_title or kind_title(kind)
