"""Batches of Kafka in every codec, and some that cannot be read or not be found, while phones stream."""

import asyncio

import pytest
from aiokafka import AIOKafkaProducer
from kafka.admin import ConfigResource, ConfigResourceType

from deploy.audit.prediction_watch import PredictionWatch
from deploy.audit.topic_reader import TopicReader
from har import topics
from har.binary_samples import encode_batch
from har.process.kafka_connection import KafkaConnection
from har.process.record_codecs import CODECS
from har.rejections import Rejection
from tests.batches import live_batches
from tests.brokers import administer
from tests.faults.archive_checks import assert_acknowledged_readings_are_archived_once, assert_archive_equals_kafka
from tests.faults.conftest import by_length
from tests.faults.damage import damage_batch, damage_length
from tests.faults.sending import direct_sender
from tests.waiting import until

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(by_length(300, 1_800))]

PHONES = by_length(8, 50)
DAMAGED = by_length(2, 20)
#: Long enough for a first window of a sender that ends, s.
SENT_SECONDS = 8


def sent_batches(device):
    return live_batches(SENT_SECONDS, device=device)


async def send_with_aiokafka(bootstrap, codec, batches):
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, compression_type=codec, linger_ms=50)
    await producer.start()
    try:
        sent = [
            await producer.send(topics.SAMPLES.name, key=batch.device.encode(), value=encode_batch(batch))
            for batch in batches
        ]
        await asyncio.gather(*sent)
    finally:
        await producer.stop()


def let_the_broker_compress(bootstrap, codec):
    """Make the broker write its topic with a codec, whatever producers use: with Kafka's own, Java libraries."""
    setting = ConfigResource(ConfigResourceType.TOPIC, topics.SAMPLES.name, {"compression.type": codec})
    administer(KafkaConnection(bootstrap), lambda admin: admin.alter_configs([setting]))


async def send_in_every_codec(bootstrap):
    """Send readings of one device for each codec and who compresses; return the devices."""
    for codec in CODECS.values():
        kinds = {kind: sent_batches(f"{kind}-{codec}") for kind in ("kafka-python", "aiokafka", "broker")}
        with direct_sender(bootstrap, codec) as sender:
            await sender.send_batches(kinds["kafka-python"])
        await send_with_aiokafka(bootstrap, codec, kinds["aiokafka"])
        await asyncio.to_thread(let_the_broker_compress, bootstrap, codec)
        with direct_sender(bootstrap) as sender:
            await sender.send_batches(kinds["broker"])
    await asyncio.to_thread(let_the_broker_compress, bootstrap, "producer")
    return {f"{kind}-{codec}" for codec in CODECS.values() for kind in ("kafka-python", "aiokafka", "broker")}


async def send_damaged(cluster, stage):
    """Write batches of Kafka that nobody can read; return their partition, first and last offset."""
    places = []
    with direct_sender(cluster.bootstrap, "zstd") as sender, stage.frozen("processor"), stage.frozen("archiver"):
        for number in range(DAMAGED):
            origins = await sender.send((b"mallory-%d" % number, b"readings" * 20) for _ in range(5))
            partition, offset = origins[0]
            places.append((partition, *damage_batch(cluster, topics.SAMPLES.name, partition, offset)))
    return places


async def send_with_damaged_lengths(cluster, stage):
    """Write readings in batches of Kafka that a broker cannot find, at the readers' positions; return their devices."""
    devices = [f"length-{number}" for number in range(DAMAGED)]
    with direct_sender(cluster.bootstrap) as sender, stage.frozen("processor"), stage.frozen("archiver"):
        places = []
        for device in devices:
            first, *rest = sent_batches(device)
            await sender.send_batches([first])  # a fetch waits for it
            places.append((await sender.send_batches(rest))[0])
        for partition, offset in sorted(places, reverse=True):  # nothing after a damaged length is found
            damage_length(cluster, topics.SAMPLES.name, partition, offset)
    return set(devices)


def rejected_places(kafka):
    """Return the places of unreadable batches on the dead-letter topic, by the service that put them there."""
    found = {"processor": [], "archiver": []}
    with TopicReader(kafka, topics.REJECTED.name) as reader:
        reader.open()
        records = [record for polled in reader.read_to_end() for record in polled]
    for record in records:
        rejection = Rejection.of_record(record.key, record.value, record.headers)
        assert rejection.code == "unreadable", rejection.detail
        _, partition, first = rejection.origin.split("/")
        found[rejection.rejected_by].append((int(partition), int(first), int(first) + rejection.offsets - 1))
    return {service: sorted(places) for service, places in found.items()}


async def test_every_codec_is_read_and_unreadable_batches_are_skipped(one_broker, open_stage, report, tmp_path):
    stage = await open_stage(one_broker.kafka, archive=str(tmp_path / "archive"))
    await stage.start_phones(PHONES)
    watch = PredictionWatch(one_broker.kafka)
    watch.start()
    devices = await send_in_every_codec(one_broker.bootstrap)
    damaged = sorted(await send_damaged(one_broker, stage))
    devices |= await send_with_damaged_lengths(one_broker, stage)

    def unpredicted():
        return devices - {device for device, _, _ in list(watch.wait_for(set(), 0).predictions)}

    await until(lambda: not unpredicted(), lambda: f"predictions of {sorted(unpredicted())}", 60)
    watch.close()
    await asyncio.sleep(by_length(2, 60))
    await stage.stop_phones()
    audit = await stage.audit()
    assert sorted((batch.partition, batch.first, batch.last) for batch in audit.unreadable) == [
        (f"{topics.SAMPLES.name}/{partition}", first, last) for partition, first, last in damaged
    ]
    await assert_acknowledged_readings_are_archived_once(stage)
    await assert_archive_equals_kafka(stage)
    found = await asyncio.to_thread(rejected_places, stage.kafka)
    assert found == {"processor": damaged, "archiver": damaged}  # once each
    assert (stage.part("processor").starts, stage.part("archiver").starts) == (1, 1)
    report(f"every codec; {DAMAGED} unreadable batches", audit, may_reject=True, rejected=audit.rejected)
