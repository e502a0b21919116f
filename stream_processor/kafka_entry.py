"""Check, before Faust starts, that Kafka lets this worker do its work: Faust would try again and again."""

from har import rights
from har.process.kafka_clients import CONNECT_MS, KafkaRefusedError
from har.process.kafka_connection import KafkaConnection
from har.process.kafka_probe import wait_until_reachable
from stream_processor.settings import ProcessorSettings


def require_access(settings: ProcessorSettings) -> None:
    """Do nothing if Kafka can be reached, and this worker has all rights.

    Raises
    ------
    KafkaUnreachableError
        If Kafka cannot be reached.
    KafkaRefusedError
        If Kafka does not accept the credentials, or a right is missing.
    """
    kafka = settings.kafka
    wait_until_reachable(kafka, CONNECT_MS / 1_000)
    if kafka.is_authenticated:
        _require_rights(kafka, rights.of_processor(settings.group, follows_store=settings.store_url is not None))


def _require_rights(kafka: KafkaConnection, needed: tuple[rights.Right, ...]) -> None:
    # aiokafka has no request for the rights of a topic. The imports take time that a worker without users saves.
    from kafka import KafkaAdminClient  # noqa: PLC0415
    from kafka.errors import KafkaError  # noqa: PLC0415

    from har.process.kafka_access import require_rights  # noqa: PLC0415

    try:
        require_rights(KafkaAdminClient, kafka, needed)
    except KafkaError as error:
        raise KafkaRefusedError(f"Kafka at {kafka} does not say what {kafka.identity} may do: {error}") from error
