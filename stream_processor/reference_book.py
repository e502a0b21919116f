"""The upright references of one partition's sessions, while a worker has the partition.

The state is kept nowhere but in Kafka: each prediction carries its session's reference after the window. A worker that
continues a session looks up its earlier predictions once (`stream_processor.earlier_predictions`). For a session that
is silent for long they may be too old to be looked up, so the copies of its held batches bring them along.

A window may be judged again, for example if batches come out of their order after a restart. The latest windows of each
session are therefore kept, and each window is judged by the one before it.
"""

from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from operator import attrgetter

import numpy as np
from numpy.typing import NDArray

from har.predictions import Prediction
from har.releases import ReleaseManifest
from har.samples import NOTHING_EARLIER, SampleBatch
from har.session_references import LONGEST_PAUSE_US, JudgedWindow, judged, reference_after, reference_for
from har.time_units import MICROSECONDS
from stream_processor.sessions import SessionKey

#: By how much the clocks of gateways may differ, µs.
CLOCK_MARGIN_US = 60 * MICROSECONDS
#: Windows are kept for this time and twice the longest time between two readings of one batch, µs of event time. It
#: covers a window, the grace, and a batch that came out of its order.
KEPT_US = 10 * MICROSECONDS

_start = attrgetter("start")


@dataclass(slots=True)
class _History:
    """The latest judged windows of a session, in the order of their starts."""

    is_known: bool
    arrived: int
    windows: list[JudgedWindow] = field(default_factory=list)
    longest_batch_us: int = 0
    #: Number of windows that were cut and are not judged yet.
    awaited: int = 0

    def before(self, start: int) -> JudgedWindow | None:
        place = bisect_left(self.windows, start, key=_start)
        return self.windows[place - 1] if place else None

    def note(self, made: JudgedWindow) -> None:
        place = bisect_left(self.windows, made.start, key=_start)
        is_repeat = place < len(self.windows) and self.windows[place].start == made.start
        self.windows[place : place + is_repeat] = [made]
        oldest = made.start - KEPT_US - 2 * self.longest_batch_us
        while self.windows[0].start < oldest:
            del self.windows[0]

    def needed_for(self, start: int) -> list[JudgedWindow]:
        """Return the windows that are needed to judge windows from `start`, µs, on."""
        place = bisect_left(self.windows, start, key=_start)
        return self.windows[max(0, place - 1) :]


class ReferenceBook:
    """The references of one partition's sessions.

    Parameters
    ----------
    length_us : int
        Length of a window, µs.
    max_sessions : int
        Beyond this number, sessions that hold no batch are dropped, the oldest first.
    begins_anew : bool
        Whether no worker of the group has read the partition before: then nothing has to be looked up.

    Attributes
    ----------
    earliest : int or None
        The earliest arrival of a batch whose session may have to be looked up, µs since the epoch; None before the
        first such batch.
    """

    def __init__(self, length_us: int, *, max_sessions: int, begins_anew: bool = False) -> None:
        self._length_us = length_us
        self._max_sessions = max_sessions
        self._begins_anew = begins_anew
        self._sessions: OrderedDict[SessionKey, _History] = OrderedDict()
        self.earliest: int | None = None

    def __len__(self) -> int:
        """Return the number of sessions."""
        return len(self._sessions)

    def receive(
        self, key: SessionKey, batch: SampleBatch, arrived: int, brought: list[JudgedWindow] | None = None
    ) -> None:
        """Note a batch before its windows are cut.

        Parameters
        ----------
        key : SessionKey
            Its session.
        batch : SampleBatch
            The batch.
        arrived : int
            When it reached the gateway, µs since the epoch.
        brought : list of JudgedWindow, optional
            The windows that the copy of a silent session's batch brings along.
        """
        history = self._sessions.get(key)
        if history is None:
            is_first = batch.earlier_until == NOTHING_EARLIER
            is_known = self._begins_anew or is_first or brought is not None
            history = self._sessions[key] = _History(is_known, arrived, list(brought or ()))
        else:
            history.arrived = max(history.arrived, arrived)
            self._sessions.move_to_end(key)
        if not history.is_known:
            self.earliest = arrived if self.earliest is None else min(self.earliest, arrived)
        history.longest_batch_us = max(history.longest_batch_us, int(batch.times.max() - batch.times.min()))

    def await_windows(self, key: SessionKey, count: int) -> None:
        """Note that a session's next windows were cut: it is not forgotten before they are judged."""
        history = self._sessions.get(key)
        if history is not None:
            history.awaited += count

    def is_known(self, key: SessionKey) -> bool:
        """Return whether a session's earlier windows are known, or it has none."""
        history = self._sessions.get(key)
        return history is not None and history.is_known

    def learn(self, key: SessionKey, windows: Iterable[JudgedWindow]) -> None:
        """Note a session's earlier windows, as they were looked up."""
        history = self._sessions.setdefault(key, _History(is_known=True, arrived=self.earliest or 0))
        history.is_known = True
        history.windows = sorted(windows, key=_start)

    def judge(
        self,
        key: SessionKey,
        prediction: Prediction,
        manifest: ReleaseManifest,
        values: NDArray[np.float32],
    ) -> Prediction:
        """Return the prediction of a window alone after the use of its session's reference.

        Windows of a session must come in the order of their starts, except those that are judged again.
        """
        history = self._sessions.get(key)
        if history is None:  # it was dropped as there are too many sessions
            history = self._sessions[key] = _History(is_known=True, arrived=prediction.arrived)
        history.awaited = max(0, history.awaited - 1)
        start, arrived = prediction.start, prediction.arrived
        reference = reference_for(history.before(start), start, arrived, self._length_us)
        made = judged(prediction, manifest, values, reference)
        history.note(JudgedWindow(start, arrived, reference_after(made)))
        return made

    def needed_for(self, key: SessionKey, batches: Iterable[SampleBatch]) -> list[JudgedWindow]:
        """Return what a session's next worker needs to know, if it begins with these batches."""
        history = self._sessions.get(key)
        if history is None:
            return []
        return history.needed_for(min(int(batch.times.min()) for batch in batches))

    def forget(self, latest: int, is_held: Callable[[SessionKey], bool]) -> int:
        """Drop the sessions that hold no batch and cannot continue with their reference; return how many too many.

        Sessions with windows that are not judged yet are kept.

        Parameters
        ----------
        latest : int
            The arrival of the partition's newest message, µs since the epoch.
        is_held : callable
            Returns whether a session holds a batch.
        """
        oldest = latest - LONGEST_PAUSE_US - CLOCK_MARGIN_US
        dropped = 0
        for key, history in list(self._sessions.items()):
            surplus = len(self._sessions) > self._max_sessions
            if history.arrived >= oldest and not surplus:
                break
            if not is_held(key) and not history.awaited:
                del self._sessions[key]
                dropped += history.arrived >= oldest
        return dropped
