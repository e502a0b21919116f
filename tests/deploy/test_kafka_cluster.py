import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading

import psutil
import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import ConfigResource, KafkaAdminClient
from kafka.errors import KafkaConnectionError, NotEnoughReplicasError, NotLeaderForPartitionError

from deploy.embedded import MissingServerError
from deploy.kafka import distribution
from deploy.kafka.cluster import KafkaCluster, new_cluster_id
from deploy.kafka.readiness import check_ready
from deploy.ports import free_port
from deploy.processes import ProcessEndedError
from deploy.topics import affordable_replication
from har import topics
from har.process.kafka_connection import KafkaConnection
from tests import brokers
from tests.waiting import wait_for

TOPIC = topics.SAMPLES.name


class Sender:
    """Sends numbered messages until it is stopped, and records the numbers that Kafka confirmed."""

    def __init__(self, bootstrap: str, first: int = 0) -> None:
        self._producer = KafkaProducer(
            bootstrap_servers=bootstrap.split(","),
            acks="all",
            enable_idempotence=True,
            request_timeout_ms=3_000,
            delivery_timeout_ms=20_000,
        )
        self.next = first
        self.confirmed: set[int] = set()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._send)

    def __enter__(self) -> "Sender":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._producer.close(timeout=10)

    def wait_for_more(self, count: int = 30, *, seconds: float = 60) -> None:
        goal = len(self.confirmed) + count
        wait_for(
            lambda: len(self.confirmed) >= goal,
            lambda: f"{goal} confirmed messages; {len(self.confirmed)} were confirmed",
            seconds,
        )

    def _send(self) -> None:
        while not self._stop.wait(0.02):
            self._producer.send(TOPIC, key=b"%d" % self.next, value=b"%d" % self.next).add_callback(
                self._confirm, self.next
            )
            self.next += 1

    def _confirm(self, number: int, _: object) -> None:
        self.confirmed.add(number)


def stored(bootstrap: str) -> set[int]:
    """Return the numbers of all messages in Kafka."""
    consumer = KafkaConsumer(bootstrap_servers=bootstrap.split(","), auto_offset_reset="earliest")
    partitions = [TopicPartition(TOPIC, number) for number in consumer.partitions_for_topic(TOPIC)]
    consumer.assign(partitions)
    ends = consumer.end_offsets(partitions)
    found: set[int] = set()
    while any(consumer.position(partition) < ends[partition] for partition in partitions):
        for records in consumer.poll(timeout_ms=500).values():
            found |= {int(record.value) for record in records}
    consumer.close()
    return found


def wait_until_leading(address: str, broker: int) -> None:
    """Wait until a broker leads all partitions, because the others count as gone."""
    admin = KafkaAdminClient(bootstrap_servers=[address])
    leaders: set[int] = set()

    def is_leading() -> bool:
        nonlocal leaders
        # The client may also ask brokers that are gone.
        with contextlib.suppress(KafkaConnectionError):
            (topic,) = admin.describe_topics([TOPIC])
            leaders = {partition["leader_id"] for partition in topic["partitions"]}
        return leaders == {broker}

    wait_for(is_leading, lambda: f"broker {broker} to lead; the leaders are {leaders}")
    admin.close()


def send_to_leader(producer: KafkaProducer, key: bytes, seconds: float = 30) -> None:
    """Send, and retry: a broker that has just become the leader may not know it yet, and rejects the message."""

    def is_sent() -> bool:
        with contextlib.suppress(NotLeaderForPartitionError):
            producer.send(TOPIC, key=key, value=b"-1").get(10)
            return True
        return False

    wait_for(is_sent, "the broker to become the leader", seconds, every=0.1)


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="needs IPv6")
def test_the_address_of_a_broker_may_be_ipv6():
    with pytest.raises(ConnectionRefusedError):
        check_ready({1: KafkaConnection(f"[::1]:{free_port()}")})


@pytest.fixture
def whole_cluster(kafka_cluster):
    brokers.empty(kafka_cluster)
    yield kafka_cluster
    kafka_cluster.freeze_all()


@brokers.on_three_brokers
def test_topics_have_three_replicas_and_writes_need_two(whole_cluster):
    admin = KafkaAdminClient(bootstrap_servers=whole_cluster.bootstrap.split(","))
    partition_counts = {topic.name: topic.partitions or 4 for topic in topics.ALL}

    def all_topics() -> dict[str, list] | None:
        """Return the partitions by topic; None while the broker that is asked does not know all of them."""
        found = {topic["name"]: topic["partitions"] for topic in admin.describe_topics(list(partition_counts))}
        counts = {name: len(partitions) for name, partitions in found.items()}
        return found if counts == partition_counts else None

    for name, partitions in wait_for(all_topics, f"the partitions {partition_counts}", every=0.1).items():
        assert [len(partition["replica_nodes"]) for partition in partitions] == [3] * partition_counts[name]
    configs = admin.describe_configs([ConfigResource("topic", TOPIC)])["topic"][TOPIC]
    assert configs["min.insync.replicas"]["value"] == "2"
    releases = topics.RELEASES.name
    kept = admin.describe_configs([ConfigResource("topic", releases)])["topic"][releases]
    assert kept["cleanup.policy"]["value"] == "compact"
    admin.close()
    assert affordable_replication(whole_cluster.kafka) == 3


@pytest.mark.long  # `tests/faults/test_three_brokers.py` does the same to the whole system
@brokers.on_three_brokers
def test_confirmed_messages_survive_the_kill_of_each_broker_in_turn(whole_cluster):
    with Sender(whole_cluster.bootstrap) as sender:
        sender.wait_for_more()
        for broker in whole_cluster.brokers:
            whole_cluster.kill(broker)
            assert not whole_cluster.is_running(broker)
            sender.wait_for_more()
            whole_cluster.start_broker(broker)
            whole_cluster.wait_until_ready()
            sender.wait_for_more()
    assert sender.confirmed <= stored(whole_cluster.bootstrap)


@brokers.on_three_brokers
def test_one_broker_of_three_rejects_writes_and_nothing_is_lost_when_the_others_are_back(whole_cluster):
    with Sender(whole_cluster.bootstrap, first=1_000_000) as sender:
        sender.wait_for_more()
    for broker in (1, 2):
        whole_cluster.kill(broker)
    wait_until_leading(whole_cluster.address(3), 3)
    alone = KafkaProducer(bootstrap_servers=[whole_cluster.address(3)], acks="all", retries=0, enable_idempotence=False)
    for key in (b"a", b"b", b"c", b"d"):
        with pytest.raises(NotEnoughReplicasError):
            send_to_leader(alone, key)
    alone.close(timeout=5)
    for broker in (1, 2):
        whole_cluster.start_broker(broker)
    whole_cluster.wait_until_ready()
    assert sender.confirmed <= stored(whole_cluster.bootstrap)
    with Sender(whole_cluster.bootstrap, first=2_000_000) as sender:
        sender.wait_for_more()


@brokers.on_three_brokers
def test_the_cluster_works_without_a_frozen_broker_which_catches_up(whole_cluster):
    with Sender(whole_cluster.bootstrap, first=3_000_000) as sender:
        sender.wait_for_more()
        whole_cluster.freeze(2)
        assert whole_cluster.is_running(2)
        sender.wait_for_more(100)
        with pytest.raises(TimeoutError):
            whole_cluster.wait_until_ready(1)
        whole_cluster.unfreeze(2)
        whole_cluster.wait_until_ready()
        sender.wait_for_more()
    assert sender.confirmed <= stored(whole_cluster.bootstrap)


@brokers.on_three_brokers
def test_a_broker_that_was_stopped_is_not_waited_for(whole_cluster):
    whole_cluster.stop_broker(3)
    with pytest.raises(RuntimeError, match="broker-3 was not started, or was stopped"):
        whole_cluster.wait_until_ready()
    whole_cluster.restart(3)


def test_a_broker_that_cannot_run_reports_the_reason(kafka_distribution, tmp_path):
    cluster = KafkaCluster(tmp_path)
    host, port = cluster.bootstrap.split(":")
    with socket.create_server((host, int(port))), pytest.raises(ProcessEndedError, match="Address already in use"):
        cluster.start()
    assert not cluster.is_running(1)


def test_a_cluster_id_never_looks_like_an_option_of_kafkas_tools():
    ids = {new_cluster_id() for _ in range(2_000)}
    assert len(ids) == 2_000
    assert all(len(name) == 22 and not name.startswith("-") for name in ids)


OWNER = """
import sys, time
from pathlib import Path
from deploy.kafka.cluster import KafkaCluster, new_cluster_id
with KafkaCluster(Path(sys.argv[1])):
    print("ready", flush=True)
    time.sleep(600)
"""


def test_no_broker_outlives_an_owner_that_is_killed(kafka_distribution, tmp_path):
    owner = subprocess.Popen([sys.executable, "-c", OWNER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    assert owner.stdout.readline() == "ready\n"
    started = psutil.Process(owner.pid).children()
    assert len(started) == 2  # a broker, and the shell that watches its owner
    owner.kill()
    owner.wait()
    owner.stdout.close()
    assert psutil.wait_procs(started, timeout=10)[1] == []


def test_har_kafka_makes_the_topics_prints_its_address_keeps_its_data_and_stops_on_ctrl_c(kafka_distribution, tmp_path):
    command = [sys.executable, "-m", "deploy", "kafka", "--folder", str(tmp_path), "--partitions", "2"]
    for run in range(2):
        server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert server.stdout is not None
        line = next(line for line in server.stdout if "har processor --bootstrap" in line)
        bootstrap = line.split()[-1]
        admin = KafkaAdminClient(bootstrap_servers=[bootstrap])
        assert {topic.name for topic in topics.ALL} <= set(admin.list_topics())
        admin.close()
        if run == 0:
            producer = KafkaProducer(bootstrap_servers=[bootstrap], acks="all")
            producer.send(TOPIC, value=b"7").get(10)
            producer.close()
        else:
            assert stored(bootstrap) == {7}
        started = psutil.Process(server.pid).children()
        server.send_signal(signal.SIGINT)
        assert server.wait(30) == 0
        server.stdout.close()
        assert psutil.wait_procs(started, timeout=5)[1] == []


def test_without_java_or_maven_the_error_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    with pytest.raises(MissingServerError, match="apt install openjdk-17"):
        distribution.find_distribution()
    program(tmp_path / "java", """echo 'openjdk version "11.0.2" 2019-01-15' >&2""")
    with pytest.raises(MissingServerError, match="newer Java"):
        distribution.find_distribution()
    program(tmp_path / "java", """echo 'openjdk version "21.0.1" 2023-10-17' >&2""")
    with pytest.raises(MissingServerError, match="apt install maven"):
        distribution.find_distribution()
    program(tmp_path / "mvn", "echo '[ERROR] no route to host'; exit 1")
    with pytest.raises(distribution.UnreachableRepositoryError, match="no route to host"):
        distribution.find_distribution()
    assert not distribution.jars_folder().exists()


def test_concurrent_callers_download_once(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.delenv("JAVA_HOME", raising=False)
    fetched = tmp_path / "fetched"
    program(tmp_path / "java", """echo 'openjdk version "17.0.1" 2023-10-17' >&2""")
    program(tmp_path / "mvn", f"echo fetch >> {fetched}; sleep 0.5; mkdir jars; touch jars/kafka.jar")
    asking = "from deploy.kafka.distribution import find_distribution as find; print(*find().jars.iterdir())"
    callers = [subprocess.Popen([sys.executable, "-c", asking], stdout=subprocess.PIPE, text=True) for _ in range(3)]
    assert {caller.communicate()[0] for caller in callers} == {f"{distribution.jars_folder() / 'kafka.jar'}\n"}
    assert fetched.read_text() == "fetch\n"


def program(path, script: str) -> None:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
