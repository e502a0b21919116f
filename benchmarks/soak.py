"""Stream for half an hour and record memory and lag.

    python -m benchmarks.soak [--minutes 5] [--phones 20]    # `make soak` runs it with the defaults

The system runs on Apache Kafka with simulated phones. Every ten seconds, the resident memory of each service and the
processor's lag are recorded, and at the end the log is audited. The command fails if memory grew, the processor fell
behind, a service restarted, or the audit found a fault.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import msgspec
import numpy as np
import psutil

from deploy.addresses import choose_addresses
from deploy.audit.auditing import audit
from deploy.audit.text import describe
from deploy.kafka.cluster import KafkaCluster
from deploy.processes import ProcessGroup
from deploy.stack import Stack, fetch_page, har
from stream_processor.health import HealthReport

SAMPLE_SECONDS = 10.0
SERVICES = ("gateway", "processor", "dashboard")
#: Share of the run in which caches and allocators fill up; the slope is computed from the rest.
WARM_UP_SHARE = 0.3
#: Largest slope of memory that counts as flat (allocator noise), MB/hour.
MOST_GROWTH_MB_PER_HOUR = 20.0
MOST_LAG_SECONDS = 10.0


async def watch(stack: Stack, seconds: float) -> tuple[dict[str, list[tuple[float, float]]], list[tuple[float, int]]]:
    """Return the memory of each service as (time in s, MB), and the lag as (time in s, messages)."""
    memory: dict[str, list[tuple[float, float]]] = defaultdict(list)
    lags = []
    began = time.monotonic()
    page = f"http://127.0.0.1:{stack.addresses.processor_page}/live"
    while (now := time.monotonic() - began) < seconds:
        for name in SERVICES:
            resident = psutil.Process(stack.programs[name].process.pid).memory_info().rss
            memory[name].append((now, resident / 1e6))
        report = msgspec.json.decode(await asyncio.to_thread(fetch_page, page), type=HealthReport)
        lags.append((now, sum(partition.lag or 0 for partition in report.partitions)))
        print(
            f"{now:6.0f} s  lag {lags[-1][1]:>5}  "
            + "  ".join(f"{name} {memory[name][-1][1]:.1f} MB" for name in SERVICES),
            flush=True,
        )
        await asyncio.sleep(SAMPLE_SECONDS)
    return memory, lags


def slope_per_hour(samples: list[tuple[float, float]]) -> float:
    """Return the slope of the samples after the warm-up, in units per hour."""
    times, values = np.array(samples[int(len(samples) * WARM_UP_SHARE) :]).T
    return float(np.polyfit(times, values, 1)[0] * 3_600)


async def soak(folder: Path, minutes: float, phones: int) -> bool:
    with KafkaCluster(folder / "kafka") as cluster, (folder / "log").open("w") as log:
        group = ProcessGroup(log)
        stack = Stack(choose_addresses(kafka=cluster.kafka), folder, group)
        try:
            await stack.start()
            words = ("simulate", "--devices", str(phones), "--gateway", stack.addresses.gateway_url)
            senders = await group.start("phones", har(*words, "--journal", str(folder / "journals")))
            memory, lags = await watch(stack, 60 * minutes)
            await group.stop(senders)
            found = await asyncio.to_thread(audit, cluster.kafka, journals=folder / "journals")
            starts = {name: stack.programs[name].starts for name in SERVICES}
        finally:
            await group.stop_all()
    print(f"\n{phones} phones for {minutes:g} min\n{describe(found)}\n")
    slopes = {name: slope_per_hour(memory[name]) for name in SERVICES}
    for name, slope in slopes.items():
        print(f"{name:<10} {memory[name][-1][1]:6.1f} MB at the end, slope {slope:+.1f} MB/hour, starts {starts[name]}")
    most_lag = max(lag for _, lag in lags[len(lags) // 2 :])
    print(f"lag: slope {slope_per_hour([(t, float(lag)) for t, lag in lags]):+.1f} messages/hour, at most {most_lag}")
    is_flat = all(slope < MOST_GROWTH_MB_PER_HOUR for slope in slopes.values())
    keeps_up = most_lag < MOST_LAG_SECONDS * 5 * phones
    return found.is_clean and is_flat and keeps_up and set(starts.values()) == {1}


def argument_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30, help="duration of the run")
    parser.add_argument("--phones", type=int, default=50, help="number of simulated phones")
    return parser


def main() -> int:
    chosen = argument_parser().parse_args()
    with tempfile.TemporaryDirectory(prefix="har-soak-") as folder:
        return 0 if asyncio.run(soak(Path(folder), chosen.minutes, chosen.phones)) else 1


if __name__ == "__main__":
    sys.exit(main())
