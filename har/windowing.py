"""Windows on the absolute event-time grid; the stream, the trainer and the edge use the same code.

A window is `WindowSpec.steps` consecutive values of the resampled signal (`har.resampling`), starting at a
multiple of the hop since the Unix epoch. Which windows exist, and every bit of their values, depend only on the
readings, not on where reading began.

* Readings that are more than `WindowSpec.gap_us` apart belong to different **stretches**. No window crosses
  from one stretch to another.
* A window exists if everything it needs was measured: the filter's reach on both sides, and one further reading
  beyond. Nothing is extrapolated or padded.
* Readings with the same time are merged. If their values differ, the smallest ``(x, y, z)`` is kept, so the
  order of arrival does not matter. Conflicts are counted.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from har.merging import NO_READINGS, Merged, merge_readings, split_at_gaps
from har.resampling import (
    OVERSAMPLING,
    Times,
    grid_values,
    last_supported_point,
    reach_us,
    supported_from_us,
)
from har.signal_quality import Reason, SignalBounds, SignalQuality, signal_quality
from har.time_units import MICROSECONDS


class WindowSpec(msgspec.Struct, frozen=True):
    """How windows are cut; a release's manifest states it for its network.

    Attributes
    ----------
    steps : int
        Values per window.
    rate_hz : int
        Sample rate of the grid, Hz.
    hop_us : int
        Time from one window's start to the next, µs.
    gap_us : int
        A longer time between two readings ends a stretch, µs.

    Raises
    ------
    ValueError
        If the grid's period is not a whole number of interpolated points in µs, or the hop not a whole
        number of periods.
    """

    steps: int = 200
    rate_hz: int = 50
    hop_us: int = MICROSECONDS
    gap_us: int = MICROSECONDS

    def __post_init__(self) -> None:
        if self.steps < 1 or self.rate_hz < 1 or self.hop_us < 1 or self.gap_us < 1:
            raise ValueError("steps, rate_hz, hop_us and gap_us must be positive")
        if MICROSECONDS % (self.rate_hz * OVERSAMPLING):
            raise ValueError(f"{OVERSAMPLING} x {self.rate_hz} Hz has no whole number of µs as its period")
        if self.hop_us % self.period_us:
            raise ValueError(f"hop_us {self.hop_us} is not a multiple of the period {self.period_us} µs")

    @property
    def period_us(self) -> int:
        """Time between two values of a window, µs."""
        return MICROSECONDS // self.rate_hz

    @property
    def length_us(self) -> int:
        """Length of a window: steps times period, µs."""
        return self.steps * self.period_us


class WindowValues(NamedTuple):
    """One window.

    Attributes
    ----------
    start : int
        µs since the epoch.
    values : ndarray of float32, shape (steps, 3)
        m/s², gravity included.
    quality : SignalQuality
        The quality of the readings under it.
    """

    start: int
    values: NDArray[np.float32]
    quality: SignalQuality


@dataclass(frozen=True)
class RecordingWindows:
    """The windows of one recording.

    Attributes
    ----------
    starts : ndarray of int64, shape (n,)
        Event time of each window's first value, µs, increasing.
    values : ndarray of float32, shape (n, steps, 3)
        m/s², gravity included.
    qualities : list of SignalQuality
        The quality of the readings under each window.
    repeats, conflicts : int
        Number of readings with the time of another reading, and of those whose values differ.
    """

    starts: Times
    values: NDArray[np.float32]
    qualities: list[SignalQuality]
    repeats: int
    conflicts: int

    def __iter__(self) -> Iterator[WindowValues]:
        """Return the windows one by one."""
        return map(WindowValues, self.starts.tolist(), self.values, self.qualities)

    def reasons(self, bounds: SignalBounds) -> list[Reason | None]:
        """Return for each window why it cannot be classified; None if it can."""
        return [bounds.reason(quality) for quality in self.qualities]


def recording_windows(times: Times, axes: NDArray[np.floating], spec: WindowSpec | None = None) -> RecordingWindows:
    """Cut all windows of a whole recording.

    Parameters
    ----------
    times : ndarray of int64, shape (n,)
        Event times in µs since the epoch, in any order.
    axes : ndarray of float32, shape (n, 3)
        Acceleration in m/s², gravity included.
    spec : WindowSpec, optional
        By default 200 steps at 50 Hz, every second.

    Examples
    --------
    Ten seconds of a phone that lies still, at 100 Hz. The windows at 0 s and 6 s do not exist, as readings on one
    side are missing:

    >>> times = np.arange(0, 10_000_000, 10_000)
    >>> windows = recording_windows(times, np.tile(np.float32([0, 0, 9.81]), (1000, 1)))
    >>> (windows.starts // 1_000_000).tolist()
    [1, 2, 3, 4, 5]
    >>> windows.values.shape
    (5, 200, 3)
    """
    spec = spec or WindowSpec()
    merged = merge_readings(np.asarray(times, np.int64), np.asarray(axes, np.float64))
    windows: list[WindowValues] = []
    for place in split_at_gaps(merged.times, spec.gap_us):
        windows += Stretch(spec).extend(merged.piece(place))
    return RecordingWindows(
        np.array([window.start for window in windows], np.int64),
        np.stack([window.values for window in windows]) if windows else np.empty((0, spec.steps, 3), np.float32),
        [window.quality for window in windows],
        merged.repeats,
        merged.conflicts,
    )


class Stretch:
    """Cuts windows from one stretch of readings without a gap, given piece by piece.

    It keeps only the readings that future windows need. The readings may be split anywhere; the windows are equal bit
    for bit.
    """

    def __init__(self, spec: WindowSpec) -> None:
        self._spec = spec
        self._reach = reach_us(spec.period_us)
        self._readings = NO_READINGS
        self._next_start: int | None = None
        self._grid_first = 0  # the grid point of the first value kept
        self._grid: NDArray[np.float32] = np.empty((0, 3), np.float32)

    @property
    def needed_from(self) -> int | None:
        """Time of the oldest reading that a future window needs, µs; None before any reading."""
        times = self._readings.times
        return int(times[0]) if len(times) else None

    @property
    def last_time(self) -> int | None:
        """Time of the newest reading, µs; None before any reading."""
        times = self._readings.times
        return int(times[-1]) if len(times) else None

    def __len__(self) -> int:
        """Return how many readings are kept."""
        return len(self._readings.times)

    def extend(self, readings: Merged) -> list[WindowValues]:
        """Add the next readings; return the windows that they complete.

        Parameters
        ----------
        readings : Merged
            All later than the previous readings and without a gap.
        """
        self._readings = self._readings.followed_by(readings)
        if self._next_start is None and not self._find_first_window():
            return []
        self._extend_grid()
        windows = self._cut()
        self._trim()
        return windows

    def _find_first_window(self) -> bool:
        times = self._readings.times
        if len(times) < 2:
            return False
        hop = self._spec.hop_us
        self._next_start = -(-supported_from_us(times, self._spec.period_us) // hop) * hop
        self._grid_first = self._next_start // self._spec.period_us
        return True

    def _extend_grid(self) -> None:
        times = self._readings.times
        if len(times) < 4:
            return
        period = self._spec.period_us
        first = self._grid_first + len(self._grid)
        last = last_supported_point(times, period)
        if last < first:
            return
        values = grid_values(times, self._readings.axes, first, last, period).astype(np.float32)
        self._grid = np.concatenate((self._grid, values))

    def _cut(self) -> list[WindowValues]:
        assert self._next_start is not None
        spec, windows = self._spec, []
        offset = 0
        while offset + spec.steps <= len(self._grid):
            values = self._grid[offset : offset + spec.steps].copy()
            quality = window_quality(self._readings, self._next_start, spec)
            windows.append(WindowValues(self._next_start, values, quality))
            self._next_start += spec.hop_us
            offset += spec.hop_us // spec.period_us
        self._grid = self._grid[offset:]
        self._grid_first = max(self._grid_first, self._next_start // spec.period_us)
        return windows

    def _trim(self) -> None:
        assert self._next_start is not None
        before = int(np.searchsorted(self._readings.times, self._next_start - self._reach, side="right")) - 2
        if before > 0:
            self._readings = self._readings.piece(slice(before, None))


def window_quality(readings: Merged, start: int, spec: WindowSpec) -> SignalQuality:
    """Measure the quality of the readings under a window: those within the reach of its filter, and one on each side.

    Parameters
    ----------
    readings : Merged
        The readings of the window's stretch, which supports the window.
    start : int
        The window's start, µs.
    spec : WindowSpec
        How windows are cut.
    """
    reach = reach_us(spec.period_us)
    end = start + spec.length_us - spec.period_us + reach
    first = int(np.searchsorted(readings.times, start - reach, side="right")) - 1
    last = int(np.searchsorted(readings.times, end, side="right")) + 1
    under = readings.piece(slice(first, last))
    return signal_quality(under.times, under.axes, under.contested)
