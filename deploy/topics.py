"""Creating the Kafka topics."""

import logging
import logging.config
import sys

from kafka.admin import KafkaAdminClient, NewTopic
from kafka.errors import KafkaError, TopicAlreadyExistsError

from har import topics
from har.log_format import logging_config
from har.settings import TopicsSettings

log = logging.getLogger(__name__)


def create_topics(bootstrap: str, *, partitions: int, replication: int) -> None:
    """Create the topics that do not exist yet.

    Raises
    ------
    kafka.errors.KafkaError
        If Kafka cannot be reached or refuses.
    """
    admin = KafkaAdminClient(bootstrap_servers=bootstrap.split(","))
    try:
        for topic in topics.ALL:
            new = NewTopic(topic.name, partitions, replication, topic_configs={"retention.ms": str(topic.retention_ms)})
            try:
                admin.create_topics([new])
                log.info("created topic %s with %d partitions", topic.name, partitions)
            except TopicAlreadyExistsError:
                log.info("topic %s is there", topic.name)
    finally:
        admin.close()


def run(settings: TopicsSettings) -> int:
    """Create the topics; return the exit status."""
    logging.config.dictConfig(logging_config("topics"))
    try:
        create_topics(settings.bootstrap, partitions=settings.partitions, replication=settings.replication)
    except KafkaError as error:
        print(f"har topics: Kafka at {settings.bootstrap}: {error}", file=sys.stderr)
        return 1
    return 0


def check_kafka(bootstrap: str) -> None:
    """Ask Kafka for its topics; an open port alone does not tell that it is ready.

    Raises
    ------
    kafka.errors.KafkaError
        If it does not answer.
    """
    admin = KafkaAdminClient(bootstrap_servers=bootstrap.split(","), bootstrap_timeout_ms=1_000)
    try:
        admin.list_topics()
    finally:
        admin.close()
