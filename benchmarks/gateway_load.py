"""Load one gateway with thousands of phones: `python -m benchmarks.gateway_load --phones 2000 --minutes 5`.

One gateway process, Apache Kafka with one broker, and the phones run on this machine. Each phone is a WebSocket that
sends a batch of 50 readings per second, at its own moment within the second, without waiting for the previous answer.
The report gives the time from sending a batch to its acknowledgement, the gateway's memory and CPU, and whether each
batch is in Kafka exactly once. The phones run in a separate process (`--phone-processes`: in several), so that their
CPU time is not counted as the gateway's.
"""

import argparse
import asyncio
import json
import multiprocessing
import random
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
from aiohttp import ClientSession, ClientTimeout, ClientWebSocketResponse, TCPConnector, WSMsgType

from deploy.addresses import choose_addresses
from deploy.audit.topic_reader import TopicReader
from deploy.kafka.cluster import KafkaCluster
from deploy.processes import ProcessGroup
from deploy.stack import Stack
from har import topics
from har.binary_samples import decode_batch, encode_batch
from har.process.kafka_connection import KafkaConnection
from har.samples import NOTHING_EARLIER, in_order_batch

READINGS = 50
SAMPLE_SECONDS = 5.0
#: The phones connect spread over this time.
ARRIVAL_SECONDS = 20.0
#: Largest slope of memory that counts as flat, MB/hour; over 5 minutes, allocator noise is larger than over 30.
MOST_GROWTH_MB_PER_HOUR = 100.0
WARM_UP_SHARE = 0.4


@dataclass
class PhoneResults:
    """Results of the phones of one process.

    Attributes
    ----------
    sent, accepted : int
        Batches sent, and acknowledged.
    unexpected : dict of str to int
        Other messages and errors, with their number.
    milliseconds : list of float
        Times from sending to acknowledgement, ms.
    """

    sent: int
    accepted: int
    unexpected: dict[str, int]
    milliseconds: list[float]


class LoadPhone:
    """A phone that sends a batch per second and measures the time to each answer."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.sent = 0
        self.accepted = 0
        self.unexpected: Counter[str] = Counter()
        self.milliseconds: list[float] = []
        self._sent_at: dict[int, float] = {}
        self._has_sent_all = False
        self._axes = np.random.default_rng(0).normal([0, 0, 9.8], 2, (READINGS, 3)).astype(np.float32)

    async def stream(self, session: ClientSession, url: str, delay: float, until: float) -> None:
        await asyncio.sleep(delay)
        async with session.ws_connect(url, compress=0, autoping=True) as socket:
            receiving = asyncio.create_task(self._receive(socket))
            earlier, due = NOTHING_EARLIER, time.monotonic()
            while due < until:
                newest = time.time_ns() // 1000
                times = newest - np.arange(READINGS, dtype=np.int64)[::-1] * 20_000
                batch = in_order_batch(self.name, "load", self.sent, times, self._axes, earlier_until=earlier)
                self._sent_at[self.sent] = time.monotonic()
                await socket.send_bytes(encode_batch(batch))
                self.sent += 1
                earlier, due = newest, due + 1
                await asyncio.sleep(max(0.0, due - time.monotonic()))
            self._has_sent_all = True
            if self._sent_at:
                async with asyncio.timeout(60):
                    await receiving
            receiving.cancel()

    async def _receive(self, socket: ClientWebSocketResponse) -> None:
        async for message in socket:
            if message.type is not WSMsgType.TEXT:
                self.unexpected[str(message.type)] += 1
                return
            answer = json.loads(message.data)
            if answer["type"] != "accepted":
                self.unexpected[answer["type"] + ":" + str(answer.get("code", answer.get("reason")))] += 1
                continue
            self.accepted += 1
            self.milliseconds.append(1_000 * (time.monotonic() - self._sent_at.pop(answer["sequence"])))
            if self._has_sent_all and not self._sent_at:
                return


def run_phones(
    url: str, first: int, count: int, seconds: float, results: "multiprocessing.Queue[PhoneResults]"
) -> None:
    async def all_phones() -> PhoneResults:
        phones = [LoadPhone(f"load-{number:05}") for number in range(first, first + count)]
        until = time.monotonic() + ARRIVAL_SECONDS + seconds
        connector = TCPConnector(limit=0)
        async with ClientSession(connector=connector, timeout=ClientTimeout(total=None)) as session:
            delays = [random.uniform(0, ARRIVAL_SECONDS) for _ in phones]
            done = await asyncio.gather(
                *(phone.stream(session, url, delay, until) for phone, delay in zip(phones, delays, strict=True)),
                return_exceptions=True,
            )
        unexpected: Counter[str] = Counter()
        for phone, end in zip(phones, done, strict=True):
            unexpected.update(phone.unexpected)
            if end is not None:
                unexpected[repr(end)] += 1
        times = [milliseconds for phone in phones for milliseconds in phone.milliseconds]
        return PhoneResults(
            sum(phone.sent for phone in phones), sum(phone.accepted for phone in phones), dict(unexpected), times
        )

    results.put(asyncio.run(all_phones()))


def count_batches(kafka: KafkaConnection) -> Counter[tuple[str, int]]:
    """Return how many copies of each batch Kafka has, by device and sequence number."""
    found: Counter[tuple[str, int]] = Counter()
    with TopicReader(kafka, topics.SAMPLES.name) as reader:
        reader.open()
        for records in reader.read_to_end():
            for record in records:
                batch = decode_batch(record.value or b"")
                found[batch.device, batch.sequence] += 1
    return found


async def load(folder: Path, phones: int, seconds: float, phone_processes: int) -> bool:
    with KafkaCluster(folder / "kafka") as cluster, (folder / "log").open("w") as log:
        group = ProcessGroup(log)
        stack = Stack(choose_addresses(kafka=cluster.kafka), folder, group)
        context = multiprocessing.get_context("spawn")
        results = context.Queue()
        try:
            await stack.start_servers()
            await stack.start_gateway()
            gateway = psutil.Process(stack.programs["gateway"].process.pid)
            share = phones // phone_processes
            senders = [
                context.Process(
                    target=run_phones, args=(stack.addresses.gateway_url, n * share, share, seconds, results)
                )
                for n in range(phone_processes)
            ]
            for sender in senders:
                sender.start()
            memory = []
            began, cpu_before = time.monotonic(), sum(gateway.cpu_times()[:2])
            while any(sender.is_alive() for sender in senders) and results.qsize() < len(senders):
                now = time.monotonic() - began
                if now < ARRIVAL_SECONDS + seconds:
                    memory.append((now, gateway.memory_info().rss / 1e6))
                    cpu = sum(gateway.cpu_times()[:2])
                    print(
                        f"{now:5.0f} s  gateway {memory[-1][1]:6.1f} MB  {100 * cpu / max(now, 1):3.0f} % of a core",
                        flush=True,
                    )
                await asyncio.sleep(SAMPLE_SECONDS)
            used = (sum(gateway.cpu_times()[:2]) - cpu_before) / (ARRIVAL_SECONDS + seconds)
            phone_results = [results.get(timeout=60) for _ in senders]
            for sender in senders:
                sender.join()
            batches = await asyncio.to_thread(count_batches, cluster.kafka)
            restarts = stack.programs["gateway"].starts
        finally:
            await group.stop_all()
    return report(phone_results, batches, memory, used, restarts)


def report(
    results: list[PhoneResults],
    batches: Counter[tuple[str, int]],
    memory: list[tuple[float, float]],
    used: float,
    starts: int,
) -> bool:
    sent, accepted = sum(phones.sent for phones in results), sum(phones.accepted for phones in results)
    unexpected = sum((Counter(phones.unexpected) for phones in results), Counter())
    p50, p99, most = np.percentile(np.concatenate([phones.milliseconds for phones in results]), [50, 99, 100])
    times, values = np.array(memory[int(len(memory) * WARM_UP_SHARE) :]).T
    slope = float(np.polyfit(times, values, 1)[0] * 3_600)
    duplicated = sum(count - 1 for count in batches.values())
    print(
        f"\nsent {sent}, acknowledged {accepted}, in Kafka {len(batches)}, duplicated {duplicated}; "
        f"unexpected: {dict(unexpected)}"
    )
    print(f"time to acknowledgement: p50 {p50:.0f} ms, p99 {p99:.0f} ms, at most {most:.0f} ms")
    print(f"gateway: {100 * used:.0f} % of a core, {values[-1]:.0f} MB at the end, slope {slope:+.0f} MB/hour")
    is_whole = sent == accepted == len(batches) and not duplicated and not unexpected and starts == 1
    return is_whole and p99 < 500 and slope < MOST_GROWTH_MB_PER_HOUR


def argument_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--phones", type=int, default=2_000, help="number of phones")
    parser.add_argument("--minutes", type=float, default=5, help="duration of the load")
    parser.add_argument("--phone-processes", type=int, default=1, help="processes that the phones run in")
    return parser


def main() -> int:
    chosen = argument_parser().parse_args()
    with tempfile.TemporaryDirectory(prefix="har-load-") as folder:
        met = asyncio.run(load(Path(folder), chosen.phones, 60 * chosen.minutes, chosen.phone_processes))
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
