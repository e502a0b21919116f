"""Cut the windows of a recording that is read piece by piece, in memory that does not grow with its length."""

import numpy as np
from numpy.typing import NDArray

from har.merging import merge_readings, split_at_gaps
from har.resampling import Times
from har.time_units import MICROSECONDS
from har.windowing import Stretch, WindowSpec, WindowValues

#: Readings may stand in a file before others that are older by this, µs. Real recordings go back by less than a second.
DISORDER_US = 60 * MICROSECONDS


class RecordingCutter:
    """Cuts windows equal bit for bit to those of `har.windowing.recording_windows`.

    Parameters
    ----------
    spec : WindowSpec
        How windows are cut.
    disorder_us : int
        How far times may go back, µs. Readings are held for so long.

    Attributes
    ----------
    late : int
        Readings that came too late for their windows, and were left out. The windows around them lack them.
    repeats, conflicts : int
        Readings with the time of another reading, and those of them whose values differ.
    """

    def __init__(self, spec: WindowSpec, disorder_us: int = DISORDER_US) -> None:
        self.late = 0
        self.repeats = 0
        self.conflicts = 0
        self._spec = spec
        self._disorder_us = disorder_us
        self._stretch = Stretch(spec)
        self._times: Times = np.empty(0, np.int64)
        self._axes = np.empty((0, 3))
        self._cut_until: int | None = None

    def add(self, times: Times, axes: NDArray[np.floating]) -> list[WindowValues]:
        """Add readings; return the windows that they complete.

        Parameters
        ----------
        times : ndarray of int64, shape (n,)
            Event times, µs, in any order within `disorder_us`.
        axes : ndarray of float, shape (n, 3)
            m/s², gravity included.
        """
        if not len(times):
            return []
        if self._cut_until is not None:
            in_time = times >= self._cut_until
            self.late += len(times) - int(in_time.sum())
            times, axes = times[in_time], axes[in_time]
        self._times = np.concatenate((self._times, times))
        self._axes = np.concatenate((self._axes, axes.astype(np.float64)))
        newest = int(self._times.max(initial=np.iinfo(np.int64).min))
        return self._cut(newest - self._disorder_us) if len(self._times) else []

    def finish(self) -> list[WindowValues]:
        """Return the windows of the readings that are held; nothing may be added afterwards."""
        return self._cut(int(self._times.max()) + 1) if len(self._times) else []

    def _cut(self, until: int) -> list[WindowValues]:
        """Return the windows of the held readings before `until`."""
        is_ready = self._times < until
        if not is_ready.any():
            return []
        merged = merge_readings(self._times[is_ready], self._axes[is_ready])
        self._times, self._axes = self._times[~is_ready], self._axes[~is_ready]
        self._cut_until = until
        self.repeats += merged.repeats
        self.conflicts += merged.conflicts
        windows: list[WindowValues] = []
        for place in split_at_gaps(merged.times, self._spec.gap_us):
            last, first = self._stretch.last_time, int(merged.times[place.start])
            if last is not None and first - last > self._spec.gap_us:
                self._stretch = Stretch(self._spec)
            windows += self._stretch.extend(merged.piece(place))
        return windows
