from types import SimpleNamespace

import faust
import pytest
from faust.types import TP

from har import topics
from stream_processor.transport import ConsumerThread, use_transport

PARTITION = TP(topics.SAMPLES.name, 0)


async def _nothing(*_: object) -> None:
    pass


@pytest.fixture
async def committing():
    """The consumer before it connects, and a list of Kafka's answers to its commits."""
    app = faust.App("tests", broker="kafka://127.0.0.1:1", store="memory://")
    use_transport(app, fetch_wait_ms=50, on_lost=lambda _: None)
    app.producer = SimpleNamespace(flush=_nothing)
    consumer = app.consumer
    answers: list[bool] = []

    async def commit(_: object) -> bool:
        return answers.pop(0)

    consumer._thread.thread_loop.close()
    consumer._thread = SimpleNamespace(assignment=lambda: {PARTITION}, commit=commit)
    return consumer, answers


async def test_a_commit_that_kafka_rejected_does_not_count_as_committed(committing):
    consumer, answers = committing
    answers += [True, False, True]
    committed = []
    for offset in (10, 20, 30):
        await consumer._commit_offsets({PARTITION: offset})
        committed.append(consumer.committed(PARTITION))
    assert committed == [10, 10, 30]


async def test_fetches_wait_as_long_as_set(committing):
    consumer, _ = committing
    thread = ConsumerThread(consumer)
    thread.thread_loop.close()
    client = thread._create_worker_consumer(consumer.transport)
    assert client._fetch_max_wait_ms == 50
    await client.stop()


async def test_the_offset_after_the_newest_acknowledged_message_is_committed_whatever_gaps_are_before_it(committing):
    consumer, _ = committing
    await consumer._add_gap(PARTITION, 6, 10**9)  # at once, although Faust would list each offset
    assert consumer._new_offset(PARTITION) is None
    consumer._acked[PARTITION] += [4, 5, 10**9]
    assert consumer._new_offset(PARTITION) == 10**9 + 1
    assert consumer._new_offset(PARTITION) is None


async def test_offsets_of_partitions_that_were_just_revoked_are_not_committed_and_end_nothing(committing):
    consumer, _ = committing
    thread = ConsumerThread(consumer)
    thread.thread_loop.close()
    thread._consumer = client = thread._create_worker_consumer(consumer.transport)
    crashes = []

    async def crash(error: BaseException) -> None:
        crashes.append(error)

    thread.crash = crash
    assert not await thread._commit({PARTITION: 10})
    assert not crashes
    await client.stop()
