"""Check that Kafka's brokers can be reached where Kafka says they are.

A client asks the servers of its settings for the brokers' addresses only, and then connects to these. If Kafka names
addresses that the client's machine cannot reach (`advertised.listeners`), the libraries try again and again.
"""

import dataclasses
from collections.abc import Iterable

from har.process.kafka_connection import KafkaConnection
from har.process.kafka_probe import KafkaUnreachableError, require_reachable


def require_advertised(kafka: KafkaConnection, addresses: Iterable[str]) -> None:
    """Do nothing if at least one of the brokers can be reached where Kafka says it is.

    Parameters
    ----------
    kafka : KafkaConnection
        How the client has connected.
    addresses : iterable of str
        Kafka's answer, ``host:port`` each; empty if it is not known.

    Raises
    ------
    KafkaUnreachableError
        If none can be reached.
    """
    advertised = sorted(set(addresses))
    if not advertised or set(advertised) & set(kafka.servers):
        return
    try:
        require_reachable(dataclasses.replace(kafka, bootstrap=",".join(advertised)))
    except KafkaUnreachableError as error:
        raise KafkaUnreachableError(
            f"Kafka at {kafka} answers, but says that its brokers are at {', '.join(advertised)} "
            f"(advertised.listeners), where clients must connect: {error}",
            is_transient=error.is_transient,
        ) from error
