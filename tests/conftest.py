"""Fixtures that every folder of tests may use."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service

from deploy.embedded import broker_command
from deploy.ports import free_port
from deploy.topics import check_kafka, create_topics
from tests.redis_server import RedisServer

#: What a test needs is told by its fixtures.
_MARKERS = {"shared_data": "recordings", "broker": "kafka", "redis_url": "redis", "browser": "browser"}

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real recordings, which are not part of the repository."""
    folder = Path(os.environ.get("HAR_SHARED_DATA", ROOT.parent / "shared" / "data"))
    if not (folder / "hapt_24_users.parquet").exists():
        pytest.skip(f"the real recordings are not in {folder} (set HAR_SHARED_DATA)")
    return folder


@pytest.fixture
def broker() -> Iterator["Broker"]:
    """A fresh embedded broker with the project's topics."""
    with Broker() as running:
        yield running


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Redis server for the session."""
    with RedisServer(free_port(), tmp_path_factory.mktemp("redis")) as server:
        yield server.url


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[webdriver.Chrome]:
    """Headless Chromium."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    if chromium is None or driver is None:
        pytest.skip("chromium and chromedriver are not on the PATH")
    options = Options()
    options.binary_location = chromium
    for argument in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--window-size=1440,900",
        f"--user-data-dir={tmp_path / 'profile'}",
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    opened = webdriver.Chrome(options=options, service=Service(driver))
    try:
        yield opened
    finally:
        opened.quit()


class Broker:
    """An embedded broker that can be frozen and let go on."""

    def __enter__(self) -> "Broker":
        self.bootstrap = f"127.0.0.1:{(port := free_port())}"
        self._process = subprocess.Popen(broker_command(port).arguments, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 20
        while True:
            try:
                check_kafka(self.bootstrap)
                break
            except KafkaError:
                assert time.monotonic() < deadline, "the embedded broker does not start"
        create_topics(self.bootstrap, partitions=4, replication=1)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()

    def freeze(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def unfreeze(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def read(self, topic: str, count: int, *, timeout_seconds: float = 15) -> list[Any]:
        """Read the first `count` records of a topic, of all partitions."""
        consumer = KafkaConsumer(bootstrap_servers=[self.bootstrap], auto_offset_reset="earliest", fetch_max_wait_ms=50)
        consumer.assign([TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic)])
        records: list[Any] = []
        deadline = time.monotonic() + timeout_seconds
        while len(records) < count and time.monotonic() < deadline:
            for polled in consumer.poll(timeout_ms=100).values():
                records += polled
        consumer.close()
        assert len(records) >= count, f"{len(records)} of {count} records on {topic}"
        return records


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        needs = set(getattr(item, "fixturenames", ()))
        for fixture, marker in _MARKERS.items():
            if fixture in needs:
                item.add_marker(marker)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """In CI, nothing that needs a browser, a broker, Redis or Spark may be skipped."""
    if not os.environ.get("CI"):
        return
    for report in terminalreporter.stats.get("skipped", []):
        needed = {"browser", "kafka", "redis", "spark"} & set(report.keywords)
        if needed:
            terminalreporter.write_line(f"SKIPPED IN CI: {report.nodeid} needs {', '.join(needed)}", red=True)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    if not os.environ.get("CI") or exitstatus != pytest.ExitCode.OK:
        return
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    assert reporter is not None
    for report in reporter.stats.get("skipped", []):
        if {"browser", "kafka", "redis", "spark"} & set(report.keywords):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
