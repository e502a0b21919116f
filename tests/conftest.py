"""Fixtures that every folder of tests may use."""

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
from selenium import webdriver

from deploy.kafka.cluster import KafkaCluster
from deploy.kafka.distribution import Distribution
from deploy.ports import free_port
from tests import brokers, kafka_randomness, kafka_sockets, leftovers, side_by_side
from tests.chromium import SharedChromium
from tests.redis_server import RedisServer

#: What a test needs is told by its fixtures.
_MARKERS = {
    "shared_data": "recordings",
    "broker": "kafka",
    "kafka_distribution": "kafka",
    "system": "kafka",
    "redis_url": "redis",
    "browser": "browser",
    "chromium": "browser",
    "java": "spark",
}
#: What may not be skipped in CI.
_REQUIRED = {"browser", "kafka", "redis", "spark"}
_LONGEST_NAME = 80
RECORDINGS_ABSENT = "the real recordings are not"

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real recordings, which are not part of the repository."""
    folder = Path(os.environ.get("HAR_SHARED_DATA", ROOT.parent / "shared" / "data"))
    if not (folder / "hapt_24_users.parquet").exists():
        pytest.skip(f"{RECORDINGS_ABSENT} in {folder} (set HAR_SHARED_DATA)")
    return folder


@pytest.fixture(params=brokers.KINDS)
def broker(request: pytest.FixtureRequest) -> Iterator[brokers.Broker]:
    """A broker with the project's topics and nothing else: the embedded one, and then Apache Kafka."""
    if request.param == brokers.EMBEDDED:
        with brokers.EmbeddedBroker() as embedded:
            yield embedded
    else:
        with brokers.ApacheBroker(request.getfixturevalue("apache_kafka")) as apache:
            yield apache


@pytest.fixture(scope="session")
def kafka_distribution() -> Distribution:
    """Apache Kafka's programs; without them the test is skipped."""
    return brokers.distribution_or_skip()


@pytest.fixture(scope="session")
def apache_kafka(kafka_distribution: Distribution, tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaCluster]:
    """Apache Kafka of one broker, for the session; `brokers.ApacheBroker` uses it, and it is frozen otherwise."""
    with KafkaCluster(tmp_path_factory.mktemp("kafka")) as cluster:
        yield cluster
        cluster.kill_all()


@pytest.fixture(scope="session")
def kafka_cluster(kafka_distribution: Distribution, tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaCluster]:
    """Apache Kafka of three brokers for the session; a user begins with `brokers.empty`, and freezes it at the end.

    Its tests are marked `brokers.on_three_brokers`, so that only one worker starts it.
    """
    with KafkaCluster(tmp_path_factory.mktemp("kafka-cluster"), brokers=3) as cluster:
        yield cluster
        cluster.kill_all()


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Redis server for the session."""
    with RedisServer(free_port(), tmp_path_factory.mktemp("redis")) as server:
        yield server.url


@pytest.fixture(scope="session")
def java() -> str:
    """Java, which Spark runs on."""
    program = shutil.which("java")
    if program is None:
        pytest.skip("java is not on the PATH (Debian: apt install openjdk-17-jre-headless)")
    return program


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SharedChromium]:
    """Headless Chromium for the session."""
    shared = SharedChromium(tmp_path_factory.mktemp("chromium"))
    try:
        shared.start()
        yield shared
    finally:
        shared.quit()


@pytest.fixture
def browser(chromium: SharedChromium) -> Iterator[webdriver.Chrome]:
    """A browser that knows nothing of earlier tests."""
    with chromium.context() as opened:
        yield opened


@pytest.fixture(autouse=True)
def _nothing_left() -> Iterator[None]:
    """Each test ends what it began."""
    with leftovers.nothing_left():
        yield


def pytest_configure() -> None:
    kafka_sockets.let_them_go()
    kafka_randomness.keep_apart()
    # How long an example takes says more of the machine than of the code.
    hypothesis.settings.register_profile("har", deadline=None)
    hypothesis.settings.load_profile("har")
    if worker := os.environ.get("PYTEST_XDIST_WORKER"):
        side_by_side.separate_ports(worker)
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # A shell lets its background jobs ignore SIGINT, and the programs that tests interrupt would, too.
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name a test after no message: it may hold the time, and then each worker has another name for the test."""
    is_message = isinstance(val, bytes) or (isinstance(val, str) and len(val) > _LONGEST_NAME)
    return argname if is_message else None


@pytest.hookimpl(tryfirst=True)  # xdist reads the groups after it
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        needs = set(getattr(item, "fixturenames", ()))
        for fixture, marker in _MARKERS.items():
            if fixture in needs:
                item.add_marker(marker)
        runs_on_java = item.get_closest_marker("spark") is not None
        if item.get_closest_marker("kafka"):
            runs_on_java |= brokers.note_kind(item) == brokers.APACHE
        if runs_on_java:
            item.add_marker("java")
    side_by_side.arrange(items)


def pytest_collection_finish() -> None:
    leftovers.leave_out_what_is_imported()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[object]:
    with side_by_side.turn(item):
        return (yield)


def pytest_unconfigure(config: pytest.Config) -> None:
    side_by_side.forget(config)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what the kafka tests ran on, and what was skipped although CI must run it."""
    ran = [report for outcome in ("passed", "failed") for report in terminalreporter.stats.get(outcome, [])]
    kinds = brokers.kinds_that_ran(report for report in ran if report.when == "call")
    if kinds:
        counts = ", ".join(f"{kind} {kinds[kind]}" for kind in brokers.KINDS)
        terminalreporter.write_line(f"kafka tests ran on: {counts}")
    for report in _skipped_although_required(terminalreporter):
        needed = ", ".join(_REQUIRED & set(report.keywords))
        terminalreporter.write_line(f"SKIPPED IN CI: {report.nodeid} needs {needed}", red=True)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """In CI, nothing that needs a browser, a broker, Redis or Spark may be skipped."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None:  # a worker: the process that gave it the tests sees to it
        return
    if exitstatus == pytest.ExitCode.OK and _skipped_although_required(reporter):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _skipped_although_required(reporter: pytest.TerminalReporter) -> list[pytest.TestReport]:
    if not os.environ.get("CI"):
        return []
    return [
        report
        for report in reporter.stats.get("skipped", [])
        if _REQUIRED & set(report.keywords) and not brokers.is_excused(report) and not _lacks_recordings(report)
    ]


def _lacks_recordings(report: pytest.TestReport) -> bool:
    """Tell whether a test was skipped for want of the recordings, which a clone does not bring."""
    return "recordings" in report.keywords and RECORDINGS_ABSENT in str(report.longrepr)
