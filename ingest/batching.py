"""Cutting readings into batches, with the promises that what is known of the future allows."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from har.samples import NOTHING_EARLIER, Axes, SampleBatch, Times


@dataclass(frozen=True)
class SessionName:
    """Whose readings are batched."""

    device: str
    session: str


def batches_of_recording(name: SessionName, times: Times, axes: Axes, size: int) -> Iterator[SampleBatch]:
    """Cut a whole recording into batches of `size` readings, in its own order.

    The recording may be out of order. As all of it is known, each batch can promise exactly how far back
    later ones will reach.

    Parameters
    ----------
    times : ndarray of int64, shape (n,)
        µs since the epoch, in the order of recording.
    axes : ndarray of float32, shape (n, 3)
        m/s².
    """
    newest_until = np.maximum.accumulate(times)
    oldest_from = np.minimum.accumulate(times[::-1])[::-1]
    for sequence, begin in enumerate(range(0, len(times), size)):
        end = min(begin + size, len(times))
        earlier = int(newest_until[begin - 1]) if begin else NOTHING_EARLIER
        after_all = int(times[begin:end].max()) + 1
        yield SampleBatch(
            name.device,
            name.session,
            sequence,
            times[begin:end],
            axes[begin:end],
            earlier,
            earlier,
            min(after_all, int(oldest_from[end])) if end < len(times) else after_all,
        )
