"""Whether the readings of a session tell enough to name an activity: the release's own check, on a session's pieces.

A window of a release is judged by `har.signal_quality.SignalBounds`. The same function judges the pieces of a
session that are as long as a window, without their values being resampled.

A recorder may write a row at a fixed rate, whether there is a new reading or not. Such repeated readings pass the
check of the release, but tell no more than the few that differ. Here they are counted, too, where the phone moves.
"""

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from har.merging import merge_readings
from har.resampling import Times
from har.signal_quality import Reason, SignalBounds, signal_quality
from har.time_units import MICROSECONDS
from har.windowing import WindowSpec

#: Of more pieces in a part, only so many are judged, evenly spread. It bounds the time of the check.
_MOST_JUDGED = 250
#: A piece with more readings is not kept for the next part, as its times have the wrong unit.
_MOST_KEPT = 20_000
#: A piece must cover this share of its length to be judged.
_LEAST_COVERED = 0.9
_FEWEST_READINGS = 3
#: A phone moves if the standard deviation of an axis exceeds this, m/s². At rest a coarse sensor repeats its values.
_MOVING = 0.5
#: Readings are repeated if fewer differ from the one before them than this share of the release's lowest rate.
_FEWEST_DIFFERENT = 0.75


@dataclass
class Readability:
    """Counts the pieces of one session that cannot be classified.

    Attributes
    ----------
    spec : WindowSpec
        How the release's windows are cut.
    bounds : SignalBounds
        The least quality of the readings that the release needs.
    judged : int
        Number of judged pieces.
    reasons : Counter of Reason
        Number of those that cannot be classified, by reason.
    moving, repeated : int
        Number of the others in which the phone moves, and of these in which most readings repeat the one before them.
    """

    spec: WindowSpec
    bounds: SignalBounds
    judged: int = 0
    reasons: Counter[Reason] = field(default_factory=Counter)
    moving: int = 0
    repeated: int = 0
    _times: Times = field(default_factory=lambda: np.empty(0, np.int64))
    _axes: NDArray[np.float32] = field(default_factory=lambda: np.empty((0, 3), np.float32))

    def add(self, times: Times, axes: NDArray[np.float32]) -> None:
        """Add finite readings in order of time; the last piece waits for the next ones."""
        if len(self._times) and len(times) and times[0] >= self._times[-1]:
            times, axes = np.append(self._times, times), np.concatenate((self._axes, axes))
        numbers = times // self.spec.length_us
        cuts = np.append(0, np.flatnonzero(numbers[1:] != numbers[:-1]) + 1)
        ends = cuts[1:]
        step = -(-len(ends) // _MOST_JUDGED) or 1
        for begin, end in zip(cuts[:-1:step].tolist(), ends[::step].tolist(), strict=True):
            self._judge(times[begin : end + 1], axes[begin : end + 1])
        last = cuts[-1] if len(times) - cuts[-1] <= _MOST_KEPT else len(times)
        self._times, self._axes = times[last:].copy(), axes[last:].copy()

    def finish(self) -> None:
        """Judge the last piece."""
        self._judge(self._times, self._axes)
        self._times = self._times[:0]

    def join(self, later: "Readability") -> None:
        """Add what was counted of other readings. Both must be finished."""
        self.judged += later.judged
        self.reasons.update(later.reasons)
        self.moving += later.moving
        self.repeated += later.repeated

    @property
    def unreadable_share(self) -> float:
        """Share of the judged pieces that cannot be classified; 0 if none was judged."""
        return self.reasons.total() / self.judged if self.judged else 0.0

    @property
    def is_repeated(self) -> bool:
        """Whether the readings are repeated in most of the pieces in which the phone moves."""
        return self.repeated > self.moving / 2

    def _judge(self, times: Times, axes: NDArray[np.float32]) -> None:
        """Judge the readings of a piece, and the first one after it."""
        if len(times) < _FEWEST_READINGS or times[-1] - times[0] < _LEAST_COVERED * self.spec.length_us:
            return
        merged = merge_readings(times, axes.astype(np.float64))
        if len(merged.times) < _FEWEST_READINGS:
            return
        # A gap ends a stretch in the stream, so no window lies over it.
        if int(np.diff(merged.times).max()) > self.spec.gap_us:
            return
        self.judged += 1
        reason = self.bounds.reason(signal_quality(merged.times, merged.axes, merged.contested))
        if reason is not None:
            self.reasons[reason] += 1
        elif merged.axes.std(axis=0).max() > _MOVING:
            different = np.count_nonzero((merged.axes[1:] != merged.axes[:-1]).any(axis=1))
            rate_hz = different * MICROSECONDS / int(merged.times[-1] - merged.times[0])
            self.moving += 1
            self.repeated += bool(rate_hz < _FEWEST_DIFFERENT * self.bounds.lowest_rate_hz)
