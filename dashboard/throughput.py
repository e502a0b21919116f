"""Windows per second and latency percentiles over sliding intervals, in constant memory."""

import math

import numpy as np
from numpy.typing import NDArray

RATE_SECONDS = 10
LATENCY_SECONDS = 60
_FIRST_EDGE_MS = 0.1
_RATIO = 1.05
_BUCKETS = 320  # up to about 10 minutes


class Throughput:
    """Counts windows and latencies in one histogram per second, with buckets that grow by 5%.

    Parameters
    ----------
    now : float
        Time of a monotonic clock, s. All later calls must use the same clock.

    Examples
    --------
    >>> throughput = Throughput(now=0.0)
    >>> for second in range(1, 11):
    ...     for _ in range(8):
    ...         throughput.add(latency_ms=100.0, now=float(second))
    >>> throughput.windows_per_second(now=11.0)
    8.0
    >>> 95 < throughput.latency_ms(0.5, now=11.0) < 105
    True
    """

    def __init__(self, now: float) -> None:
        self._histograms: NDArray[np.int64] = np.zeros((LATENCY_SECONDS, _BUCKETS), np.int64)
        self._started = int(now)
        self._second = int(now)

    def add(self, latency_ms: float, now: float) -> None:
        """Count one window with its latency, ms."""
        self._advance(now)
        bucket = math.log(max(latency_ms, _FIRST_EDGE_MS) / _FIRST_EDGE_MS, _RATIO)
        self._histograms[self._second % LATENCY_SECONDS, min(int(bucket), _BUCKETS - 1)] += 1

    def windows_per_second(self, now: float) -> float:
        """Return the windows per second over the last ten whole seconds, or over all if there are fewer."""
        self._advance(now)
        span = min(RATE_SECONDS, self._second - self._started)
        if span < 1:
            return 0.0
        rows = [(self._second - back) % LATENCY_SECONDS for back in range(1, span + 1)]
        return float(self._histograms[rows].sum()) / span

    def latency_ms(self, quantile: float, now: float) -> float | None:
        """Return a quantile (0 to 1) of the last minute's latencies, ms; None after ten whole seconds without a window.

        Such a stream may have stopped: the latencies of before would be taken for those of now.
        """
        self._advance(now)
        latest = [(self._second - back) % LATENCY_SECONDS for back in range(RATE_SECONDS + 1)]
        if not self._histograms[latest].any():
            return None
        counts = self._histograms.sum(axis=0)
        total = int(counts.sum())
        bucket = int(np.searchsorted(np.cumsum(counts), math.ceil(quantile * total)))
        return float(_FIRST_EDGE_MS * _RATIO ** (bucket + 0.5))

    def _advance(self, now: float) -> None:
        passed = int(now) - self._second
        for step in range(1, min(passed, LATENCY_SECONDS) + 1):
            self._histograms[(self._second + step) % LATENCY_SECONDS] = 0
        if passed > 0:
            self._second = int(now)
