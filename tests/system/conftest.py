"""The whole system on the embedded broker and on Apache Kafka, for tests that stream into it."""

import asyncio
import subprocess
import threading
from collections.abc import Collection, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy.addresses import choose_addresses
from deploy.audit.prediction_watch import PredictionWatch, SeenMessages
from deploy.audit.summary import Expected, expected_windows
from deploy.processes import ProcessGroup
from deploy.stack import DASHBOARD, GATEWAY, Stack, har
from har.process.kafka_connection import KafkaConnection
from har.windowing import WindowSpec
from tests import brokers

#: For tests whose result does not depend on the broker; `tests/README.md` has the rule.
on_one_system = pytest.mark.parametrize("system", [brokers.EMBEDDED], indirect=True, scope="module")


class System:
    """A running stack, with its own event loop for its processes."""

    def __init__(
        self, folder: Path, kafka: KafkaConnection | None = None, services: Collection[str] = (GATEWAY, DASHBOARD)
    ) -> None:
        self.folder = folder
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="system")
        self._thread.start()
        self.stack = Stack(choose_addresses(kafka=kafka), folder, ProcessGroup(), services=services)

    def run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(120)

    def close(self) -> None:
        self.run(self.stack.group.stop_all())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def replay(self, journal: str, *words: str) -> Expected:
        """Replay a recording to its end; return the expected windows."""
        folder = self.folder / journal
        command = har("replay", *words, "--quiet", "--gateway", self.stack.addresses.gateway_url)
        ran = subprocess.run([*command, "--journal", str(folder)], timeout=240, capture_output=True, text=True)
        assert ran.returncode == 0, ran.stderr
        return expected_windows(folder, WindowSpec())

    def predictions(self, expected: Expected, *, timeout_seconds: float = 60) -> SeenMessages:
        watch = PredictionWatch(self.stack.addresses.kafka)
        watch.start()
        try:
            return watch.wait_for(expected.truth, timeout_seconds)
        finally:
            watch.close()


@pytest.fixture(scope="module", params=brokers.KINDS)
def system(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """The running system on the embedded broker, then on Apache Kafka, with the services in a module's `SERVICES`."""
    folder = tmp_path_factory.mktemp("system")
    services = getattr(request.module, "SERVICES", (GATEWAY, DASHBOARD))
    if request.param == brokers.EMBEDDED:
        yield from _running(System(folder, services=services))
    else:
        with brokers.ApacheBroker(request.getfixturevalue("apache_kafka")) as apache:
            yield from _running(System(folder, apache.kafka, services))


def _running(system: System) -> Iterator[System]:
    try:
        system.run(system.stack.start())
        yield system
    finally:
        system.close()
