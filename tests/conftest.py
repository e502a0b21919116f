"""Fixtures for all folders of tests."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
from selenium import webdriver

from deploy.kafka.cluster import KafkaCluster
from deploy.kafka.distribution import Distribution
from deploy.kafka.protection import Protection
from deploy.ports import free_port
from har import rights
from tests import brokers, kafka_randomness, kafka_sockets, leftovers, side_by_side
from tests.chromium import SharedChromium
from tests.command_line import CommandLine
from tests.redis_server import RedisServer

#: Markers of tests, by their fixtures.
_MARKERS = {
    "shared_data": "recordings",
    "broker": "kafka",
    "kafka_distribution": "kafka",
    "protected_kafka": "kafka",
    "system": "kafka",
    "redis_url": "redis",
    "browser": "browser",
    "chromium": "browser",
    "java": "spark",
}
#: Markers of tests that must not be skipped in CI.
_REQUIRED = {"browser", "kafka", "redis", "spark"}
_LONGEST_NAME = 80
#: Time limit of a test with Spark, s. On a busy machine Spark takes minutes to start, and a test that is interrupted
#: within a call of Py4J leaves an answer behind, which the next tests of the module take for theirs: all of them fail.
_SPARK_SECONDS = 900
RECORDINGS_ABSENT = "the real recordings are not"

ROOT = Path(__file__).parent.parent


@pytest.fixture
def har(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    """Calls `har` in this process."""
    return CommandLine(monkeypatch, capsys)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real recordings, which are not part of the repository."""
    folder = Path(os.environ.get("HAR_SHARED_DATA", ROOT.parent / "shared" / "data"))
    if not (folder / "hapt_24_users.parquet").exists():
        pytest.skip(f"{RECORDINGS_ABSENT} in {folder} (set HAR_SHARED_DATA)")
    return folder


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A self-signed certificate for localhost and 127.0.0.1, and its key."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not on the PATH; it is needed to make the certificate")
    folder = tmp_path_factory.mktemp("tls")
    made, key = folder / "cert.pem", folder / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-keyout", str(key), "-out", str(made), "-days", "2", "-subj", "/CN=localhost"]
    command += ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    subprocess.run(command, check=True, capture_output=True)
    return made, key


@pytest.fixture(params=brokers.KINDS)
def broker(request: pytest.FixtureRequest) -> Iterator[brokers.Broker]:
    """A broker with the project's topics, empty: the embedded one, and then Apache Kafka."""
    if request.param == brokers.EMBEDDED:
        with brokers.EmbeddedBroker() as embedded:
            yield embedded
    else:
        with brokers.ApacheBroker(request.getfixturevalue("apache_kafka")) as apache:
            yield apache


@pytest.fixture(scope="session")
def kafka_distribution() -> Distribution:
    """Apache Kafka's programs; without them, skip the test."""
    return brokers.distribution_or_skip()


@pytest.fixture(scope="session")
def apache_kafka(kafka_distribution: Distribution, tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaCluster]:
    """Apache Kafka of one broker for the session; frozen while no `brokers.ApacheBroker` uses it."""
    with KafkaCluster(tmp_path_factory.mktemp("kafka")) as cluster:
        yield cluster
        cluster.kill_all()


@pytest.fixture(scope="session")
def kafka_cluster(kafka_distribution: Distribution, tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaCluster]:
    """Apache Kafka of three brokers for the session.

    A test that uses it begins with `brokers.empty`, and freezes it at the end. It is marked
    `brokers.on_three_brokers`, so that only one worker starts the cluster.
    """
    with KafkaCluster(tmp_path_factory.mktemp("kafka-cluster"), brokers=3) as cluster:
        yield cluster
        cluster.kill_all()


@pytest.fixture(scope="session")
def protected_kafka(
    kafka_distribution: Distribution, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[brokers.ProtectedKafka]:
    """Apache Kafka with users, TLS and rights, for the session.

    A test that uses it is marked `brokers.on_protected_kafka`, and begins with its `empty`.
    """
    folder = tmp_path_factory.mktemp("protected-kafka")
    protection = Protection(folder / "authority", tuple(f"har-{service}" for service in (*rights.BY_SERVICE, "nobody")))
    with KafkaCluster(folder / "kafka", protection=protection) as cluster:
        yield brokers.ProtectedKafka(cluster, protection)
        cluster.kill_all()


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Redis server for the session."""
    with RedisServer(free_port(), tmp_path_factory.mktemp("redis")) as server:
        yield server.url


@pytest.fixture(scope="session")
def java() -> str:
    """The Java program, which Spark needs."""
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
    """A browser context without data of earlier tests."""
    with chromium.context() as opened:
        yield opened


@pytest.fixture(autouse=True)
def _nothing_left() -> Iterator[None]:
    """Check that each test ends what it began."""
    with leftovers.nothing_left():
        yield


def pytest_configure() -> None:
    kafka_sockets.close_silently()
    kafka_randomness.keep_apart()
    # The time of an example depends more on the machine than on the code.
    hypothesis.settings.register_profile("har", deadline=None)
    hypothesis.settings.load_profile("har")
    if worker := os.environ.get("PYTEST_XDIST_WORKER"):
        side_by_side.separate_ports(worker)
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # Background jobs of a shell ignore SIGINT, and so would the programs that tests interrupt.
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Keep messages out of the names of tests: with a time in it, each worker would have another name."""
    is_message = isinstance(val, bytes) or (isinstance(val, str) and len(val) > _LONGEST_NAME)
    return argname if is_message else None


@pytest.hookimpl(tryfirst=True)  # xdist reads the groups after this
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        needs = set(getattr(item, "fixturenames", ()))
        for fixture, marker in _MARKERS.items():
            if fixture in needs:
                item.add_marker(marker)
        runs_on_java = item.get_closest_marker("spark") is not None
        if runs_on_java and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(_SPARK_SECONDS))
        if item.get_closest_marker("kafka"):
            runs_on_java |= brokers.record_kind(item) == brokers.APACHE
        if runs_on_java:
            item.add_marker("java")
    side_by_side.arrange(items)


def pytest_collection_finish() -> None:
    leftovers.exclude_imported_objects()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[object]:
    with side_by_side.turn(item):
        return (yield)


def pytest_unconfigure(config: pytest.Config) -> None:
    side_by_side.remove_lock(config)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the brokers of the Kafka tests, and the skipped tests that CI must run."""
    ran = [report for outcome in ("passed", "failed") for report in terminalreporter.stats.get(outcome, [])]
    kinds = brokers.kinds_that_ran(report for report in ran if report.when == "call")
    if kinds:
        counts = ", ".join(f"{kind} {kinds[kind]}" for kind in brokers.KINDS)
        terminalreporter.write_line(f"kafka tests ran on: {counts}")
    for report in _skipped_but_required(terminalreporter):
        missing = ", ".join(_REQUIRED & set(report.keywords))
        terminalreporter.write_line(f"SKIPPED IN CI: {report.nodeid} needs {missing}", red=True)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Fail in CI if a test was skipped that needs a browser, a broker, Redis or Spark."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None:  # a worker: the main process does this
        return
    if exitstatus == pytest.ExitCode.OK and _skipped_but_required(reporter):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _skipped_but_required(reporter: pytest.TerminalReporter) -> list[pytest.TestReport]:
    if not os.environ.get("CI"):
        return []
    return [
        report
        for report in reporter.stats.get("skipped", [])
        if _REQUIRED & set(report.keywords) and not brokers.is_excused(report) and not _lacks_recordings(report)
    ]


def _lacks_recordings(report: pytest.TestReport) -> bool:
    """Return whether a test was skipped because the recordings, which are not in the repository, are missing."""
    return "recordings" in report.keywords and RECORDINGS_ABSENT in str(report.longrepr)
