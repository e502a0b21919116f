"""The server properties of each Kafka process."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Layout:
    """The Kafka processes of a cluster, and their loopback ports.

    Attributes
    ----------
    brokers : dict of int to int
        Port of each broker, by its node id.
    controller : int
        Node id of the controller; that of the broker, or of a process of its own.
    controller_port : int
        Port of the controller.
    secured : dict of int to int
        Port of each broker's secured listener, by its node id; empty without one.
    """

    brokers: dict[int, int]
    controller: int
    controller_port: int
    secured: dict[int, int] = field(default_factory=dict)

    @property
    def nodes(self) -> list[int]:
        """All node ids."""
        return sorted({*self.brokers, self.controller})

    @property
    def replication(self) -> int:
        """Number of replicas of each partition."""
        return len(self.brokers)

    @property
    def min_in_sync(self) -> int:
        """Number of replicas that must be written before a message is confirmed: one broker may be away."""
        return max(1, self.replication - 1)


def server_properties(layout: Layout, node: int, data: Path, more: Mapping[str, str]) -> str:
    """Return the server properties of a node, with some more."""
    own = {"node.id": node, "log.dirs": data, **_listeners(layout, node)}
    values = {**own, **_durability(layout), **_SMALL, **_QUICK, **more}
    return "".join(f"{name}={value}\n" for name, value in values.items())


def _listeners(layout: Layout, node: int) -> dict[str, str]:
    broker = f"BROKER://127.0.0.1:{layout.brokers[node]}" if node in layout.brokers else ""
    controller = f"CONTROLLER://127.0.0.1:{layout.controller_port}" if node == layout.controller else ""
    host, protocol = ("localhost", "SSL") if layout.secured else ("127.0.0.1", "PLAINTEXT")
    clients = f"CLIENTS://127.0.0.1:{layout.secured[node]}" if node in layout.secured else ""
    advertised = ",".join(filter(None, (broker, clients))) or controller
    return {
        "process.roles": ",".join(role for role, on in (("broker", broker), ("controller", controller)) if on),
        "listeners": ",".join(filter(None, (broker, clients, controller))),
        "advertised.listeners": advertised.replace("127.0.0.1", host),
        "listener.security.protocol.map": f"BROKER:{protocol},CONTROLLER:{protocol},CLIENTS:SASL_SSL",
        "inter.broker.listener.name": "BROKER",
        "controller.listener.names": "CONTROLLER",
        "controller.quorum.voters": f"{layout.controller}@{host}:{layout.controller_port}",
    }


def _durability(layout: Layout) -> dict[str, str | int]:
    """Return the properties that a production cluster also sets."""
    return {
        "auto.create.topics.enable": "false",
        "default.replication.factor": layout.replication,
        "min.insync.replicas": layout.min_in_sync,
        "offsets.topic.replication.factor": layout.replication,
        "transaction.state.log.replication.factor": layout.replication,
        "transaction.state.log.min.isr": layout.min_in_sync,
    }


#: Small sizes for few groups and little data: production keeps Kafka's 50 partitions, and 128 MB for compaction.
_SMALL = {
    "offsets.topic.num.partitions": 8,
    "transaction.state.log.num.partitions": 8,
    "log.cleaner.dedupe.buffer.size": 16 * 1024 * 1024,
}
#: Short timeouts. Production keeps Kafka's 3 s for a first rebalance, so that many members join at once, and its 9 s
#: until a silent broker counts as gone, so that a busy machine does not lose leadership.
_QUICK = {
    "group.initial.rebalance.delay.ms": 0,
    "broker.session.timeout.ms": 5_000,
    "broker.heartbeat.interval.ms": 500,
}
