"""Hundreds of browsers on one dashboard: `python -m benchmarks.dashboard_load --browsers 200`.

The dashboard runs in its own process, in front of a Redis server of its own. Devices publish windows with their
newest second of signal, and each browser is a WebSocket client of this process. The report gives, from the moment when
all browsers are connected, the CPU time of the dashboard's process, its memory, and what the browsers received.

`--against` names another working tree, such as a `git worktree` of an older commit: its dashboard is measured,
too, alternately with this one's, and the report ends with the ratios of the means. `--stuck` adds browsers that
read nothing.
"""

import argparse
import asyncio
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, ExitStack, contextmanager
from dataclasses import astuple, dataclass
from pathlib import Path

import numpy as np
import psutil
from redis.asyncio import Redis
from websockets.asyncio.client import connect

from deploy.ports import free_port
from har.process.cancellation import leave_if_cancelled
from tests.dashboard.dashboard_feeding import browser_that_never_reads, make_update, publish, whole_second
from tests.redis_server import RedisServer

ROOT = Path(__file__).parents[1]
START_SECONDS = 30.0
#: After the last browser has connected: its first messages are not measured.
SETTLE_SECONDS = 2.0
SAMPLE_SECONDS = 0.25
PROGRAM = "from dashboard.server import run; from dashboard.settings import DashboardSettings; run(DashboardSettings())"


@dataclass(frozen=True)
class Load:
    """What the dashboard has to do.

    Attributes
    ----------
    browsers, stuck : int
        Browsers that read, and that do not.
    devices : int
        Devices that publish in turn.
    updates : float
        Windows a second, of all devices.
    steps : int
        Readings of acceleration with each window.
    seconds : float
        How long is measured.
    """

    browsers: int
    stuck: int
    devices: int
    updates: float
    steps: int
    seconds: float


@dataclass(frozen=True)
class Cost:
    """The cost of a run.

    Attributes
    ----------
    cpu_seconds : float
        CPU time of the dashboard's process, user and system.
    megabytes, peak_megabytes : float
        Its resident memory at the end, and the most.
    messages, received_megabytes : float
        What all browsers received.
    """

    cpu_seconds: float
    megabytes: float
    peak_megabytes: float
    messages: float
    received_megabytes: float


class Browsers:
    """The browsers that read: counts what they receive."""

    def __init__(self) -> None:
        self.messages = 0
        self.bytes = 0

    async def read(self, url: str, connected: asyncio.Semaphore) -> None:
        async with connect(url, compression=None, max_size=None) as browser:
            connected.release()
            async for message in browser:
                self.messages += 1
                self.bytes += len(message)


@contextmanager
def dashboard(tree: Path, redis_url: str, browsers: int) -> Iterator[tuple[psutil.Process, int]]:
    """Run a tree's dashboard; give its process and its port."""
    port = free_port()
    environment = os.environ | {
        "HAR_DASHBOARD_PORT": str(port),
        "HAR_DASHBOARD_REDIS_URL": redis_url,
        "HAR_DASHBOARD_MAX_BROWSERS": str(browsers),
        "PYTHONPATH": str(tree),
    }
    process = subprocess.Popen([sys.executable, "-c", PROGRAM], cwd=tree, env=environment, stderr=subprocess.PIPE)
    try:
        yield psutil.Process(process.pid), port
    finally:
        process.terminate()
        _, log = process.communicate(timeout=START_SECONDS)
        dropped = log.lower().count(b"dropped browser")
        if dropped:
            print(f"  {dropped} browsers were dropped", flush=True)


def wait_until_open(port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


async def publish_updates(redis: Redis, load: Load) -> None:
    base, began = whole_second(), time.monotonic()
    sent = 0
    while True:
        leave_if_cancelled()
        second, device = divmod(sent, load.devices)
        await publish(redis, make_update(f"phone-{device:03d}", second, base=base, steps=load.steps))
        sent += 1
        await asyncio.sleep(max(0.0, began + sent / load.updates - time.monotonic()))


async def peak_memory(process: psutil.Process, seconds: float) -> float:
    """Return the most resident memory in a while, MB."""
    most, until = 0, time.monotonic() + seconds
    while time.monotonic() < until:
        most = max(most, process.memory_info().rss)
        await asyncio.sleep(SAMPLE_SECONDS)
    return most / 1e6


async def measure(process: psutil.Process, port: int, redis_url: str, load: Load) -> Cost:
    browsers, connected = Browsers(), asyncio.Semaphore(0)
    async with AsyncExitStack() as opened:
        redis = await opened.enter_async_context(Redis.from_url(redis_url))
        tasks = [asyncio.create_task(publish_updates(redis, load))]
        try:
            url = f"ws://127.0.0.1:{port}/live"
            for _ in range(load.browsers):
                tasks.append(asyncio.create_task(browsers.read(url, connected)))
                await connected.acquire()
            for _ in range(load.stuck):
                opened.enter_context(browser_that_never_reads(port))
            await asyncio.sleep(SETTLE_SECONDS)
            before = sum(process.cpu_times()[:2]), browsers.messages, browsers.bytes
            peak = await peak_memory(process, load.seconds)
            after = sum(process.cpu_times()[:2]), browsers.messages, browsers.bytes
            resident = process.memory_info().rss / 1e6
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
    cpu, messages, received = (end - start for start, end in zip(before, after, strict=True))
    return Cost(cpu, resident, peak, messages, received / 1e6)


def run_once(tree: Path, load: Load) -> Cost:
    """Measure a tree's dashboard, with a Redis server of its own."""
    with tempfile.TemporaryDirectory(prefix="har-load-") as folder, ExitStack() as running:
        redis = running.enter_context(RedisServer(free_port(), Path(folder)))
        process, port = running.enter_context(dashboard(tree, redis.url, load.browsers + load.stuck))
        wait_until_open(port)
        return asyncio.run(measure(process, port, redis.url, load))


def show(name: str, values: tuple[float, ...]) -> None:
    cpu, resident, peak, messages, received = values
    print(
        f"{name:<10} {cpu:7.2f} s CPU  {resident:7.1f} MB  at most {peak:7.1f} MB  "
        f"{messages:9.0f} messages  {received:8.1f} MB received",
        flush=True,
    )


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--browsers", type=int, default=200)
    options.add_argument("--stuck", type=int, default=0, help="further browsers, which read nothing")
    options.add_argument("--devices", type=int, default=10)
    options.add_argument("--updates", type=float, default=10, help="windows per second of all devices")
    options.add_argument("--steps", type=int, default=50, help="readings with each window")
    options.add_argument("--seconds", type=float, default=20)
    options.add_argument("--rounds", type=int, default=2)
    options.add_argument("--against", type=Path, help="another working tree, measured alternately with this one")
    chosen = options.parse_args()
    load = Load(chosen.browsers, chosen.stuck, chosen.devices, chosen.updates, chosen.steps, chosen.seconds)
    trees = {"other": chosen.against.resolve(), "this": ROOT} if chosen.against else {"this": ROOT}
    costs: dict[str, list[tuple[float, ...]]] = {name: [] for name in trees}
    for _ in range(chosen.rounds):
        for name, tree in trees.items():
            costs[name].append(astuple(run_once(tree, load)))
            show(name, costs[name][-1])
    if chosen.against:
        cpu, resident, peak, *_ = np.mean(costs["this"], axis=0) / np.mean(costs["other"], axis=0)
        print(f"this/other: CPU {cpu:.2f}, memory {resident:.2f}, most memory {peak:.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
