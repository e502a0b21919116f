"""Batches for tests of the services."""

import time

import numpy as np

from har.samples import NOTHING_EARLIER, SampleBatch, in_order_batch


def live_batches(
    count: int, *, device: str = "phone-1", session: str = "s1", rate_hz: int = 50, end_us: int | None = None
) -> list[SampleBatch]:
    """Return consecutive one-second batches that end at the last whole second, or at `end_us`, µs.

    How many windows they make depends on where in a second they begin.
    """
    begin = (int(time.time()) * 1_000_000 if end_us is None else end_us) - count * 1_000_000
    batches, earlier = [], NOTHING_EARLIER
    for number in range(count):
        times = begin + number * 1_000_000 + np.arange(rate_hz) * (1_000_000 // rate_hz)
        axes = np.random.default_rng(number).normal([0, 0, 9.8], 3, (rate_hz, 3)).astype(np.float32)
        batches.append(in_order_batch(device, session, number, times, axes, earlier_until=earlier))
        earlier = int(times[-1])
    return batches
