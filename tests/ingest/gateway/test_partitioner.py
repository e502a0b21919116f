import pytest
from kafka.partitioner.default import DefaultPartitioner

from ingest.gateway.partitioner import RememberingPartitioner


@pytest.mark.parametrize("partitions", [1, 4, 12])
def test_partitions_are_those_of_the_default_partitioner(partitions):
    class Cluster:
        def topics(self):
            return {"t"}

        def partitions_for_topic(self, _):
            return set(range(partitions))

        def available_partitions_for_topic(self, _):
            return set(range(partitions))

    for number in range(200):
        key = b"phone-%d" % number
        arguments = ("t", key, key, b"", b"", Cluster())
        assert RememberingPartitioner().partition(*arguments) == DefaultPartitioner().partition(*arguments)
