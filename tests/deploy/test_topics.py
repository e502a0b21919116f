"""`har topics` creates the topics that do not exist yet."""

import pytest
from kafka.admin import KafkaAdminClient

from har import topics
from tests import brokers

pytestmark = pytest.mark.kafka


def partitions_and_replicas(bootstrap):
    """Return the number of partitions of each topic, and the numbers of their replicas."""
    admin = KafkaAdminClient(bootstrap_servers=[bootstrap])
    try:
        described = admin.describe_topics([topic.name for topic in topics.ALL])
    finally:
        admin.close()
    partitions = {topic["name"]: len(topic["partitions"]) for topic in described}
    return partitions, {len(of["replica_nodes"]) for topic in described for of in topic["partitions"]}


def test_topics_are_created_once_with_partitions_and_replicas(broker, har):
    brokers.delete_everything(broker.kafka)
    for partitions in ("3", "5"):  # the second call changes nothing
        run = har.call("topics", "--bootstrap", broker.bootstrap, "--partitions", partitions, "--replication", "1")
        assert run.status == 0, run.err
        found, replicas = partitions_and_replicas(broker.bootstrap)
        assert found == {topic.name: topic.partitions or 3 for topic in topics.ALL}
        assert replicas == {1}


@pytest.mark.parametrize("broker", [brokers.APACHE], indirect=True)
def test_more_replicas_than_brokers_are_rejected_with_the_reason(broker, har):
    brokers.delete_everything(broker.kafka)
    run = har.call("topics", "--bootstrap", broker.bootstrap, "--replication", "3")
    assert run.status == 1
    assert f"har topics: Kafka at {broker.bootstrap} has 1 broker(s), too few for 3 replicas" in run.err
    assert "use --replication 1\n" in run.err
    assert "eplication" in run.err
