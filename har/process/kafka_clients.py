"""Open clients of kafka-python, which leaks threads and sockets if a client cannot be opened (as of 3.0.12).

Callers pass in the client class, so that this package does not depend on the library.
"""

from collections.abc import Callable, Mapping
from typing import Protocol, TypeVar

Client_co = TypeVar("Client_co", covariant=True)


class _Network(Protocol):
    """A client's connections and the loop that serves them."""

    def close(self) -> None: ...


class ClientKind(Protocol[Client_co]):
    """The parts of kafka-python's client classes that are used here."""

    DEFAULT_CONFIG: Mapping[str, Callable[..., _Network]]

    def __call__(self, *topics: str, **settings: object) -> Client_co:
        """Make a client."""
        ...


def open_client(kind: ClientKind[Client_co], *topics: str, **settings: object) -> Client_co:
    """Open a producer, a consumer or an admin client; close its connections if that fails.

    Parameters
    ----------
    kind : type
        `kafka.KafkaProducer`, `kafka.KafkaConsumer` or `kafka.KafkaAdminClient`.
    *topics : str
        The topics that a consumer subscribes to.
    **settings
        The client's settings.

    Raises
    ------
    kafka.errors.KafkaError
        If Kafka cannot be reached within `bootstrap_timeout_ms`.
    """
    networks: list[_Network] = []

    def make_network(**network_settings: object) -> _Network:
        networks.append(kind.DEFAULT_CONFIG["kafka_client"](**network_settings))
        return networks[-1]

    try:
        return kind(*topics, kafka_client=make_network, **settings)
    except BaseException:
        for network in networks:
            network.close()
        raise
