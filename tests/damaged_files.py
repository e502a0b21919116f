"""Partitions whose files a broker cannot read, for the tests of both clients of Kafka."""

from kafka import KafkaProducer
from kafka.admin import ConfigResource, ConfigResourceType

from har import topics
from har.process.unreadable_batch import UnreadableBatch
from tests.brokers import administer
from tests.faults.damage import damage_length

SAMPLES = topics.SAMPLES.name
#: What the length in the header of a batch is damaged to. Kafka answers each in another way.
LENGTHS = (lambda _: 3, lambda _: -5, lambda _: 2**31 - 1, lambda right: right + 9)
MESSAGES = 12
DAMAGED = 5
#: A broker's index has an entry for every 4 KiB, so that several batches lie between two.
MESSAGE_BYTES = 1_000

#: Before the damage, at it, and between it and the next entry of the index.
POSITIONS = (0, DAMAGED, DAMAGED + 1, DAMAGED + 2)


def write(broker, messages=MESSAGES, *, partition=0, size=MESSAGE_BYTES):
    """Write messages, each in a batch of its own."""
    producer = KafkaProducer(bootstrap_servers=broker.bootstrap)
    for _ in range(messages):
        producer.send(SAMPLES, bytes(size), partition=partition).get(10)
    producer.close()


def write_damaged(broker):
    """Write to each partition, and damage the length of a batch in a way of its own."""
    for partition, length in enumerate(LENGTHS):
        write(broker, partition=partition)
        damage_length(broker.cluster, SAMPLES, partition, DAMAGED, length)


def let_files_be_small(broker):
    """Let the broker begin a new file after 1 MiB."""
    setting = ConfigResource(ConfigResourceType.TOPIC, SAMPLES, {"segment.bytes": str(1024 * 1024)})
    administer(broker.kafka, lambda admin: admin.alter_configs([setting]))


def places(records):
    """Return the offsets of readable records, and (first, last) of what is lost."""
    return [
        (record.value.first, record.value.last) if isinstance(record.value, UnreadableBatch) else record.offset
        for record in records
    ]
