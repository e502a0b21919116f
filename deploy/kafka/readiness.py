"""Check whether a Kafka cluster is ready."""

import socket

from kafka.admin import KafkaAdminClient

from har.process.kafka_clients import open_client
from har.process.kafka_connection import KafkaConnection

#: How long to wait for a response, s; a frozen broker sends none.
_ANSWER_SECONDS = 2


class NotReadyError(RuntimeError):
    """The cluster answers, but brokers or replicas are missing; the message names them."""


def check_ready(addresses: dict[int, KafkaConnection]) -> None:
    """Ask every broker whether all brokers are registered and all replicas in sync.

    Each broker has its own view of the cluster, and listens only when it has joined.

    Parameters
    ----------
    addresses : dict of int to KafkaConnection
        How to connect to each broker, by its node id.

    Raises
    ------
    NotReadyError
        If a broker or a replica is missing.
    kafka.errors.KafkaError, OSError
        If a broker does not answer.
    """
    for address in addresses.values():
        check_open(address.bootstrap)
    for address in addresses.values():
        _check_view(address, set(addresses))


def check_open(address: str) -> None:
    """Connect to ``host:port``.

    This costs a broker that is still starting less than a client that retries, and logs each failure as an error.

    Raises
    ------
    OSError
        If nothing listens there.
    """
    host, port = address.rsplit(":", 1)
    socket.create_connection((host.strip("[]"), int(port)), timeout=_ANSWER_SECONDS).close()


def _check_view(address: KafkaConnection, brokers: set[int]) -> None:
    milliseconds = _ANSWER_SECONDS * 1_000
    admin = open_client(
        KafkaAdminClient,
        address,
        bootstrap_timeout_ms=milliseconds,
        request_timeout_ms=milliseconds,
    )
    try:
        known = {broker["broker_id"] for broker in admin.describe_cluster()["brokers"] if not broker.get("is_fenced")}
        if brokers - known:
            raise NotReadyError(f"{address} does not know broker {', '.join(map(str, sorted(brokers - known)))}")
        for topic in admin.describe_topics():
            for partition in topic["partitions"]:
                if set(partition["replica_nodes"]) - set(partition["isr_nodes"]):
                    place = f"{topic['name']}-{partition['partition_index']}"
                    raise NotReadyError(f"{place} is in sync on {partition['isr_nodes']} only")
    finally:
        admin.close()
