"""Measure how long a worker reads predictions back before it continues sessions: `python -m benchmarks.read_back`.

Apache Kafka is filled with the predictions of 20 min, one a second for each device, in 12 partitions. Then all
partitions are read back, as by the only worker of a group after a restart: once where every session is found, and once
where one in each partition is not (needs Java and Maven).
"""

import asyncio
import resource
import tempfile
import time
from pathlib import Path

from kafka import KafkaProducer

from deploy.kafka.cluster import KafkaCluster
from deploy.topics import create_topics
from har import topics
from har.predictions import Prediction, encode_prediction
from har.process.clock import now_us
from har.process.kafka_connection import KafkaConnection
from har.time_units import MICROSECONDS
from har.upright import Reference
from stream_processor.earlier_predictions import EarlierPredictions
from stream_processor.predictions_log import KafkaPredictions
from stream_processor.sessions import SessionKey

DEVICES = (50, 1_000)
SECONDS = 1_200
PARTITIONS = 12
#: How long before the end the readings begin that are read again, s.
READ_AGAIN_SECONDS = 20


def fill(kafka: KafkaConnection, devices: int, now: int) -> None:
    """Write the predictions of some devices until `now`, µs since the epoch."""
    producer = KafkaProducer(bootstrap_servers=kafka.servers, linger_ms=20, batch_size=262_144)
    reference = Reference((0.0141, 0.9817, 0.1899), 20)
    probabilities = {"sit": 0.0523, "stand": 0.9011, "walk": 0.0212, "stairsup": 0.0127, "stairsdown": 0.0127}
    for second in range(-SECONDS, 0):
        arrived = now + second * MICROSECONDS
        for device in range(devices):
            name, start = f"phone-{device:04}", arrived - 4 * MICROSECONDS
            of = (name, "s1", start, arrived, "stand", 0.9011, probabilities, "baseline-2026-11-26", arrived)
            value = encode_prediction(Prediction(*of, lean=0.9934, reference=reference))
            producer.send(topics.PREDICTIONS.name, key=name.encode(), value=value)
    producer.flush()
    producer.close()


async def read_back(kafka: KafkaConnection, devices: int, now: int, *, is_found: bool) -> tuple[int, int]:
    """Look up every device; return the number of messages that were read, and of windows that are kept."""
    messages = 0

    def count(read: int, _: float) -> None:
        nonlocal messages
        messages += read

    earlier, windows = EarlierPredictions(KafkaPredictions(kafka), on_read=count), 0
    for device in range(devices):
        key = SessionKey(f"phone-{device:04}", "s1")
        begins = now - READ_AGAIN_SECONDS * MICROSECONDS
        windows += len(await earlier.of(key, 1, begins, begins if is_found else 0))
    await earlier.close()
    return messages, windows


def report(kafka: KafkaConnection, devices: int, now: int, *, is_found: bool) -> None:
    """Read back, and print how long it took."""
    before = resource.getrusage(resource.RUSAGE_SELF)
    began, cpu = time.monotonic(), time.process_time()
    messages, windows = asyncio.run(read_back(kafka, devices, now, is_found=is_found))
    seconds, cpu = time.monotonic() - began, time.process_time() - cpu
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before.ru_maxrss) / 1_000
    print(
        f"{devices} devices, {'every session is found' if is_found else 'some session is not found'}: {messages} "
        f"predictions in {seconds:.1f} s ({cpu:.1f} s of CPU), {windows} windows kept, {grown:.0f} MB more at most"
    )


def main() -> None:
    for devices in DEVICES:
        with tempfile.TemporaryDirectory() as folder, KafkaCluster(Path(folder) / "kafka") as cluster:
            create_topics(cluster.kafka, partitions=PARTITIONS, replication=1)
            now = now_us()
            fill(cluster.kafka, devices, now)
            for is_found in (True, False):
                report(cluster.kafka, devices, now, is_found=is_found)
            cluster.kill_all()


if __name__ == "__main__":
    main()
