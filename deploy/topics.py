"""Create the Kafka topics."""

import logging

from kafka.admin import KafkaAdminClient, NewTopic
from kafka.errors import (
    ClusterAuthorizationFailedError,
    InvalidReplicationFactorError,
    KafkaError,
    TopicAlreadyExistsError,
    TopicAuthorizationFailedError,
)

from deploy.acls import give, grants
from deploy.settings import TopicsSettings
from har import topics
from har.process.ending import NOT_REACHED, REACHED, report_failure
from har.process.kafka_clients import lacking, open_client
from har.process.kafka_connection import KafkaConnection
from har.process.log_format import configure_logs
from har.rights import Right

log = logging.getLogger(__name__)


class TooFewBrokersError(RuntimeError):
    """Kafka has fewer brokers than a topic is to have replicas; the message states what to do."""


#: How long the partitions of a new topic may be without a leader, s.
LEADER_SECONDS = 30
USUAL_REPLICATION = 3


def create_topics(kafka: KafkaConnection, *, partitions: int, replication: int) -> None:
    """Create the topics that do not exist yet, and wait until every partition of every topic has a leader.

    Raises
    ------
    kafka.errors.KafkaError
        If Kafka cannot be reached, or rejects a topic.
    TooFewBrokersError
        If there are fewer brokers than replicas.
    KafkaRefusedError
        If the user may not create a topic.
    """
    admin = open_client(KafkaAdminClient, kafka)
    try:
        for topic in topics.ALL:
            _create(admin, kafka, _new_topic(topic, partitions, replication))
        admin.wait_for_topics([topic.name for topic in topics.ALL], timeout_ms=LEADER_SECONDS * 1_000)
    finally:
        admin.close()


def _create(admin: KafkaAdminClient, kafka: KafkaConnection, topic: NewTopic) -> None:
    try:
        admin.create_topics([topic])
        log.info("created topic %s with %d partitions", topic.name, topic.num_partitions)
    except TopicAlreadyExistsError:
        log.info("topic %s exists", topic.name)
    except InvalidReplicationFactorError as error:
        running = len(admin.describe_cluster()["brokers"])
        raise TooFewBrokersError(
            f"Kafka at {kafka} has {running} broker(s), too few for {topic.replication_factor} replicas of each "
            f"topic: start more, or use --replication {running}"
        ) from error
    except (TopicAuthorizationFailedError, ClusterAuthorizationFailedError) as error:
        raise lacking(kafka, Right("CREATE", "TOPIC", topic.name)) from error


def affordable_replication(kafka: KafkaConnection) -> int:
    """Return the number of replicas that a topic can have on this Kafka, at most `USUAL_REPLICATION`.

    Raises
    ------
    kafka.errors.KafkaError
        If Kafka cannot be reached.
    """
    admin = open_client(KafkaAdminClient, kafka)
    try:
        return min(USUAL_REPLICATION, len(admin.describe_cluster()["brokers"]))
    finally:
        admin.close()


def min_in_sync_replicas(replication: int) -> int:
    """Return how many replicas must have a message before it is confirmed: of three or more, one may be away.

    Of two replicas, one must suffice: if both were required, the topic would be down whenever either is.

    Examples
    --------
    >>> [min_in_sync_replicas(replication) for replication in (1, 2, 3, 5)]
    [1, 1, 2, 4]
    """
    return replication - 1 if replication > 2 else 1


def _new_topic(topic: topics.Topic, partitions: int, replication: int) -> NewTopic:
    configs = {"min.insync.replicas": str(min_in_sync_replicas(replication))}
    if topic.compacted:
        configs |= {"cleanup.policy": "compact", "max.compaction.lag.ms": str(topic.retention_ms)}
    else:
        configs |= {"retention.ms": str(topic.retention_ms)}
    return NewTopic(topic.name, topic.partitions or partitions, replication, topic_configs=configs)


def run(settings: TopicsSettings) -> int:
    """Create the topics; return the exit status."""
    configure_logs("topics", settings)
    try:
        if settings.acls is None:
            create_topics(settings.kafka, partitions=settings.partitions, replication=settings.replication)
        else:
            _show_or_give_rights(settings)
    except KafkaError as error:
        report_failure("har topics", f"Kafka at {settings.bootstrap}: {error}")
        return NOT_REACHED
    except (OSError, RuntimeError) as error:
        report_failure("har topics", error)
        return NOT_REACHED
    return REACHED


def _show_or_give_rights(settings: TopicsSettings) -> None:
    wanted = grants(settings.principal, settings.group)
    if settings.acls == "print":
        print("\n".join(grant.command(settings.bootstrap) for grant in wanted))
        return
    give(settings.kafka, wanted)
    print("\n".join(f"{grant.principal} may {grant.right}" for grant in wanted))


def check_kafka(kafka: KafkaConnection) -> None:
    """Request the list of topics: an open port alone does not prove that Kafka is ready.

    Raises
    ------
    kafka.errors.KafkaError
        If Kafka does not answer.
    """
    admin = open_client(KafkaAdminClient, kafka, bootstrap_timeout_ms=1_000)
    try:
        admin.list_topics()
    finally:
        admin.close()
