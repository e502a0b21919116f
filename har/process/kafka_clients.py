"""Open clients of kafka-python, which leaks threads and sockets if a client cannot be opened (as of 3.0.12).

Callers pass in the client class, so that this package does not depend on the library.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol, TypeVar

from har.process.addresses import host_and_port
from har.process.advertised_brokers import require_advertised
from har.process.held_back_log import held_back
from har.process.kafka_connection import KafkaConnection
from har.process.kafka_fetched_batches import read_every_batch
from har.process.kafka_probe import KafkaUnreachableError, require_reachable, wait_until_reachable
from har.process.kafka_tokens import token_provider
from har.process.record_codecs import require_codecs
from har.rights import Right

#: Age at which clients request the list of partitions again, ms: how long a new topic or partition stays unnoticed.
METADATA_AGE_MS = 5_000


class _Closable(Protocol):
    """What every client can do."""

    def close(self) -> None: ...


Client_co = TypeVar("Client_co", bound=_Closable, covariant=True)

#: How long a client may take to connect for the first time, ms; then a probe finds out why it does not. A command
#: that cannot reach Kafka ends within 15 s, with the time that its own start and a last probe take.
CONNECT_MS = 8_000
#: How long a reader has no connection until it is tried why, s; and how long that may take, ms.
OFFLINE_SECONDS, RECONNECT_MS = 5.0, 2_000
#: A reader ends after so many refusals in a row. A broker that starts, or a source of tokens, may refuse once.
REFUSALS = 2


class Partition(NamedTuple):
    """A partition of a topic."""

    topic: str
    number: int

    def __str__(self) -> str:
        return f"{self.topic}/{self.number}"


class KafkaRefusedError(PermissionError):
    """Kafka does not accept who connects, or what it wants to do; the message states the missing right."""


class KafkaRecord(Protocol):
    """The parts of kafka-python's record that are used here; `timestamp` is in ms since the epoch."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]


class _Broker(Protocol):
    """Where Kafka says that a broker is."""

    host: str
    port: int


class _Cluster(Protocol):
    """What a client knows of its cluster."""

    def brokers(self) -> Sequence[_Broker]: ...


class _Network(_Closable, Protocol):
    """A client's connections and the loop that serves them."""

    cluster: _Cluster


class ClientKind(Protocol[Client_co]):
    """The parts of kafka-python's client classes that are used here."""

    DEFAULT_CONFIG: Mapping[str, Callable[..., _Network]]

    def __call__(self, *topics: str, **settings: object) -> Client_co:
        """Make a client."""


def lacking(kafka: KafkaConnection, *rights: Right) -> KafkaRefusedError:
    """Return the error that names the rights that a user lacks."""
    return KafkaRefusedError(
        f"in Kafka at {kafka}, {kafka.identity} lacks {', '.join(map(str, rights))}; "
        "`har topics --acls print` prints what each service needs"
    )


def open_client(kind: ClientKind[Client_co], kafka: KafkaConnection, *topics: str, **settings: object) -> Client_co:
    """Open a producer, a consumer or an admin client; close its connections if that fails.

    Parameters
    ----------
    kind : type
        `kafka.KafkaProducer`, `kafka.KafkaConsumer` or `kafka.KafkaAdminClient`.
    kafka : KafkaConnection
        How to connect.
    *topics : str
        The topics that a consumer subscribes to.
    **settings
        The client's other settings.

    Raises
    ------
    KafkaUnreachableError
        If Kafka cannot be reached within `bootstrap_timeout_ms`, by default `CONNECT_MS`.
    KafkaRefusedError
        If Kafka does not accept the credentials.
    kafka.errors.KafkaError
        If it fails for another reason.
    """
    connect_ms = settings.pop("bootstrap_timeout_ms", CONNECT_MS)
    assert isinstance(connect_ms, int)
    # kafka-python says only that it could not connect, and its TLS handshake has no time limit.
    wait_until_reachable(kafka, connect_ms / 1_000)
    networks: list[_Network] = []

    def make_network(**network_settings: object) -> _Network:
        networks.append(kind.DEFAULT_CONFIG["kafka_client"](**network_settings))
        return networks[-1]

    client: Client_co | None = None
    with held_back("kafka") as said:
        try:
            client = kind(
                *topics,
                kafka_client=make_network,
                **kafka_python_settings(kafka),
                bootstrap_timeout_ms=connect_ms,
                **settings,
            )
            _require_brokers(kafka, networks)
        except BaseException as error:
            for connection in (client, *networks):
                if connection is not None:
                    connection.close()
            if type(error).__module__.startswith("kafka."):
                explain(kafka, error, said.exceptions)
                _require_brokers(kafka, networks)
            raise
    return client


def _require_brokers(kafka: KafkaConnection, networks: Sequence[_Network]) -> None:
    brokers = [broker for network in networks for broker in network.cluster.brokers()]
    require_advertised(kafka, [host_and_port(broker.host, broker.port) for broker in brokers])


def explain(kafka: KafkaConnection, error: BaseException, said: Sequence[BaseException] = ()) -> None:
    """Raise an error that states why a client could not connect, if that can be found out.

    Parameters
    ----------
    kafka : KafkaConnection
        How the client connected.
    error : BaseException
        The client's error.
    said : sequence of BaseException
        What the library logged meanwhile.

    Raises
    ------
    KafkaUnreachableError
        If Kafka cannot be reached.
    KafkaRefusedError
        If Kafka does not accept the credentials.
    """
    require_reachable(kafka)
    refusal = next(filter(is_refusal, (error, *said)), None)
    if refusal is not None or (kafka.uses_sasl and said):
        # kafka-python often misses Kafka's answer, and sees only that the connection ends.
        why = str(refusal).rpartition("Error: ")[2] if refusal else "it ends the connection"
        raise KafkaRefusedError(
            f"Kafka at {kafka} does not accept {kafka.identity} by {kafka.mechanism or kafka.protocol}: {why}"
        ) from error


def is_refusal(error: BaseException) -> bool:
    """Return whether Kafka refused the credentials or the right to do something, by the error of either library."""
    return any(name in type(error).__name__ for name in ("SaslAuthenticationFailed", "AuthorizationFailed"))


def kafka_python_settings(kafka: KafkaConnection) -> dict[str, object]:
    """Return the settings of kafka-python's clients for a connection.

    Raises
    ------
    OSError
        If a certificate or a key cannot be read.
    """
    settings = kafka.client_settings()
    if kafka.uses_sasl and kafka.mechanism == "OAUTHBEARER":
        settings["sasl_oauth_token_provider"] = token_provider(kafka)
    return settings


def open_reader(
    kind: ClientKind[Client_co],
    kafka: KafkaConnection,
    *topics: str,
    fetch_wait_ms: int,
    max_records: int,
    reset: str,
    **settings: object,
) -> Client_co:
    """Open a consumer without a group, which commits nothing. It reads every codec and passes unreadable batches.

    The value of a record is an `har.process.record_batches.UnreadableBatch` if it stands for a batch that could not be
    read. Its `poll` raises a `KafkaRefusedError` if the right to read a topic is missing, or, after
    `OFFLINE_SECONDS` without a connection, if Kafka refuses the credentials `REFUSALS` times in a row.

    Parameters
    ----------
    kind : type
        `kafka.KafkaConsumer`.
    kafka : KafkaConnection
        How to connect.
    *topics : str
        The topics to read whole; none if partitions are assigned later.
    fetch_wait_ms : int
        How long a broker waits for new messages before it answers a fetch, ms.
    max_records : int
        The most records that one poll returns.
    reset : str
        What to do at an offset that Kafka does not have: ``none`` (raise) or ``earliest``.
    **settings
        Further settings.

    Raises
    ------
    KafkaUnreachableError, KafkaRefusedError, kafka.errors.KafkaError
        As `open_client`.
    har.process.record_codecs.MissingCodecError
        If a codec of Kafka cannot be loaded.
    """
    require_codecs()
    reader = open_client(
        kind,
        kafka,
        *topics,
        enable_auto_commit=False,
        auto_offset_reset=reset,
        fetch_max_wait_ms=fetch_wait_ms,
        max_poll_records=max_records,
        metadata_max_age_ms=METADATA_AGE_MS,
        # Answers within a session leave out partitions without messages, also those that Kafka cannot read.
        enable_incremental_fetch_sessions=False,
        **settings,
    )
    read_every_batch(reader)
    _raise_refusals(kind, reader, kafka)
    return reader


def _refusal(kind: ClientKind[Client_co], kafka: KafkaConnection) -> KafkaRefusedError | None:
    """Connect anew; return the error if Kafka does not accept the credentials, and None if it does or is away."""
    try:
        open_client(kind, kafka, bootstrap_timeout_ms=RECONNECT_MS).close()
    except KafkaRefusedError as error:
        return error
    except Exception as error:
        if not (isinstance(error, KafkaUnreachableError) or type(error).__module__.startswith("kafka.")):
            raise
    return None


def _raise_refusals(kind: ClientKind[Client_co], reader: object, kafka: KafkaConnection) -> None:
    """Let a consumer of kafka-python fail if Kafka accepts it no more: it would try for ever, and hardly log why."""
    poll, cluster, manager = reader.poll, reader._cluster, reader._fetcher._manager  # type: ignore[attr-defined]
    connected_at, refusals = time.monotonic(), 0

    def poll_or_raise(*arguments: object, **settings: object) -> object:
        nonlocal connected_at, refusals
        polled = poll(*arguments, **settings)
        if not polled and cluster.unauthorized_topics:
            raise lacking(kafka, *(Right("READ", "TOPIC", topic) for topic in sorted(cluster.unauthorized_topics)))
        if polled or manager.least_used_connections():
            connected_at, refusals = time.monotonic(), 0
        elif kafka.is_authenticated and time.monotonic() - connected_at >= OFFLINE_SECONDS:
            refusal = _refusal(kind, kafka)
            connected_at, refusals = time.monotonic(), refusals + 1 if refusal else 0
            if refusal and refusals >= REFUSALS:
                raise refusal
        return polled

    reader.poll = poll_or_raise  # type: ignore[attr-defined]
