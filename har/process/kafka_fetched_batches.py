"""Let a consumer of kafka-python pass unreadable batches, and read on where a broker cannot read its own file."""

import inspect
from collections.abc import Callable
from typing import Any, Protocol

from har import topics
from har.process.batch_headers import Buffer, Decode, with_first_length
from har.process.damaged_files import NOT_ANSWERED, Answer, Silence, is_suspicious, read_on
from har.process.record_batches import FetchedBatches


class _Fetched(Protocol):
    """What kafka-python makes of a partition's part of a fetch."""

    _buffer: Buffer


def read_every_batch(reader: Any) -> None:  # noqa: ANN401  (this package does not depend on kafka-python)
    """Let a `kafka.KafkaConsumer` take its batches from `FetchedBatches`, for which it has no setting."""
    fetcher = reader._fetcher
    _pass_unreadable(fetcher)
    _read_on(fetcher)


def _pass_unreadable(fetcher: Any) -> None:  # noqa: ANN401  (kafka-python's)
    unpacked = fetcher.PartitionRecords

    def unpack(fetch_offset: int, partition: object, fetched: _Fetched, **settings: object) -> object:
        batches = FetchedBatches(fetched._buffer, _decode(fetcher))
        batches.position = fetch_offset
        return unpacked(fetch_offset, partition, batches, **settings)

    fetcher.PartitionRecords = unpack


def _read_on(fetcher: Any) -> None:  # noqa: ANN401  (kafka-python's)
    """Let a fetcher read on where a broker cannot read its own file."""
    parse, decode, silence = fetcher._parse_fetched_data, _decode(fetcher), Silence()

    def read_and_parse(completed: Any) -> object:  # noqa: ANN401  (kafka-python's `CompletedFetch`)
        data, position = completed.partition_data, completed.fetched_offset
        if is_suspicious(_answer(data), position):
            partition = completed.topic_partition
            _replace(fetcher, partition, data, position, lambda: silence.has_lasted(partition, position))
        if data.records:
            # kafka-python itself looks at the first length.
            data.records = with_first_length(data.records, decode)
        return parse(completed)

    fetcher._parse_fetched_data = read_and_parse


def _replace(
    fetcher: Any,  # noqa: ANN401  (kafka-python's)
    partition: Any,  # noqa: ANN401
    data: Any,  # noqa: ANN401
    position: int,
    is_silent: Callable[[], bool],
) -> None:
    """Replace a partition's part of an answer with batches that can be read, if its file is damaged."""
    library: Any = inspect.getmodule(type(fetcher))
    manager, decode = fetcher._manager, _decode(fetcher)
    end = data.high_watermark

    async def fetch(offset: int, most: int) -> Answer:
        nonlocal end
        leader = manager.cluster.leader_for_partition(partition)
        response = await manager.send(_request(library, partition, offset, most), node_id=leader)
        parts = (_answer(each) for found in response.responses for each in found.partitions)
        answer = next(parts, NOT_ANSWERED)
        end = max(end, answer.end)
        return answer

    async def read() -> bytes | None:
        try:
            return await read_on(
                fetch, position, decode, is_compacted=partition.topic in topics.COMPACTED, is_silent=is_silent
            )
        except library.Errors.KafkaError:  # the next ordinary fetch meets it, too, and the client handles it there
            return b""

    content = manager.run(read)
    if content is not None:
        data.error_code, data.high_watermark, data.records = 0, end, content


def _decode(fetcher: Any) -> Decode:  # noqa: ANN401  (kafka-python's)
    library: Any = inspect.getmodule(type(fetcher))
    return lambda batch: library.MemoryRecords(batch).next_batch()


def _request(library: Any, partition: Any, offset: int, most: int) -> object:  # noqa: ANN401  (kafka-python's)
    asked = library._FetchPartition(
        partition=partition.partition,
        current_leader_epoch=-1,
        fetch_offset=offset,
        last_fetched_epoch=-1,
        partition_max_bytes=most,
    )
    outside_session = library.FetchRequestData({partition: asked}, None, library.FetchMetadata.LEGACY)
    return library.FetchRequest(
        max_wait_ms=0,
        min_bytes=0,
        max_bytes=most,
        isolation_level=0,
        session_id=outside_session.id,
        session_epoch=outside_session.epoch,
        topics=outside_session.to_send,
        forgotten_topics_data=outside_session.to_forget,
        rack_id="",
        min_version=4,  # the first of Kafka's present batches
        max_version=12,
    )


def _answer(data: Any) -> Answer:  # noqa: ANN401  (kafka-python's part of a response)
    return Answer(data.error_code, data.high_watermark, data.records or b"")
