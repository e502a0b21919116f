"""The brokers that the tests run on: the embedded one and Apache Kafka."""

import signal
import subprocess
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, TypeVar

import pytest
from kafka import KafkaConsumer, TopicPartition
from kafka.admin import (
    ACLFilter,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    KafkaAdminClient,
    MemberToRemove,
    ResourcePattern,
    ResourcePatternFilter,
    ResourceType,
    UserScramCredentialDeletion,
)
from kafka.errors import KafkaError

from deploy import standstill
from deploy.acls import give, grants
from deploy.embedded import MissingServerError, broker_command
from deploy.kafka.cluster import READY_SECONDS, KafkaCluster
from deploy.kafka.distribution import Distribution, UnreachableRepositoryError, find_distribution
from deploy.kafka.protection import Protection
from deploy.ports import free_port
from deploy.topics import check_kafka, create_topics
from har.process.kafka_clients import open_client
from har.process.kafka_connection import KafkaConnection, Mechanism
from har.rights import Right
from tests.waiting import wait_for

Result = TypeVar("Result")
#: Parameters of the fixtures `broker` and `system`.
EMBEDDED = "embedded"
APACHE = "apache"
KINDS = (EMBEDDED, APACHE)
#: For a test whose result does not depend on the broker; `tests/README.md` has the rule.
on_one_broker = pytest.mark.parametrize("broker", [EMBEDDED], indirect=True)
#: For tests that damage the session's three brokers: they run on one worker.
on_three_brokers = pytest.mark.xdist_group("three_brokers")
#: For tests on the session's protected Kafka: they run on one worker.
on_protected_kafka = pytest.mark.xdist_group("protected_kafka")
PARTITIONS = 4
_UNREACHABLE = "Apache Kafka is not downloaded and cannot be: "
_PROPERTY = "broker"


class Broker(ABC):
    """A broker with the project's topics, empty, which can be frozen and resumed."""

    bootstrap: str

    @property
    def kafka(self) -> KafkaConnection:
        """How to connect to it."""
        return KafkaConnection(self.bootstrap)

    @abstractmethod
    def freeze(self) -> None: ...

    @abstractmethod
    def unfreeze(self) -> None: ...

    def read(self, topic: str, count: int, *, timeout_seconds: float = 15) -> list[Any]:
        """Return the first `count` records of a topic, from all partitions."""
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


class EmbeddedBroker(Broker):
    """A separate process for each test, since it starts fast."""

    def __enter__(self) -> Self:
        self.bootstrap = f"127.0.0.1:{(port := free_port())}"
        self._process = subprocess.Popen(broker_command(port).arguments, stdout=subprocess.DEVNULL)
        wait_for(self._answers, "the embedded broker to start", 20, every=0.01)
        create_topics(self.kafka, partitions=PARTITIONS, replication=1)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()

    def freeze(self) -> None:
        standstill.freeze(self._process)

    def unfreeze(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def _answers(self) -> bool:
        with suppress(KafkaError, OSError):
            check_kafka(self.kafka)
            return True
        return False


class ApacheBroker(Broker):
    """The session's Apache Kafka of one broker, emptied for each test and frozen between the tests that use it."""

    def __init__(self, cluster: KafkaCluster) -> None:
        self.cluster = cluster
        self.bootstrap = cluster.bootstrap

    def __enter__(self) -> Self:
        empty(self.cluster)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cluster.freeze_all()

    def freeze(self) -> None:
        self.cluster.freeze(1)

    def unfreeze(self) -> None:
        self.cluster.unfreeze(1)


def empty(cluster: KafkaCluster) -> None:
    """Make every broker run, whatever a test did to it, and create the project's topics without messages."""
    cluster.unfreeze_all()
    for broker in cluster.brokers:
        if not cluster.is_running(broker):
            cluster.start_broker(broker)
    last_error = ""

    def is_emptied() -> bool:
        nonlocal last_error
        cluster.wait_until_ready()
        try:
            delete_everything(cluster.kafka)
        except KafkaError as error:
            # A controller that was frozen detects silent brokers only now, and elects new leaders.
            if not error.retriable:
                raise
            last_error = repr(error)
            return False
        return True

    wait_for(
        is_emptied, lambda: f"Kafka to delete everything; the last error is {last_error}", READY_SECONDS, every=0.2
    )
    create_topics(cluster.kafka, partitions=PARTITIONS, replication=cluster.replication)
    cluster.wait_until_ready()


def administer(kafka: KafkaConnection, act: Callable[[KafkaAdminClient], Result]) -> Result:
    """Return what a function does with an admin client."""
    admin = open_client(KafkaAdminClient, kafka)
    try:
        return act(admin)
    finally:
        admin.close()


def delete_everything(kafka: KafkaConnection) -> None:
    """Delete all topics and consumer groups, and first the groups' members, which may be dead and still count."""
    admin = open_client(KafkaAdminClient, kafka)
    try:
        groups = [group["group_id"] for group in admin.list_groups()]
        for name, group in admin.describe_groups(groups).items() if groups else ():
            if members := [MemberToRemove(member_id=member["member_id"]) for member in group["members"]]:
                admin.remove_group_members(name, members)
        if groups:
            admin.delete_groups(groups)
        if topics := [name for name in admin.list_topics() if not name.startswith("__")]:
            admin.delete_topics(topics)
    finally:
        admin.close()


@dataclass
class ProtectedKafka:
    """Apache Kafka of one broker that lets only known users connect, each with the rights that `har topics` lists.

    A user has the name of its service after ``har-``. The administrator may do everything.
    """

    cluster: KafkaCluster
    protection: Protection

    @property
    def admin(self) -> KafkaConnection:
        return self.cluster.kafka

    def user(self, service: str, mechanism: Mechanism = "SCRAM-SHA-512") -> KafkaConnection:
        return self.protection.user(f"har-{service}", self.cluster.secured_bootstrap, mechanism)

    def take(self, service: str, right: Right) -> None:
        """Take a right away from the user of a service."""
        place = ResourcePattern(ResourceType[right.resource], right.name)
        allowed = ACLFilter(f"User:har-{service}", "*", ACLOperation[right.operation], ACLPermissionType.ALLOW, place)
        administer(self.admin, lambda admin: admin.delete_acls([allowed]))

    def remove_user(self, service: str) -> None:
        """Remove the user of a service, who can connect no more; `create_users` gives all users back."""
        removed = UserScramCredentialDeletion(f"har-{service}", "SCRAM-SHA-512")
        administer(self.admin, lambda admin: admin.alter_user_scram_credentials([removed]))

    def create_users(self) -> None:
        """Give all users back."""
        self.protection.create_users(self.cluster.bootstrap)

    def empty(self) -> None:
        """Create the project's topics without messages; the users' rights are those of the list."""
        delete_everything(self.admin)
        administer(self.admin, lambda admin: admin.delete_acls([every_acl()]))
        give(self.admin, grants("User:har-{service}"))
        create_topics(self.admin, partitions=PARTITIONS, replication=1)


def every_acl() -> ACLFilter:
    """Return the filter that finds every right of every user."""
    anything = ResourcePatternFilter(ResourceType.ANY, None, ACLResourcePatternType.ANY)
    return ACLFilter(None, None, ACLOperation.ANY, ACLPermissionType.ANY, anything)


def distribution_or_skip() -> Distribution:
    """Return Apache Kafka, or skip the test with the reason."""
    try:
        return find_distribution()
    except UnreachableRepositoryError as error:
        pytest.skip(f"{_UNREACHABLE}{error}")
    except MissingServerError as error:
        pytest.skip(str(error))


def is_excused(skipped: pytest.TestReport) -> bool:
    """Return whether a test was skipped because Maven's repository is unreachable, which no change here can fix."""
    return isinstance(skipped.longrepr, tuple) and _UNREACHABLE in skipped.longrepr[2]


def record_kind(item: pytest.Item) -> str:
    """Record the broker of a test for `kinds_that_ran`, and return it."""
    parameters = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
    kind = parameters.get("broker", parameters.get("system"))
    if kind is None:
        kind = APACHE if "kafka_distribution" in getattr(item, "fixturenames", ()) else EMBEDDED
    item.user_properties.append((_PROPERTY, kind))
    return str(kind)


def kinds_that_ran(reports: Iterable[pytest.TestReport]) -> Counter[str]:
    """Count the tests that ran by their broker."""
    recorded = (dict(report.user_properties).get(_PROPERTY) for report in reports)
    return Counter(str(kind) for kind in recorded if kind is not None)
