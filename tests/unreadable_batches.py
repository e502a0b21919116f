"""Batches of Kafka with a right checksum that nobody can decompress, which the embedded broker accepts."""

from unittest.mock import patch

from kafka import KafkaProducer


def send_unreadable(bootstrap: str, topic: str, messages: int = 3) -> None:
    """Write one batch of some messages whose records are no gzip, to partition 0."""
    with patch("kafka.record.default_records.gzip_encode", lambda _: b"this is not gzip"):
        producer = KafkaProducer(bootstrap_servers=bootstrap, compression_type="gzip", linger_ms=200)
        sent = [producer.send(topic, key=b"key", value=b"%d" % number, partition=0) for number in range(messages)]
        producer.flush()
        for future in sent:
            future.get(10)
        producer.close()
