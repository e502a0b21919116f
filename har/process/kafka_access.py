"""Check what a user may do in Kafka, and say which right is missing."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from typing import Any, Protocol

from har.process.held_back_log import held_back
from har.process.kafka_clients import ClientKind, is_refusal, lacking, open_client
from har.process.kafka_connection import KafkaConnection
from har.rights import Right

#: The bit of each operation in the set that Kafka returns with a description (KIP-430, `AclOperation`).
_BITS = {"READ": 3, "WRITE": 4, "CREATE": 5, "DELETE": 6, "ALTER": 7, "DESCRIBE": 8}
_TOPIC_REFUSED = 29


class _Admin(Protocol):
    """The parts of kafka-python's admin client that are used here."""

    def describe_topics(self, topics: Sequence[str]) -> Iterable[Mapping[str, Any]]: ...
    def describe_groups(self, group_ids: Sequence[str]) -> Mapping[str, Mapping[str, Any]]: ...
    def close(self) -> None: ...


def require_rights(kind: ClientKind[_Admin], kafka: KafkaConnection, rights: Sequence[Right]) -> None:
    """Do nothing if the user of a connection has all rights, or if Kafka does not learn who connects.

    Parameters
    ----------
    kind : type
        `kafka.KafkaAdminClient`.
    kafka : KafkaConnection
        How to connect.
    rights : sequence of Right
        What is needed.

    Raises
    ------
    KafkaRefusedError
        If Kafka does not accept the credentials, or a right is missing; the message names it.
    KafkaUnreachableError
        If Kafka cannot be reached.
    kafka.errors.KafkaError
        If Kafka does not answer.
    """
    if not kafka.is_authenticated:
        return
    with held_back("kafka"), closing(open_client(kind, kafka)) as admin:
        missing = [right for right in rights if not _has(admin, right)]
    if missing:
        raise lacking(kafka, *missing)


def require_access(kind: ClientKind[_Admin], kafka: KafkaConnection, rights: Sequence[Right]) -> None:
    """Do nothing if Kafka and its brokers can be reached, and the user of a connection has all rights.

    Parameters and errors are those of `require_rights`, which does not connect if Kafka does not learn who connects.
    """
    if kafka.is_authenticated:
        require_rights(kind, kafka, rights)
    else:
        open_client(kind, kafka).close()


def reason(kind: ClientKind[_Admin], kafka: KafkaConnection, rights: Sequence[Right], error: Exception) -> str:
    """Return why Kafka failed; if it refused something, which right is missing.

    Parameters
    ----------
    kind, kafka, rights
        As for `require_rights`.
    error : Exception
        What a client raised.
    """
    if is_refusal(error):
        try:
            require_rights(kind, kafka, rights)
        except Exception as found:
            return str(found)
    return str(error)


def _has(admin: _Admin, right: Right) -> bool:
    if right.resource == "GROUP":
        return _has_on_group(admin, right)
    (topic,) = admin.describe_topics([right.name])
    if topic["error_code"]:
        # A user learns that a topic does not exist only if it may describe it; another check reports that.
        return bool(topic["error_code"] != _TOPIC_REFUSED)
    return _allows(topic, right)


def _has_on_group(admin: _Admin, right: Right) -> bool:
    try:
        return _allows(admin.describe_groups([right.name])[right.name], right)
    except Exception as error:
        if type(error).__name__ == "GroupAuthorizationFailedError":
            return False
        if type(error).__name__ == "CoordinatorNotAvailableError":
            return True  # a new cluster, whose first group this is; Kafka has checked the right to describe it
        raise


def _allows(described: Mapping[str, Any], right: Right) -> bool:
    found = described.get("authorized_operations", described.get("topic_authorized_operations"))
    if found is None or (isinstance(found, int) and found < 0):
        return True  # the broker does not say
    if isinstance(found, int):
        return bool(found >> _BITS[right.operation] & 1)
    return right.operation in found
