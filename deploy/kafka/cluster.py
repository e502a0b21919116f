"""An Apache Kafka cluster on loopback with one or three brokers, which can be killed and frozen."""

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
from deploy.kafka.protection import Protection
from deploy.kafka.readiness import NotReadyError, check_ready
from deploy.kafka.server_properties import Layout, server_properties
from deploy.lifeline import Lifeline
from deploy.ports import free_port
from har.process.kafka_connection import KafkaConnection

#: How long a cluster may take to be ready, s.
READY_SECONDS = 90.0
#: Interval between checks whether brokers are ready, s.
_ASK_AGAIN_SECONDS = 0.05


class KafkaCluster:
    """Apache Kafka in KRaft mode: brokers are numbered from 1; data and ports outlive a broker's process.

    One broker is its own controller. Three brokers have a controller in a separate process that no test damages; in
    production, controllers do not run on the brokers either. If the brokers were also the quorum of controllers, the
    last of three would have no controller. No partition could change its leader or its in-sync replicas, so clients
    would wait for brokers that are gone (kafka-python's producer beyond all its timeouts, when tried) instead of
    getting the error that replicas are missing. The fourth process costs no time: three brokers started equally fast
    either way.

    No process outlives the one that started the cluster, even if that is killed.

    Parameters
    ----------
    folder : Path
        Folder for data, properties and the log file of each node; files of an earlier run are used again.
    brokers : int
        1 or 3. With 3, topics have three replicas and writes need two.
    first_port : int, optional
        Preferred port of the first broker; any free port by default.
    announce : callable
        Called with a message before a step that takes long.
    protection : Protection, optional
        Certificates and users; without it, everyone on this machine may do everything.
    """

    def __init__(
        self,
        folder: Path,
        brokers: int = 1,
        *,
        first_port: int | None = None,
        announce: Callable[[str], None] = lambda text: None,
        protection: Protection | None = None,
    ) -> None:
        if brokers not in (1, 3):
            raise ValueError(f"a cluster has 1 or 3 brokers, not {brokers}")
        self._folder = folder.resolve()
        self._announce = announce
        self._layout = _choose_layout(brokers, first_port, secured=protection is not None)
        self._protection = protection
        self._nodes = {number: self._node(number) for number in self._layout.nodes}
        self._kafka: Distribution | None = None
        self._lifeline: Lifeline | None = None

    @property
    def brokers(self) -> list[int]:
        """The numbers of the brokers."""
        return list(self._layout.brokers)

    @property
    def replication(self) -> int:
        """The number of replicas that topics of this cluster should have."""
        return self._layout.replication

    @property
    def folder(self) -> Path:
        """The folder of all nodes' data, properties and log files."""
        return self._folder

    @property
    def bootstrap(self) -> str:
        """The addresses of all brokers, ``host:port,host:port``."""
        return ",".join(self.address(broker) for broker in self.brokers)

    @property
    def kafka(self) -> KafkaConnection:
        """How to connect to it, with all rights."""
        return self._at(self.bootstrap)

    @property
    def secured_bootstrap(self) -> str:
        """The addresses of the listeners for users, ``host:port,host:port``; of a protected cluster."""
        return ",".join(f"localhost:{port}" for port in self._layout.secured.values())

    def _at(self, bootstrap: str) -> KafkaConnection:
        return KafkaConnection(bootstrap) if self._protection is None else self._protection.superuser(bootstrap)

    def address(self, broker: int) -> str:
        """Return the address of a broker, ``host:port``."""
        host = "127.0.0.1" if self._protection is None else "localhost"
        return f"{host}:{self._layout.brokers[broker]}"

    @property
    def controller_address(self) -> str:
        """The address of the controller's listener, which is not for clients."""
        return f"127.0.0.1:{self._layout.controller_port}"

    def log_file(self, broker: int) -> Path:
        """Return the log file of a broker."""
        return self._nodes[broker].log_file

    def start(self) -> None:
        """Start all brokers, and wait until they are ready.

        Raises
        ------
        MissingServerError
            If Java is missing, or Kafka cannot be downloaded.
        OSError
            If a data folder cannot be prepared.
        ProcessEndedError
            If a broker ends; the message quotes the last lines of its log.
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
            if self._protection is not None:
                self._protection.create_users(self.bootstrap)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop all processes: gracefully first, the brokers before their controller, then by force."""
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
        """Wait until every broker answers and knows all others, and all replicas of all topics are in sync.

        Raises
        ------
        ProcessEndedError
            If a broker ends by itself; the message quotes the last lines of its log.
        RuntimeError
            If a broker was stopped or killed, and not started again.
        TimeoutError
            If it takes longer than `seconds`.
        """
        deadline = time.monotonic() + seconds
        addresses = {broker: self._at(self.address(broker)) for broker in self.brokers}
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
            If it ended by itself; the message quotes the last lines of its log.
        """
        ends: SimpleQueue[None] = SimpleQueue()
        for node in self._nodes.values():
            Thread(target=lambda node=node: ends.put(node.wait_for_end()), daemon=True).start()
        ends.get()
        for node in self._nodes.values():
            node.require_running()

    def is_running(self, broker: int) -> bool:
        """Return whether a broker's process exists, frozen or not."""
        return self._nodes[broker].is_running

    def start_broker(self, broker: int) -> None:
        """Start a stopped or killed broker with its data and port, without waiting until it is ready."""
        if self._kafka is None or self._lifeline is None:
            raise RuntimeError("the cluster was not started")
        self._nodes[broker].start(self._kafka, self._lifeline)

    def stop_broker(self, broker: int) -> None:
        """Stop a broker gracefully: it hands over its partitions."""
        self._nodes[broker].stop()

    def restart(self, broker: int) -> None:
        """Stop a broker if it runs, start it, and wait until the cluster is ready."""
        self.stop_broker(broker)
        self.start_broker(broker)
        self.wait_until_ready()

    def kill(self, broker: int) -> None:
        """Kill a broker with SIGKILL."""
        self._nodes[broker].kill()

    def kill_all(self) -> None:
        """End all processes with SIGKILL, when nobody wants their data any more; frozen ones take long to stop."""
        for node in self._nodes.values():
            node.kill()

    def freeze(self, broker: int) -> None:
        """Freeze a broker with its connections open, as on a machine that hangs."""
        self._nodes[broker].freeze()

    def unfreeze(self, broker: int) -> None:
        """Resume a frozen broker."""
        self._nodes[broker].signal(signal.SIGCONT)

    def freeze_all(self) -> None:
        """Freeze all processes while nobody needs them: idle ones use 1 to 3 % of a CPU each."""
        for node in self._nodes.values():
            node.signal(signal.SIGSTOP)

    def unfreeze_all(self) -> None:
        """Resume all processes, without waiting until they are ready."""
        for node in self._nodes.values():
            node.signal(signal.SIGCONT)

    def _node(self, number: int) -> Node:
        name = f"broker-{number}" if number in self._layout.brokers else "controller"
        return Node(f"Kafka {name}", self._folder / name)

    def _prepare(self, kafka: Distribution) -> None:
        """Write the properties of all nodes, and format the data folders that are not formatted yet."""
        more = {} if self._protection is None else self._protection.properties()
        for number, node in self._nodes.items():
            node.write_properties(server_properties(self._layout, number, node.data_folder, more))
        cluster = _cluster_id(self._folder / "cluster-id")
        empty = [node for node in self._nodes.values() if not node.is_formatted]
        runs = [
            subprocess.Popen(
                kafka.format(node.properties_file, cluster), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
            )
            for node in empty
        ]
        outputs = [run.communicate()[0] for run in runs]
        for node, run, output in zip(empty, runs, outputs, strict=True):
            if run.returncode != 0:
                raise OSError(f"{node.name}: the data folder could not be formatted: {output.strip()}")


def _choose_layout(brokers: int, first_port: int | None, *, secured: bool) -> Layout:
    taken: set[int] = set()
    ports = {number: free_port(first_port, taken=taken) for number in range(1, brokers + 1)}
    controller = free_port(taken=taken)
    secured_ports = {number: free_port(taken=taken) for number in ports} if secured else {}
    return Layout(ports, 1 if brokers == 1 else brokers + 1, controller, secured_ports)


def _cluster_id(file: Path) -> str:
    """Return the id that all nodes share; saved before formatting, so that an interrupted first start can continue."""
    if not file.exists():
        file.write_text(new_cluster_id())
    return file.read_text()


def new_cluster_id() -> str:
    """Return a random id like those of Kafka: it must not look like an option of the format tool."""
    while True:
        text = urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        if not text.startswith("-"):
            return text
