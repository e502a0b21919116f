"""The choice of the partition that a device's messages go to."""

from functools import lru_cache

from kafka.cluster import ClusterMetadata
from kafka.partitioner.default import DefaultPartitioner, murmur2


@lru_cache(maxsize=50_000)
def _partition(key: bytes, partitions: int) -> int:
    return int(murmur2(key) & 0x7FFFFFFF) % partitions


class RememberingPartitioner(DefaultPartitioner):  # type: ignore[misc]  # kafka-python carries no types
    """Chooses the same partitions as Kafka's default partitioner, but caches the hash of each device's name."""

    def partition(
        self,
        topic: str,
        key: object,
        serialized_key: bytes | None,
        value: object,
        serialized: object,
        cluster: ClusterMetadata,
    ) -> int:
        """Return the partition of a message with this key."""
        partitions = cluster.partitions_for_topic(topic) if serialized_key is not None else None
        if not partitions:
            chosen: int = super().partition(topic, key, serialized_key, value, serialized, cluster)
            return chosen
        return _partition(serialized_key or b"", len(partitions))
