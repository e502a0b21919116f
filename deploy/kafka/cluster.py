"""An Apache Kafka cluster on loopback, of one broker or of three, whose brokers can be killed and frozen."""

import signal
import subprocess
import time
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from types import TracebackType
from typing import Self

from kafka.errors import KafkaError

from deploy.kafka.distribution import Distribution, find_distribution
from deploy.kafka.node import Node
from deploy.kafka.readiness import NotReadyError, check_ready
from deploy.kafka.server_properties import Layout, server_properties
from deploy.lifeline import Lifeline
from deploy.ports import free_port

READY_SECONDS = 90.0
#: Nothing tells when a broker of another process is ready but asking it.
_ASK_AGAIN_SECONDS = 0.05


class KafkaCluster:
    """Apache Kafka in KRaft mode: brokers are numbered from 1; data and ports outlive a broker's process.

    One broker is its own controller. Three brokers have a controller beside them, in a process of its own that
    no test harms, as in production controllers do not run on the brokers. Were the brokers a quorum of
    controllers too, the last of three would be left without one: no partition could change its leader or
    its in-sync replicas, so clients would wait for brokers that are gone (kafka-python's producer beyond all its
    timeouts, when tried) instead of hearing that replicas are missing. The fourth process costs no time: three
    brokers were up equally fast either way.

    No process outlives the one that started the cluster, however that ends.

    Parameters
    ----------
    folder : Path
        For data, properties and the log file of each node; what is there from another run is used again.
    brokers : int
        1 or 3. With 3, topics have three replicas and writes need two.
    first_port : int, optional
        Preferred port of the first broker; without it any free ones are taken.
    announce : callable
        Told what takes long, before it begins.
    """

    def __init__(
        self,
        folder: Path,
        brokers: int = 1,
        *,
        first_port: int | None = None,
        announce: Callable[[str], None] = lambda text: None,
    ) -> None:
        if brokers not in (1, 3):
            raise ValueError(f"a cluster has 1 or 3 brokers, not {brokers}")
        self._folder = folder.resolve()
        self._announce = announce
        self._layout = _choose_layout(brokers, first_port)
        self._nodes = {number: self._node(number) for number in self._layout.nodes}
        self._kafka: Distribution | None = None
        self._lifeline: Lifeline | None = None

    @property
    def brokers(self) -> list[int]:
        """Numbers of the brokers."""
        return list(self._layout.brokers)

    @property
    def replication(self) -> int:
        """How many replicas the topics of this cluster should have."""
        return self._layout.replication

    @property
    def bootstrap(self) -> str:
        """All brokers' addresses, host:port,host:port."""
        return ",".join(self.address(broker) for broker in self.brokers)

    def address(self, broker: int) -> str:
        """Return a broker's address."""
        return f"127.0.0.1:{self._layout.brokers[broker]}"

    def log_file(self, broker: int) -> Path:
        """Return the file with what a broker said."""
        return self._nodes[broker].log_file

    def start(self) -> None:
        """Start all brokers, and wait until they are ready.

        Raises
        ------
        MissingServerError
            If Java is missing, or Kafka cannot be fetched.
        OSError
            If a data folder cannot be prepared.
        ProcessEndedError
            If a broker ends; the text has the last lines of its log.
        TimeoutError
            If they are not ready in time.
        """
        self._kafka = find_distribution(self._announce)
        self._prepare(self._kafka)
        self._lifeline = Lifeline()
        try:
            for node in self._nodes.values():
                node.start(self._kafka, self._lifeline)
            self.wait_until_ready()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop what runs: gracefully first, the brokers before their controller, then by force."""
        brokers = [self._nodes[broker] for broker in self.brokers]
        for node in brokers:
            node.ask_to_stop()
        for node in (*brokers, self._nodes[self._layout.controller]):
            node.stop()
        if self._lifeline is not None:
            self._lifeline.cut()
            self._lifeline = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def wait_until_ready(self, seconds: float = READY_SECONDS) -> None:
        """Wait until every broker answers, knows of all others, and all replicas of all topics are in sync.

        Raises
        ------
        ProcessEndedError
            If a broker ends by itself; the text has the last lines of its log.
        RuntimeError
            If a broker was stopped or killed and not started again.
        TimeoutError
            If it takes longer.
        """
        deadline = time.monotonic() + seconds
        addresses = {broker: self.address(broker) for broker in self.brokers}
        while True:
            for node in self._nodes.values():
                node.require_running()
            try:
                return check_ready(addresses)
            except (NotReadyError, KafkaError, OSError) as reason:
                if time.monotonic() > deadline:
                    raise TimeoutError(f"Kafka was not ready after {seconds:g} s: {reason}") from reason
            time.sleep(_ASK_AGAIN_SECONDS)

    def wait_for_any_end(self) -> None:
        """Wait until a process of the cluster ends.

        Raises
        ------
        ProcessEndedError
            If nobody stopped it; the text has the last lines of its log.
        """
        ends: SimpleQueue[None] = SimpleQueue()
        for node in self._nodes.values():
            Thread(target=lambda node=node: ends.put(node.wait_for_end()), daemon=True).start()
        ends.get()
        for node in self._nodes.values():
            node.require_running()

    def is_running(self, broker: int) -> bool:
        """Tell whether a broker's process is there, frozen or not."""
        return self._nodes[broker].is_running

    def start_broker(self, broker: int) -> None:
        """Start a broker that was stopped or killed, with its data and port; this does not wait until it is ready."""
        if self._kafka is None or self._lifeline is None:
            raise RuntimeError("the cluster was not started")
        self._nodes[broker].start(self._kafka, self._lifeline)

    def stop_broker(self, broker: int) -> None:
        """Stop a broker gracefully: it hands its partitions over."""
        self._nodes[broker].stop()

    def restart(self, broker: int) -> None:
        """Stop a broker if it runs, start it, and wait until the cluster is whole."""
        self.stop_broker(broker)
        self.start_broker(broker)
        self.wait_until_ready()

    def kill(self, broker: int) -> None:
        """End a broker with SIGKILL."""
        self._nodes[broker].kill()

    def kill_all(self) -> None:
        """End all processes with SIGKILL, when nobody wants their data any more; frozen ones take long to stop."""
        for node in self._nodes.values():
            node.kill()

    def freeze(self, broker: int) -> None:
        """Let a broker stand still, with its connections open, as on a machine that hangs."""
        self._nodes[broker].freeze()

    def unfreeze(self, broker: int) -> None:
        """Let a frozen broker go on."""
        self._nodes[broker].signal(signal.SIGCONT)

    def freeze_all(self) -> None:
        """Let all processes stand still while nobody wants them: idle ones use 1 to 3 % of a CPU each."""
        for node in self._nodes.values():
            node.signal(signal.SIGSTOP)

    def unfreeze_all(self) -> None:
        """Let all processes go on; this does not wait until they are ready."""
        for node in self._nodes.values():
            node.signal(signal.SIGCONT)

    def _node(self, number: int) -> Node:
        name = f"broker-{number}" if number in self._layout.brokers else "controller"
        return Node(f"Kafka {name}", self._folder / name)

    def _prepare(self, kafka: Distribution) -> None:
        """Write the properties of all nodes, and format the data folders of those that have none yet."""
        for number, node in self._nodes.items():
            node.write_properties(server_properties(self._layout, number, node.data_folder))
        cluster = _cluster_id(self._folder / "cluster-id")
        empty = [node for node in self._nodes.values() if not node.is_formatted]
        runs = [
            subprocess.Popen(
                kafka.format(node.properties_file, cluster), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
            )
            for node in empty
        ]
        said = [run.communicate()[0] for run in runs]
        for node, run, text in zip(empty, runs, said, strict=True):
            if run.returncode != 0:
                raise OSError(f"{node.name}: its data folder could not be prepared: {text.strip()}")


def _choose_layout(brokers: int, first_port: int | None) -> Layout:
    taken: set[int] = set()
    ports = {number: free_port(first_port, taken=taken) for number in range(1, brokers + 1)}
    return Layout(ports, 1 if brokers == 1 else brokers + 1, free_port(taken=taken))


def _cluster_id(file: Path) -> str:
    """Return the id that all nodes share; kept before any is formatted, so that a start that was cut off can go on."""
    if not file.exists():
        file.write_text(new_cluster_id())
    return file.read_text()


def new_cluster_id() -> str:
    """Return a random id as Kafka makes them: it must not look like an option of the format tool."""
    while True:
        text = urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        if not text.startswith("-"):
            return text
