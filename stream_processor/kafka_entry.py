"""Check, before Faust starts, that Kafka lets this worker do its work: Faust would try again and again."""

from kafka import KafkaAdminClient
from kafka.errors import KafkaError

from har import rights
from har.process import kafka_access
from har.process.kafka_clients import KafkaRefusedError
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
    needed = rights.of_processor(settings.group, follows_store=settings.store_url is not None)
    try:
        # aiokafka asks for no rights, and does not end if it cannot connect.
        kafka_access.require_access(KafkaAdminClient, kafka, needed)
    except KafkaError as error:
        raise KafkaRefusedError(f"Kafka at {kafka} does not say what {kafka.identity} may do: {error}") from error
