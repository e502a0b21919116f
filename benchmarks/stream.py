"""Measure how many windows per second one processor classifies: `python -m benchmarks.stream`.

Kafka is first filled with the batches of many phones. Then a processor starts and reads them as fast as it can. The
time is measured from its first to its last prediction, as a consumer receives them. The embedded broker and the
consumer run on the same machine, so the figure is a lower bound.
"""

import asyncio
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from kafka import KafkaProducer

from deploy.addresses import choose_addresses
from deploy.audit.prediction_watch import PredictionWatch
from deploy.processes import ProcessGroup
from deploy.stack import Stack
from har import topics
from har.binary_samples import encode_batch
from har.samples import NOTHING_EARLIER, in_order_batch
from har.windowing import WindowSpec, recording_windows

DEVICES = 200
SECONDS = 60
RATE_HZ = 50
WAIT_SECONDS = 300


def messages() -> Iterator[tuple[bytes, bytes]]:
    """Yield key and value of each batch, in the order in which phones would send them."""
    begin = (time.time_ns() // 1000 // 1_000_000 - SECONDS) * 1_000_000
    axes = np.random.default_rng(0).normal([0, 0, 9.8], 2, (RATE_HZ, 3)).astype(np.float32)
    earlier = dict.fromkeys(range(DEVICES), NOTHING_EARLIER)
    for second in range(SECONDS):
        times = begin + second * 1_000_000 + np.arange(RATE_HZ) * (1_000_000 // RATE_HZ)
        for device in range(DEVICES):
            name = f"bench-{device:03}"
            batch = in_order_batch(name, "s", second, times, axes, earlier_until=earlier[device])
            earlier[device] = int(times[-1])
            yield name.encode(), encode_batch(batch)


def windows_per_device() -> int:
    """Return the number of windows in each device's readings."""
    times = np.arange(SECONDS * RATE_HZ) * (1_000_000 // RATE_HZ)
    return len(recording_windows(times, np.zeros((len(times), 3)), WindowSpec()).starts)


async def measure(folder: Path) -> None:
    stack = Stack(choose_addresses(), folder, ProcessGroup())
    watch = None
    try:
        await stack.start_servers()
        producer = KafkaProducer(bootstrap_servers=stack.addresses.kafka.servers, linger_ms=20)
        for key, value in messages():
            producer.send(topics.SAMPLES.name, key=key, value=value)
        await asyncio.to_thread(producer.flush)
        producer.close()
        watch = PredictionWatch(stack.addresses.kafka)
        watch.start()
        await stack.start_processor()
        expected = DEVICES * windows_per_device()
        seen = await asyncio.to_thread(watch.wait_for_count, expected, WAIT_SECONDS)
        span = seen.last_us - seen.first_us
        print(
            f"{len(seen.predictions)} of {expected} windows of {DEVICES} phones in {span / 1e6:.1f} s: "
            f"{len(seen.predictions) / (span / 1e6):.0f} windows/s with one processor"
        )
    finally:
        if watch is not None:
            watch.close()
        await stack.group.stop_all()


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(measure(Path(folder)))


if __name__ == "__main__":
    main()
