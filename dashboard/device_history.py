"""What is known about one device: its recent windows, its steady activity and its acceleration trace."""

from bisect import bisect_left
from dataclasses import dataclass
from operator import attrgetter

import msgspec

from dashboard.browser_messages import DeviceChanges, TimelineEntry, TraceChunk
from har.predictions import LiveUpdate, Prediction, Trace
from har.steady_activity import ActivitySmoother, SteadyActivity

#: Predictions kept to smooth again when one comes late. Older ones keep their place in the timeline.
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
    published: int
    revision: int

    @property
    def middle(self) -> int:
        return (self.start + self.end) // 2


@dataclass(slots=True, frozen=True)
class _Chunk:
    end: int
    encoded: msgspec.Raw
    revision: int


class DeviceHistory:
    """The recent past of one device, in bounded memory.

    Every change carries the revision under which it was made, so that what a browser has not seen yet can
    be told from one number: nothing is queued for anyone.

    Parameters
    ----------
    device : str
        The device's identifier.
    history_us, trace_us : int
        Event time kept of windows and of acceleration, in µs.
    max_windows : int
        Windows kept at most.
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
        self._begin(session="", revision=0)

    def apply(self, update: LiveUpdate, *, seen: int, revision: int) -> bool:
        """Take in one update.

        Repeats are recognised by the window's start, and out-of-order updates are put in their place.

        Parameters
        ----------
        update : LiveUpdate
            A valid update of this device.
        seen : int
            When it came, in µs by the server's clock.
        revision : int
            The revision of the changes that it makes, greater than all before.

        Returns
        -------
        bool
            Whether anything changed; a repeat or an outdated version of a window changes nothing.
        """
        prediction = update.prediction
        place = self._place(update)
        if place is None:
            return False
        if prediction.session != self._session and prediction.arrived >= self._arrived:
            self._follow_session(prediction, revision)
            place = self._place(update)
            if place is None:
                return False
        window = _Window(
            prediction.start,
            prediction.end,
            prediction.activity,
            prediction.confidence,
            update.published,
            revision,
        )
        if place < len(self._windows) and self._windows[place].start == window.start:
            self._windows[place] = window
        else:
            self._windows.insert(place, window)
        if prediction.session == self._session:
            self._smooth(prediction, revision)
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
        """Return the encoded `DeviceChanges` made after the revision `since` (0: everything).

        Browsers that keep pace all ask for the same, hence the last answer is kept.
        """
        if self._encoded is not None and self._encoded[:2] == (since, self.revision):
            return self._encoded[2]
        complete = since < self._begun
        after = 0 if complete else since
        changes = DeviceChanges(
            device=self.device,
            complete=complete,
            session=self._session,
            release=self.release,
            activity=self._steady.activity if self._steady else self._windows[-1].activity,
            since=self._steady.since if self._steady else self._windows[-1].start,
            confidence=round(self._steady.confidence if self._steady else self._windows[-1].confidence, 4),
            newest=self._windows[-1].end,
            seen=self.seen,
            windows=[
                TimelineEntry(window.start, window.end, window.activity, round(window.confidence, 3))
                for window in self._windows
                if window.revision > after
            ],
            trace=[chunk.encoded for _, chunk in sorted(self._trace.items()) if chunk.revision > after],
        )
        encoded = msgspec.Raw(msgspec.json.encode(changes))
        self._encoded = (since, self.revision, encoded)
        return encoded

    def _begin(self, *, session: str, revision: int) -> None:
        self._begun = revision
        self._session = session
        self._arrived = 0
        self._smoother = ActivitySmoother()
        self._steady: SteadyActivity | None = None
        self._recent: list[Prediction] = []
        self._windows: list[_Window] = []
        self._trace: dict[int, _Chunk] = {}

    def _place(self, update: LiveUpdate) -> int | None:
        """Return where the window belongs, or None if it adds nothing to what is known."""
        start = update.prediction.start
        place = bisect_left(self._windows, start, key=_start_of)
        if place < len(self._windows) and self._windows[place].start == start:
            return None if self._windows[place].published >= update.published else place
        return place

    def _follow_session(self, prediction: Prediction, revision: int) -> None:
        if not self._windows or prediction.start < self._windows[-1].start:
            # The device's clock went back: what is known lies in its future and would hide the present.
            self._begin(session=prediction.session, revision=revision)
            return
        self._session = prediction.session
        self._smoother = ActivitySmoother()
        self._recent = []

    def _smooth(self, prediction: Prediction, revision: int) -> None:
        place = bisect_left(self._recent, prediction.start, key=_start_of)
        is_newest = place == len(self._recent)
        if is_newest:
            self._recent.append(prediction)
            self._take_steady(self._smoother.update(prediction), prediction, revision)
        elif place > 0 or len(self._recent) < RECENT_PREDICTIONS:
            same = self._recent[place].start == prediction.start
            self._recent[place : place + same] = [prediction]
            self._smoother = ActivitySmoother()
            for recent in self._recent:
                self._take_steady(self._smoother.update(recent), recent, revision)
        del self._recent[:-RECENT_PREDICTIONS]

    def _take_steady(self, steady: SteadyActivity, prediction: Prediction, revision: int) -> None:
        """Give the windows in the middle of which the steady activity held its name, up to this one."""
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
        too_many = max(first, len(self._windows) - self._max_windows)
        del self._windows[: min(too_many, len(self._windows) - 1)]
        oldest = newest - self._trace_us
        for start in [start for start, chunk in self._trace.items() if chunk.end <= oldest]:
            del self._trace[start]
        for start in sorted(self._trace)[:-MAX_TRACE_CHUNKS]:
            del self._trace[start]
