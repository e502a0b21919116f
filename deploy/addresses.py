"""The addresses of the parts of a system on one machine."""

from dataclasses import dataclass

from deploy.ports import free_port


@dataclass
class Addresses:
    """The addresses of the parts of a running system.

    Attributes
    ----------
    bootstrap : str
        Kafka's servers, ``host:port,host:port``.
    embedded_kafka : int or None
        Port of the embedded broker; None if a running Kafka is used.
    redis, gateway, dashboard, processor_page, store : int
        Loopback ports.
    """

    bootstrap: str
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
    gateway: int | None = None, dashboard: int | None = None, *, bootstrap: str | None = None
) -> Addresses:
    """Choose free loopback ports; `gateway` and `dashboard` are used if they are free.

    Parameters
    ----------
    gateway, dashboard : int, optional
        Preferred ports.
    bootstrap : str, optional
        Servers of a running Kafka; without it, a port for an embedded one is chosen.
    """
    taken: set[int] = set()
    chosen_gateway = free_port(gateway, taken=taken)
    chosen_dashboard = free_port(dashboard, taken=taken)
    kafka = None if bootstrap else free_port(taken=taken)
    return Addresses(
        bootstrap=bootstrap or f"127.0.0.1:{kafka}",
        embedded_kafka=kafka,
        redis=free_port(taken=taken),
        gateway=chosen_gateway,
        dashboard=chosen_dashboard,
        processor_page=free_port(taken=taken),
        store=free_port(taken=taken),
    )
