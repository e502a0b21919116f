"""Check, before Faust starts, that Kafka lets this worker do its work: Faust would try again and again."""

from har import rights
from har.process.kafka_clients import KafkaRefusedError, open_client
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
    # aiokafka asks for no rights, and does not end if it cannot connect. The imports take time that `--help` saves.
    from kafka import KafkaAdminClient  # noqa: PLC0415
    from kafka.errors import KafkaError  # noqa: PLC0415

    from har.process.kafka_access import require_rights  # noqa: PLC0415

    kafka = settings.kafka
    needed = rights.of_processor(settings.group, follows_store=settings.store_url is not None)
    try:
        if kafka.is_authenticated:
            require_rights(KafkaAdminClient, kafka, needed)
        else:
            open_client(KafkaAdminClient, kafka).close()
    except KafkaError as error:
        raise KafkaRefusedError(f"Kafka at {kafka} does not say what {kafka.identity} may do: {error}") from error
