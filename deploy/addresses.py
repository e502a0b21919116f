"""The addresses of the parts of a system on one machine."""

from dataclasses import dataclass

from deploy.ports import free_port
from har.process.kafka_connection import KafkaConnection


@dataclass
class Addresses:
    """The addresses of the parts of a running system.

    Attributes
    ----------
    kafka : KafkaConnection
        How to connect to Kafka.
    embedded_kafka : int or None
        Port of the embedded broker; None if a running Kafka is used.
    redis, gateway, dashboard, processor_page, store : int
        Loopback ports.
    """

    kafka: KafkaConnection
    embedded_kafka: int | None
    redis: int
    gateway: int
    dashboard: int
    processor_page: int
    store: int

    @property
    def store_url(self) -> str:
        """Where releases come from, if there is a store."""
        return f"http://127.0.0.1:{self.store}"

    @property
    def redis_url(self) -> str:
        """Redis's URL."""
        return f"redis://127.0.0.1:{self.redis}/0"

    @property
    def gateway_url(self) -> str:
        """Where phones stream to, on a gateway for this machine alone."""
        return f"ws://127.0.0.1:{self.gateway}/v1/samples"

    def gateway_origin(self, encrypted: bool) -> str:
        """Return the origin of the gateway's pages, with HTTPS if it is encrypted."""
        return f"{'https' if encrypted else 'http'}://127.0.0.1:{self.gateway}"

    @property
    def dashboard_url(self) -> str:
        """URL of the live page."""
        return f"http://127.0.0.1:{self.dashboard}/"


def choose_addresses(
    gateway: int | None = None, dashboard: int | None = None, *, kafka: KafkaConnection | None = None
) -> Addresses:
    """Choose free loopback ports; `gateway` and `dashboard` are used if they are free.

    Parameters
    ----------
    gateway, dashboard : int, optional
        Preferred ports.
    kafka : KafkaConnection, optional
        A running Kafka; without it, a port for an embedded one is chosen.
    """
    taken: set[int] = set()
    chosen_gateway = free_port(gateway, taken=taken)
    chosen_dashboard = free_port(dashboard, taken=taken)
    embedded = free_port(taken=taken) if kafka is None else None
    return Addresses(
        kafka=kafka or KafkaConnection(f"127.0.0.1:{embedded}"),
        embedded_kafka=embedded,
        redis=free_port(taken=taken),
        gateway=chosen_gateway,
        dashboard=chosen_dashboard,
        processor_page=free_port(taken=taken),
        store=free_port(taken=taken),
    )
