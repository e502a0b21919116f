"""Write messages directly to Kafka, without the gateway, which would not accept them."""

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from kafka import KafkaProducer

from har import topics
from har.binary_samples import encode_batch
from har.samples import SampleBatch

Origin = tuple[int, int]


class DirectSender:
    """Writes to the samples' topic."""

    def __init__(self, bootstrap: str, compression: str | None) -> None:
        self._producer = KafkaProducer(
            bootstrap_servers=bootstrap.split(","), acks="all", linger_ms=5, compression_type=compression
        )

    async def send(self, messages: Iterable[tuple[bytes, bytes]]) -> list[Origin]:
        """Write messages (key, value); return the partition and offset of each."""
        sent = [self._producer.send(topics.SAMPLES.name, key=key, value=value) for key, value in messages]
        await asyncio.to_thread(self._producer.flush)
        return [(written.partition, written.offset) for written in (future.get(30) for future in sent)]

    async def send_batches(self, batches: Iterable[SampleBatch]) -> list[Origin]:
        return await self.send((batch.device.encode(), encode_batch(batch)) for batch in batches)

    def close(self) -> None:
        self._producer.close()


@contextmanager
def direct_sender(bootstrap: str, compression: str | None = None) -> Iterator[DirectSender]:
    sender = DirectSender(bootstrap, compression)
    try:
        yield sender
    finally:
        sender.close()
