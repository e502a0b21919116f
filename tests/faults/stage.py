"""The system on Apache Kafka with streaming phones, each part of which can be damaged."""

import asyncio
import os
import random
import signal
import time
from collections.abc import AsyncIterator, Collection, Iterator, Mapping
from contextlib import asynccontextmanager, closing, contextmanager, suppress
from pathlib import Path
from typing import TextIO
from urllib.error import HTTPError
from urllib.request import urlopen

import msgspec
import numpy as np
from kafka.admin import KafkaAdminClient

from deploy import standstill
from deploy.addresses import choose_addresses
from deploy.audit.auditing import audit
from deploy.audit.findings import Audit
from deploy.audit.known_heads import Heads
from deploy.audit.prediction_watch import PredictionWatch, WindowKey
from deploy.audit.store_heads import heads_of_store
from deploy.kafka_environment import kafka_environment
from deploy.local_store import LocalStore
from deploy.processes import ProcessGroup, Program
from deploy.stack import GATEWAY, Stack, har
from har.process.kafka_clients import open_client
from har.process.kafka_connection import KafkaConnection
from har.upright_rule import UprightRule
from ingest.senders.phone_client import PhoneClient
from model_store.release_folder import BASELINE
from stream_processor.health import HealthReport
from tests.model_store.made_store import copied_release
from tests.waiting import until

#: How long stopping phones wait until Kafka has everything, s.
FINISH_SECONDS = 180
AUDIT_WAIT_SECONDS = 120
#: A rule with which the phones of a short test soon have a reference.
SOON_UPRIGHT = UprightRule(needed=2, least_walk=0.5, doubted_after=2)


class Stage:
    """A running system with phones, and the faults that tests cause in it.

    Processes that end by themselves are restarted, as by any supervisor. Several tests may use it one after another,
    each with its own phones and journals. Without a store, the processors use a release that uses upright references,
    so that each audit shows whether these outlive what happens to the processors.
    """

    def __init__(
        self,
        kafka: KafkaConnection,
        folder: Path,
        log: TextIO,
        *processor_options: str,
        store: LocalStore | None = None,
        archive: str | None = None,
        services: Collection[str] = (GATEWAY,),
        services_kafka: Mapping[str, KafkaConnection] | None = None,
    ) -> None:
        release = BASELINE
        if store is None:
            release = str(copied_release(folder / "made", "upright", upright=SOON_UPRIGHT))
        self.kafka = kafka
        self.folder = folder
        users = kafka if services_kafka is None else services_kafka
        self.group = ProcessGroup(log, kafka_environment(users, {}))
        self.stack = Stack(
            choose_addresses(kafka=kafka if services_kafka is None else services_kafka["demo"]),
            folder,
            self.group,
            release=release,
            processor_options=processor_options,
            store=store,
            archive=archive,
            services=services,
        )
        self.release = release
        self._tests = 0
        self._first_phone = 0
        self.begin_test()

    def begin_test(self) -> None:
        """Use new phones and journals from now on."""
        self._tests += 1
        self.journals: Path | None = self.folder / f"journals-{self._tests}"
        self.phones: Program | None = None
        self.devices: set[str] = set()
        self.random = random.Random(2018)

    async def end_test(self) -> None:
        """Stop the phones and the further processors of a test."""
        if self.phones is not None:
            await self.group.stop(self.phones)
        for name in [name for name in self.stack.programs if name.startswith("processor-")]:
            await self.group.stop(self.stack.programs.pop(name))

    def part(self, name: str) -> Program:
        return self.stack.programs[name]

    async def start_phones(self, count: int) -> None:
        assert self.journals is not None
        words = ("simulate", "--devices", str(count), "--first", str(self._first_phone))
        words += ("--gateway", self.stack.addresses.gateway_url)
        words += ("--journal", str(self.journals), "--finish-seconds", str(FINISH_SECONDS))
        self.devices = {f"simulated-{self._first_phone + number:02}" for number in range(count)}
        self._first_phone += count
        self.phones = await self.group.start("phones", har(*words))
        journals = self.journals
        await until(lambda: any(journals.glob("*")), "a first acknowledgement")

    async def stop_phones(self) -> None:
        """Stop the phones when everything that they measured is acknowledged."""
        assert self.phones is not None
        self.phones.process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(self.phones.process.wait(), FINISH_SECONDS + 30) == 0

    async def audit(
        self, *, wait_seconds: float = AUDIT_WAIT_SECONDS, release: str | None = None, with_heads: bool = False
    ) -> Audit:
        """Audit what the phones of this test sent; with the personal heads of the store, if there are any."""
        result = await asyncio.to_thread(
            audit,
            self.kafka,
            journals=self.journals,
            release=release or self.release,
            wait_seconds=wait_seconds,
            heads=self._heads if with_heads else None,
        )
        if not result.is_clean:
            await asyncio.to_thread(self._print_progress)
        return result

    def _heads(self) -> Heads:
        assert self.stack.store is not None
        return heads_of_store(self.stack.addresses.store_url, self.stack.store.trusted_root)

    def health(self, name: str = "processor") -> HealthReport:
        """Return what a processor's page says of its health."""
        words = self.part(name).arguments
        try:
            with urlopen(f"http://127.0.0.1:{words[words.index('--web-port') + 1]}/ready", timeout=10) as page:
                return msgspec.json.decode(page.read(), type=HealthReport)
        except HTTPError as error:
            with error:
                return msgspec.json.decode(error.read(), type=HealthReport)

    def _print_progress(self) -> None:
        """Print how far the processors have come, which pytest shows with the failure: they stop after it."""
        for name in self.stack.programs:
            if name.startswith("processor"):
                try:
                    print(name, self.health(name))
                except OSError as error:
                    print(name, error)

    async def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> float:
        """Send a signal to a part once it runs; return when (Unix time, s). After SIGKILL, wait until it has ended."""
        program = self.part(name)
        async with asyncio.timeout(60):
            while True:
                await until(lambda: program.process.returncode is None, f"{name} to run")
                process = program.process
                try:
                    os.kill(process.pid, number)
                except ProcessLookupError:  # it has ended by itself, which asyncio does not know yet
                    await process.wait()
                    continue
                sent = time.time()
                if number == signal.SIGKILL:  # otherwise a second kill could hit a dying process
                    await process.wait()
                return sent

    async def kill_often(
        self, name: str, times: int, numbers: list[signal.Signals], longest_pause: float = 10.0
    ) -> list[int]:
        """Send signals to a part, 0.1 s to `longest_pause` after each restart at random; return its exit statuses."""
        statuses = []
        for count in range(times):
            await asyncio.sleep(self.random.uniform(0.1, longest_pause))
            starts, process = self.part(name).starts, self.part(name).process
            await self.kill(name, numbers[count % len(numbers)])
            async with asyncio.timeout(60):
                statuses.append(await process.wait())
            await until(lambda before=starts: self.part(name).starts > before, f"{name} to start again", 60)
        return statuses

    @contextmanager
    def frozen(self, name: str) -> Iterator[None]:
        """Freeze a part while the context is open; it resumes also if the test fails."""
        process = self.part(name).process
        try:
            standstill.freeze(process)
            yield
        finally:
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGCONT)

    async def until_rebalancing(self, group: str = "har-processor") -> None:
        """Wait until a consumer group is in a rebalance."""
        with closing(open_client(KafkaAdminClient, self.kafka)) as admin:
            state = ""

            async def is_rebalancing() -> bool:
                nonlocal state
                groups = await asyncio.to_thread(admin.describe_groups, [group])
                state = groups[group]["group_state"]
                return state in {"PreparingRebalance", "CompletingRebalance"}

            await until(is_rebalancing, lambda: f"a rebalance of {group}, which is {state}", every=0.02)


@asynccontextmanager
async def on_stage(
    kafka: KafkaConnection,
    folder: Path,
    *processor_options: str,
    store: LocalStore | None = None,
    archive: str | None = None,
    services: Collection[str] = (GATEWAY,),
    services_kafka: Mapping[str, KafkaConnection] | None = None,
) -> AsyncIterator[Stage]:
    """Run the system on a Kafka with the project's topics; its output is in the folder's `log`.

    With `services_kafka`, each service connects in its own way; what the test itself does uses `kafka`.
    """
    with (folder / "log").open("w") as log:
        stage = Stage(
            kafka,
            folder,
            log,
            *processor_options,
            store=store,
            archive=archive,
            services=services,
            services_kafka=services_kafka,
        )
        try:
            await stage.stack.start()
            yield stage
        finally:
            await stage.group.stop_all()


class FreshPredictions:
    """Watches for new windows of a stage's current phones in the predictions."""

    def __init__(self, stage: Stage) -> None:
        self._devices = stage.devices
        self._watch = PredictionWatch(stage.kafka)

    def __enter__(self) -> "FreshPredictions":
        self._watch.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._watch.close()

    @property
    def count(self) -> int:
        """Number of distinct windows that were predicted so far."""
        return len(self._windows())

    def _windows(self) -> set[WindowKey]:
        seen = list(self._watch.wait_for_count(0, 0).predictions)  # the watch continues to add
        return {key for key in seen if key[0] in self._devices}

    async def wait_for_every_device(self, seconds: float = 60) -> None:
        """Wait until there is a new window of every device that has predictions."""
        seen = self._windows()
        devices = {device for device, _, _ in seen}

        def missing() -> set[str]:
            return devices - {device for device, _, _ in self._windows() - seen}

        await until(lambda: not missing(), lambda: f"new predictions of {sorted(missing())}", seconds, every=0.1)

    async def wait_for_more(self, than: int, seconds: float = 60) -> None:
        await until(lambda: self.count > than, f"more than {than} predicted windows", seconds)


class Witness:
    """One more phone, in this process, which shows the messages of the gateway."""

    def __init__(self, stage: Stage) -> None:
        self.notified = asyncio.Event()
        self.client = PhoneClient(
            stage.stack.addresses.gateway_url,
            "witness",
            on_waiting=lambda _: self.notified.set(),
        )

    async def stream(self) -> None:
        """Stream until cancelled."""
        async with self.client:
            while True:
                begin = time.time_ns() // 1000
                await asyncio.sleep(0.5)
                times = begin + np.arange(25) * 20_000
                await self.client.send(times, np.full((25, 3), (0, 0, 9.8), np.float32))


@asynccontextmanager
async def witness_of(stage: Stage) -> AsyncIterator[Witness]:
    """Stream with one more phone."""
    witness = Witness(stage)
    streaming = asyncio.create_task(witness.stream())
    try:
        yield witness
    finally:
        streaming.cancel()
        with suppress(asyncio.CancelledError):
            await streaming
