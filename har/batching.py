"""Cut readings into batches, with promises as strong as the known readings allow (`har.samples`)."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from har.samples import MAX_SPAN_US, NOTHING_EARLIER, Axes, SampleBatch, Times, check_identifier, in_order_batch


@dataclass(frozen=True)
class SessionName:
    """The device and session whose readings are cut into batches."""

    device: str
    session: str


class LiveBatches:
    """Cuts readings into batches as they arrive, in strictly increasing time.

    Parameters
    ----------
    name : SessionName
        The readings' device and session.
    size : int
        Most readings in a batch. A batch has fewer if it would otherwise span more than `har.samples.MAX_SPAN_US`.

    Raises
    ------
    RejectedMessage
        If the device's or the session's name is invalid.

    Examples
    --------
    >>> batches = LiveBatches(SessionName("phone", "s1"), 50)
    >>> batches.add(np.arange(120) * 20_000 + 1_700_000_000_000_000, np.zeros((120, 3), np.float32))
    >>> batches.has_full, len(batches.cut()), len(batches.cut()), batches.has_full, len(batches.cut())
    (True, 50, 50, False, 20)
    """

    def __init__(self, name: SessionName, size: int) -> None:
        check_identifier("device", name.device)
        check_identifier("session", name.session)
        self._name = name
        self._size = size
        self._times: Times = np.empty(0, np.int64)
        self._axes: Axes = np.empty((0, 3), np.float32)
        self._last_time = NOTHING_EARLIER
        self._cut_until = NOTHING_EARLIER
        self._next_sequence = 0

    @property
    def has_full(self) -> bool:
        """Whether the next batch is full."""
        return len(self._times) >= self._size or _batch_length(self._times, self._size) < len(self._times)

    @property
    def has_any(self) -> bool:
        """Whether the next batch has any reading."""
        return len(self._times) > 0

    def add(self, times: Times, axes: Axes) -> None:
        """Add readings.

        Parameters
        ----------
        times : ndarray of int64, shape (n,)
            µs since the epoch, strictly increasing over the whole session.
        axes : ndarray of float32, shape (n, 3)
            m/s², gravity included.

        Raises
        ------
        ValueError
            If a time is not later than the one before; no reading is added then.
        """
        if not len(times):
            return
        if int(times[0]) <= self._last_time or not bool((times[1:] > times[:-1]).all()):
            raise ValueError("event times must strictly increase")
        self._last_time = int(times[-1])
        self._times = np.concatenate((self._times, times))
        self._axes = np.concatenate((self._axes, axes.astype(np.float32, copy=False)))

    def cut(self) -> SampleBatch:
        """Return the next batch, full or not."""
        length = _batch_length(self._times, self._size)
        times, self._times = self._times[:length], self._times[length:]
        axes, self._axes = self._axes[:length], self._axes[length:]
        device, session = self._name.device, self._name.session
        batch = in_order_batch(device, session, self._next_sequence, times, axes, earlier_until=self._cut_until)
        self._next_sequence += 1
        self._cut_until = int(times[-1])
        return batch


def batches_of_recording(
    name: SessionName, times: Times, axes: Axes, size: int, *, shift_us: int = 0
) -> Iterator[SampleBatch]:
    """Cut a whole recording into batches of up to `size` readings, in the order of the recording.

    The readings may be out of order. All of them are known, so each batch's promises are exact. Little more than a
    batch is in memory if the recording itself is in a file (`numpy.memmap`).

    Parameters
    ----------
    times : ndarray of int64, shape (n,)
        µs since the epoch, in the order of recording.
    axes : ndarray of float32, shape (n, 3)
        m/s², gravity included.
    shift_us : int
        Added to the times, µs.
    """
    oldest_from = _OldestFrom(times)
    begin, sequence, earlier = 0, 0, NOTHING_EARLIER
    while begin < len(times):
        end = begin + _batch_length(times[begin : begin + size], size)
        some = times[begin:end] + shift_us
        newest = int(some.max())
        later_from = newest + 1
        if end < len(times):
            later_from = min(later_from, oldest_from(end) + shift_us)
        own_axes = np.ascontiguousarray(axes[begin:end])
        yield SampleBatch(name.device, name.session, sequence, some, own_axes, earlier, earlier, later_from)
        earlier = max(earlier, newest) if sequence else newest
        begin, sequence = end, sequence + 1


class _OldestFrom:
    """The oldest of some times from an index on; it keeps one number for each block of them."""

    _BLOCK = 8_192

    def __init__(self, times: Times) -> None:
        self._times = times
        oldest = [int(times[begin : begin + self._BLOCK].min()) for begin in range(0, len(times), self._BLOCK)]
        self._from_block = np.minimum.accumulate(oldest[::-1])[::-1]

    def __call__(self, index: int) -> int:
        block = index // self._BLOCK + 1
        oldest = int(self._times[index : block * self._BLOCK].min())
        return min(oldest, int(self._from_block[block])) if block < len(self._from_block) else oldest


def _batch_length(times: Times, size: int) -> int:
    """Return how many of the first `size` readings fit into one batch without exceeding its span."""
    some = times[:size]
    spans = np.maximum.accumulate(some) - np.minimum.accumulate(some)
    return int(np.searchsorted(spans, MAX_SPAN_US, side="right"))
